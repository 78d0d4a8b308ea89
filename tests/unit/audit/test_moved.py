"""How far runs have come by their lines: wherever the record is cut into ranges, and whatever the lines are."""

from __future__ import annotations

import json

import pytest

from hitl_fsm.audit.moved import (
    MOVES,
    Moves,
    call_differs,
    follow,
    hear_bare,
    hear_move,
    lost_runs,
    nothing_moved,
    run_differs,
)

LINES: list[tuple[str, str, str]] = [
    ("a", "run_created", ""),
    ("b", "run_created", ""),
    ("a", "call_authorised", "1.0"),
    ("a", "call_started", "1.0"),
    ("b", "call_started", "1.0"),
    ("a", "call_succeeded", "1.0"),
    ("b", "run_cancelled", ""),
    ("b", "call_lost", "1.0"),
    ("c", "", ""),
    ("a", "run_paused", ""),
    ("c", "run_done", ""),
    ("d", "run_created", ""),
    ("d", "", ""),
]


def heard(lines: list[tuple[str, str, str]]) -> Moves:
    moves = nothing_moved()
    for run, event, call in lines:
        if event:
            hear_move(moves, run, event, json.dumps({"data": {"call": call}}).encode())
        else:
            hear_bare(moves, run)
    return moves


@pytest.mark.parametrize("cut", range(len(LINES) + 1))
def test_two_ranges_say_what_one_says(cut: int) -> None:
    whole, first = heard(LINES), heard(LINES[:cut])
    follow(first, heard(LINES[cut:]))
    assert first == whole
    assert whole.runs == {"a": "paused", "b": "cancelled", "c": "done", "d": ""}
    assert whole.calls == {"a": {"1.0": "call_succeeded"}, "b": {"1.0": "call_lost"}}


def test_what_a_row_says_is_held_against_it() -> None:
    moves = heard(LINES)
    assert [run_differs(run, state, moves) for run, state in (("a", "paused"), ("c", "done"), ("d", "done"))] == [
        ""
    ] * 3
    assert "says 'done', and the record 'paused'" in run_differs("a", "done", moves)
    assert "no line of the record is about it" in run_differs("x", "done", moves)
    assert "says None" in run_differs("a", None, moves)
    assert lost_runs(moves, set()) == ["a"]
    assert lost_runs(moves, {"a"}) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"data":{"call":7}}', b'{"data":[]}', b"{}"])
def test_a_line_that_cannot_be_read_moves_no_call(body: bytes) -> None:
    moves = nothing_moved()
    hear_move(moves, "a", "call_started", body)
    assert moves == nothing_moved()


WAITS = ("proposed", "gated", "authorised", "skipped")
SAYS = {
    "call_authorised": WAITS,
    "call_asked": WAITS,
    "call_sent_back": WAITS,
    "call_not_begun": (*WAITS, "outcome_unknown"),
    "call_started": (*WAITS, "executing"),
    "call_lost": (*WAITS, "outcome_unknown"),
    "call_held": (*WAITS, "in_review"),
    "call_succeeded": ("succeeded",),
    "call_failed": ("failed",),
    "call_denied": ("denied",),
    "call_withheld": ("withheld",),
    "call_substituted": ("substituted",),
    "": WAITS,
}


def test_which_states_of_a_call_fit_the_newest_line_about_it() -> None:
    from hitl_fsm.model.states import CallState

    assert MOVES - SAYS.keys() == {event for event in MOVES if event.startswith("run_")}
    for event, fit in SAYS.items():
        told = {"1.0": event} if event else {}
        assert [state.value for state in CallState if not call_differs("1.0", state.value, told)] == [
            state.value for state in CallState if state.value in fit
        ], event
