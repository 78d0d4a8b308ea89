"""Whom each line of the record is for, in which words, and when it is too late to say it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from runs import PureRun, gated

from hitl_fsm.core.notices import EVENTS, USUAL, Line, Link, about, is_stale, notice_of, notice_of_open, wants
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import Approval, Confirm

(ASKED,) = PureRun(gated(Approval(("role:a",)))).asked()
ASKS = "May a call pay?"
TABLE: dict[str, tuple[str, str, bool]] = {
    "requirement_opened": ("asked", ASKS, True),
    "requirement_reminded": ("asked", f"Reminder: {ASKS}", True),
    "requirement_escalated": ("asked", f"Escalated: {ASKS}", True),
    "requirement_voted": ("asked", f"One vote more: {ASKS}", True),
    "requirement_expired": ("requester", "Nobody answered in time: pay for a", False),
    "requirement_resolved": ("requester", "Answered: pay for a", False),
    "requirement_rejected": ("requester", "Rejected: pay for a", False),
    "approval_revoked": ("requester", "An approval was taken back: pay for a", False),
    "break_glass": ("everybody", "One person passed a gate alone: pay for a", False),
}
WHO = {
    "asked": (("role:a",), "role:a"),
    "requester": (("requester", "alice"), "the requester"),
    "everybody": ((), "everybody"),
}


def told(event: str, **data: Any) -> Notice:
    line = Line(7, event, 2_000, Actor("maria"), "run_r", {"requirement": "req_r-0001", **data})
    assert about(line) == "req_r-0001"
    notice = notice_of(line, ASKED, Link("https://h/q/"))
    assert notice is not None
    return notice


@pytest.mark.parametrize("event", TABLE)
def test_each_event_has_its_people_its_words_and_its_end(event: str) -> None:
    audience, asks, invites = TABLE[event]
    one = told(event)
    assert (EVENTS[event], one.asks, (one.told, one.who)) == (audience, asks, WHO[audience])
    assert (one.event, one.at, one.by, one.link) == (event, 2_000, "maria", "https://h/q/req_r-0001")
    closed = replace(ASKED, state=RequirementState.RESOLVED)
    assert (is_stale(one, ASKED), is_stale(one, closed), is_stale(one, None)) == (False, invites, invites)
    assert wants(one, (), ()) == (event in USUAL) == (event != "requirement_voted")
    assert wants(one, (event,), ("role:z",)) == (audience == "everybody")
    assert wants(one, (event,), one.told or ("x",))
    assert one.id == f"notice_req_r-0001_{event.removeprefix('requirement_')}" + (
        "" if event == "requirement_opened" else "_7"
    )


def test_the_events_are_these_and_others_tell_nobody() -> None:
    assert list(EVENTS) == list(TABLE)
    line = Line(7, "call_started", 1, Actor("x"), "run_r", {"requirement": "req_r-0001"})
    assert (about(line), notice_of(line, ASKED, Link())) == ("", None)
    for data in ({}, {"requirement": 7}):
        assert about(Line(7, "break_glass", 1, Actor("x"), "run_r", data)) == ""


def test_a_question_that_was_open_before_is_told_of_under_the_id_of_its_own_line() -> None:
    open_one, opened = notice_of_open(ASKED, Link()), told("requirement_opened")
    assert open_one is not None
    assert (open_one.id, open_one.at, open_one.link) == (opened.id, ASKED.opened_at, "")


def test_who_did_it_is_not_told_that_it_was_done_but_is_still_asked() -> None:
    for event, (audience, _, _) in TABLE.items():
        line = Line(7, event, 1, Actor("alice"), "run_r", {"requirement": "req_r-0001"})
        assert (notice_of(line, ASKED, Link()) is None) == (audience == "requester")


def test_a_reason_comes_from_where_it_is_kept_not_from_the_line() -> None:
    assert told("break_glass", reason="fire").note == ""


def test_a_confirmation_is_for_the_requester_by_name_too() -> None:
    one = notice_of_open(replace(ASKED, question=Confirm()), Link())
    assert one is not None
    assert (one.told, one.who) == (("requester", "alice"), "the requester")
