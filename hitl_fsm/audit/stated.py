"""What lines say of the state of things that are kept in rows beside the record: questions, grants, holds and others.

The engine acts by the rows. So a row that says something else than the newest line about it is as much of an alteration
as a changed line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from sys import intern
from typing import Any, Final, NamedTuple

import msgspec

TABLES: Final = ("requirement", "permission", "delegation", "override", "hold")

_EVENTS: Final[dict[str, tuple[str, str, str]]] = {
    "requirement_opened": ("requirement", "requirement", "open"),
    **{
        f"requirement_{state}": ("requirement", "requirement", state)
        for state in ("resolved", "rejected", "expired", "cancelled", "superseded")
    },
    "grant_made": ("permission", "grant_id", "active"),
    "grant_revoked": ("permission", "grant", "revoked"),
    "grant_used": ("permission", "grant", ""),
    "delegation_made": ("delegation", "delegation", "active"),
    "delegation_ended": ("delegation", "delegation", "ended"),
    "break_glass": ("override", "requirement", "open"),
    "override_reviewed": ("override", "requirement", "reviewed"),
    "hold_placed": ("hold", "hold", "active"),
    "hold_released": ("hold", "hold", "released"),
}
"""By event: in which table it is, which member names the row, the state that it is in from then on ("": as before)."""
EVENTS: Final = frozenset(_EVENTS)

_SAME: Final = {
    "permission": (
        *("tool", "agent", "uses", "until", "gate", "tool_version", "run_id", "session", "user"),
        *("vary", "budget_of", "budget", "requirement_id", "at", "sensitive"),
    ),
    "delegation": ("giver", "taker", "roles", "since", "until"),
    "hold": ("kind", "about"),
}
"""Members that the line which made a row and the row's body have in common; one that is left out is empty in both."""
_FIRST: Final = frozenset({"open", "active"})

Key = tuple[str, str]
"""Table and id."""


class Stated(NamedTuple):
    """Line `seq` about a row: its state from then on, by which answer of whom; `made` is what the row was made with.

    `digest` is that of the action that a question is about, `uses` has the lines that tell of a grant's uses.
    """

    seq: int
    state: str
    answer: str = ""
    by: str = ""
    made: tuple[tuple[str, Any], ...] = ()
    digest: bytes = b""
    uses: tuple[int, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether there is no state after it."""
        return self.state not in _FIRST


class _By(msgspec.Struct, gc=False):
    id: str


class _Line(msgspec.Struct, gc=False):
    event: str
    by: _By
    data: dict[str, Any]


class _Answer(msgspec.Struct, gc=False):
    type: str = ""


class _Resolution(msgspec.Struct, gc=False):
    answer: _Answer
    by: _By


class _Requirement(msgspec.Struct, gc=False):
    digest: str = ""
    resolution: _Resolution | None = None


_line = msgspec.json.Decoder(_Line).decode
_requirement = msgspec.json.Decoder(_Requirement).decode
_body = msgspec.json.Decoder(dict[str, Any]).decode
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, InvalidOperation)


def stated(seq: int, body: bytes) -> tuple[Key, Stated] | None:
    """What a line of `EVENTS` says; None where it cannot be read."""
    try:
        line = _line(body)
    except _BROKEN:
        return None
    table, member, state = _EVENTS[line.event]
    made: tuple[tuple[str, Any], ...] = ()
    if state in _FIRST:
        made = tuple((one, line.data.get(one)) for one in _SAME.get(table, ()))
    key, answer = line.data.get(member), line.data.get("answer")
    words = intern(str(answer or "")), intern(line.by.id)  # few, and kept for each row that there ever was
    told = Stated(seq, state, *words, made, _digest(line.data), () if state else (seq,))
    return (table, str(key)), told


def _digest(data: Mapping[str, Any]) -> bytes:
    """Of what a question is about, as its line has it, and in half the memory."""
    try:
        return bytes.fromhex(data["digest"]) if "requirement" in data else b""
    except (KeyError, TypeError, ValueError):
        return b""


def joined(before: Stated | None, now: Stated) -> Stated:
    """The newest line about a row's state, with what the row was made with, and with all its uses."""
    if before is None:
        return now
    uses = before.uses + now.uses
    if not now.state:
        return before._replace(uses=uses)
    return now._replace(made=now.made or before.made, digest=before.digest or now.digest, uses=uses)


def difference(table: str, row: Sequence[Any], told: Stated | None, *, whole: bool = True) -> str:
    """What the row (id, state, body, and more) says that the lines about it do not; or "".

    `whole`: no line is without its body, so that each use has its line.
    """
    key, state, body, *used = row
    what = f"the row of the {table} {key!r:.80}"
    if told is None:
        return f"{what} says {state!r:.20}, and no line of the record is about it"
    if state != told.state:
        return f"{what} says {state!r:.20}, and the record {told.state!r}"
    try:
        other = _answer(body, told) if table == "requirement" else _made(body, told)
    except _BROKEN:
        return f"{what} cannot be read"
    uses = len(told.uses)
    if not other and used and used[0] != uses and (whole or not _is_more(used[0], uses)):
        other = f"{used[0]!r:.20} uses, and the record {uses}"
    return f"{what} has {other}" if other else ""


def _is_more(used: Any, told: int) -> bool:
    return isinstance(used, int) and used > told


def _answer(body: Any, told: Stated) -> str:
    row = _requirement(body)
    if told.digest and row.digest != told.digest.hex():
        return "another action than the record"
    found = row.resolution
    answer, by = ("", "") if found is None else (found.answer.type, found.by.id)
    if answer != told.answer:
        return f"the answer {answer!r:.20}, and the record {told.answer!r:.20}"
    if answer and by != told.by and told.state != "superseded":  # that line is by who set the answer aside
        return f"an answer of {by!r:.80}, and the record one of {told.by!r:.80}"
    return ""


def _made(body: Any, told: Stated) -> str:
    there = _body(body)
    for name, value in told.made:
        row = there.get(name)
        same = (row or None) == (value or None)
        if not (same or (name == "budget" and Decimal(str(row or 0)) == Decimal(str(value or 0)))):
            return f"another {name!r} than the record"
    return ""


def lost(told: Mapping[Key, Stated], there: set[Key]) -> list[tuple[Key, Stated]]:
    """Holds that nobody released, and that have no row any more."""
    return [(key, one) for key, one in told.items() if key[0] == "hold" and not one.is_last and key not in there]
