"""What lines say of how far runs and their calls have come: the newest word about each.

A run's row has its state, a call's row has its own, and both follow from the run's log. So a row or a log that was
moved by hand says something else than the record.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from sys import intern
from typing import Any, Final, NamedTuple

import msgspec

_STATES: Final = ("running", "paused", "resolving", "continuing", "done", "failed", "cancelled")
_RUNS: Final = {"run_created": "running", **{f"run_{state}": state for state in _STATES}}
_ENDS: Final = ("succeeded", "failed", "denied", "withheld", "substituted")
OVER: Final = frozenset({"done", "cancelled"})
"""States of a run after which there is none, and in which it may be forgotten."""
_BACK: Final = frozenset({"call_authorised", "call_asked", "call_not_begun", "call_sent_back"})
_OF_STATE: Final[dict[str, frozenset[str]]] = {
    **{state: frozenset({f"call_{state}"}) for state in _ENDS},
    "executing": frozenset({"call_started"}),
    "outcome_unknown": frozenset({"call_lost", "call_not_begun"}),
    "in_review": frozenset({"call_held"}),
}
"""By the state of a call: what the newest of its lines says. Of one that waits to begin, lines of each release say
less or more; but none that it has ended."""
_ENDED: Final = frozenset(f"call_{state}" for state in _ENDS)
MOVES: Final = frozenset(_RUNS) | _BACK | frozenset().union(*_OF_STATE.values())


class Moves(NamedTuple):
    """By run its state ("": lines about it are without their bodies), and by call its newest event.

    Calls of a run that is over are let go.
    """

    runs: dict[str, str]
    calls: dict[str, dict[str, str]]


class _Data(msgspec.Struct, gc=False):
    call: str = ""


class _Line(msgspec.Struct, gc=False):
    data: _Data


_line = msgspec.json.Decoder(_Line).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def nothing_moved() -> Moves:
    """Before the first line."""
    return Moves({}, {})


def hear_move(moves: Moves, run: str, event: str, body: bytes) -> None:
    """One more line of `MOVES`."""
    state = _RUNS.get(event)
    if state is not None:
        moves.runs[run] = state
        if state in OVER:
            moves.calls.pop(run, None)
        return
    try:
        call = _line(body).data.call
    except _BROKEN:
        return
    moves.calls.setdefault(run, {})[call] = intern(event)


def hear_bare(moves: Moves, run: Any) -> None:
    """A line without its body."""
    if isinstance(run, str) and run:
        moves.runs[run] = ""


def follow(moves: Moves, later: Moves) -> None:
    """Add what lines after these say."""
    moves.runs.update(later.runs)
    for run, state in later.runs.items():
        if state in OVER:
            moves.calls.pop(run, None)
    for run, calls in later.calls.items():
        moves.calls.setdefault(run, {}).update(calls)


def run_differs(run: str, state: Any, moves: Moves) -> str:
    """What the row of a run says that the record does not; or ""."""
    told = moves.runs.get(run)
    if told is None:
        return f"the row of the run {run!r:.80} says {state!r:.20}, and no line of the record is about it"
    return "" if told in ("", state) else f"the row of the run {run!r:.80} says {state!r:.20}, and the record {told!r}"


def lost_runs(moves: Moves, there: Container[str]) -> list[str]:
    """Runs that are not over, so that nobody could forget them, and have no row any more."""
    return [run for run, state in moves.runs.items() if state and state not in OVER and run not in there]


def call_differs(call: str, state: str, told: Mapping[str, str]) -> str:
    """What the log of a run says of one of its calls that the lines about it do not; or ""."""
    newest = told.get(call, "")
    wanted = _OF_STATE.get(state)
    if newest not in wanted if wanted is not None else newest in _ENDED:
        return f"the call {call!r:.80} {state}, and the record {newest.removeprefix('call_') or 'nothing'!r}"
    return ""
