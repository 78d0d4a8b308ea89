"""After the votes: what is remembered, a yes that is taken back, reminders, and those who are asked next."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from panels import DEPUTY, EVE, FRANK, MARIA, MARIA2, OFFER, RISING, TWO, revokes, row, says, state
from runs import PureRun, gated

from hitl_fsm.core.ballot import revocable
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import TIMER, Actor
from hitl_fsm.model.answer import Abstain, Answer, Approve, BreakGlass, GrantTerms, Provide
from hitl_fsm.model.asked import Asked
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    Review,
    Seat,
    UserInput,
    Verdict,
)
from hitl_fsm.policy.join import gate_key

FORM = UserInput({"type": "object", "properties": {"m": {}}})


# -- what is remembered


def remembers(gate: Any, *said: tuple[Actor, Answer]) -> PureRun:
    run = PureRun(gated(gate))
    for by, answer in said:
        says(run, by, answer)
    return run


def test_a_grant_is_made_where_all_who_said_yes_wanted_it() -> None:
    wants, plain = Approve(grant=GrantTerms("agent")), Approve()
    offers = replace(TWO, grant=OFFER)
    both = remembers(offers, (MARIA, wants), (EVE, Abstain()), (FRANK, wants))
    (grant,) = both.step.grants
    assert ([actor.id for actor in grant.by], grant.at, grant.until) == (["maria", "frank"], 1000, 2000)
    assert "grant_made" in both.names()
    assert next(data for name, data in both.told() if name == "grant_made")["grant_id"] == grant.grant_id
    for first, last in ((plain, wants), (wants, plain), (plain, plain)):
        run = remembers(offers, (MARIA, first), (FRANK, last))
        assert (run.step.grants, run.states()) == ((), [CallState.AUTHORISED])
        assert "grant_made" not in run.names()
    assert remembers(TWO, (MARIA, wants), (FRANK, wants)).step.grants == ()


def test_one_who_decides_alone_and_who_confirms_make_a_grant_too() -> None:
    for gate in (replace(TWO, quorum=1, grant=OFFER), Confirm(grant=OFFER)):
        (grant,) = remembers(gate, (MARIA, Approve(grant=GrantTerms()))).step.grants
        assert (grant.by, grant.requirement_id) == ((MARIA,), "req_r-0001")
        assert remembers(gate, (MARIA, Approve())).step.grants == ()
        assert remembers(gate, (MARIA, BreakGlass())).step.grants == ()
    assert remembers(Confirm(), (MARIA, Approve(grant=GrantTerms()))).step.grants == ()


# -- a yes is taken back


def approved(*verdicts: Verdict, by: Actor = MARIA) -> PureRun:
    run = PureRun(*verdicts)
    says(run, by, Approve())
    return run


@pytest.mark.parametrize("by", [MARIA, MARIA2, DEPUTY])
def test_a_yes_is_taken_back_before_its_action_begins_and_asked_for_again(by: Actor) -> None:
    run = approved(gated(Confirm()))
    revokes(run, by, note="not yet")
    assert (run.states(), run.call().passed, state(run)) == ([CallState.GATED], (), RunState.PAUSED)
    assert (row(run).state, row(run).resolution.by) == (RequirementState.SUPERSEDED, MARIA)
    assert [asked.requirement_id for asked in run.asked()] == ["req_r-0002"]
    revoked = next(data for name, data in run.told() if name == "approval_revoked")
    assert revoked == {"requirement": "req_r-0001", "call": "1.0", "tool": "pay"}
    assert dict(run.beside())["approval_revoked"] == {"note": "not yet"}
    says(run, MARIA, Approve())
    assert run.states() == [CallState.AUTHORISED]
    revokes(run, MARIA, 2)
    assert run.states() == [CallState.GATED]


def test_law02_nobody_elses_yes_and_none_whose_action_has_begun_is_taken_back() -> None:
    run = approved(gated(Confirm()))
    with pytest.raises(IllegalTransition, match="another person gave"):
        revokes(run, FRANK)
    run.start()
    with pytest.raises(IllegalTransition, match="that answer taken back"):
        revokes(run, MARIA)
    run = PureRun(gated(TWO))
    with pytest.raises(IllegalTransition, match="that answer taken back"):
        revokes(run, MARIA)


def test_while_others_are_asked_a_yes_that_is_taken_back_is_asked_for_beside_them() -> None:
    run = approved(gated(Confirm(), TWO))
    assert (state(run), [asked.question for asked in run.asked()]) == (RunState.RESOLVING, [TWO])
    revokes(run, MARIA)
    assert (state(run), run.call().passed) == (RunState.PAUSED, ())
    run = approved(gated(Confirm(), batch="hold_all"), gated(TWO, batch="hold_all"))
    assert run.states() == [CallState.AUTHORISED, CallState.GATED]
    revokes(run, MARIA)
    assert run.states() == [CallState.GATED, CallState.GATED]
    assert (state(run), [asked.question for asked in run.asked()]) == (RunState.PAUSED, [TWO, Confirm()])


def test_other_gates_that_the_call_passed_stay_passed() -> None:
    other = Approval(("role:z",))
    run = approved(gated(Confirm(), other))
    says(run, FRANK, Approve())
    revokes(run, FRANK, 2)
    assert [one.by for one in run.call().passed] == [("maria",)]
    assert [asked.question for asked in run.asked()] == [other]


def test_who_said_yes_later_knew_of_the_yes_before_and_is_asked_again_too() -> None:
    last = Approval(("role:z",))
    run = approved(gated(Confirm(), FORM, last))
    says(run, MARIA, Provide({"m": "x"}))
    says(run, FRANK, Approve())
    assert run.states() == [CallState.AUTHORISED]
    revokes(run, MARIA)
    assert [row(run, number).state.value for number in (1, 2, 3)] == ["superseded", "resolved", "superseded"]
    assert [one.gate for one in run.call().passed] == [gate_key(FORM)]
    assert [asked.question for asked in run.asked()] == [Confirm()]


def test_what_came_before_and_what_another_call_was_told_stays() -> None:
    other = Approval(("role:z",))
    run = PureRun(gated(Confirm(), other, batch="hold_all"), gated(Confirm(), other, batch="hold_all"))
    for by in (MARIA, FRANK, MARIA, FRANK):
        says(run, by, Approve())
    assert run.states() == [CallState.AUTHORISED, CallState.AUTHORISED]
    second = next(n for n in (1, 2, 3, 4) if (row(run, n).call_id, row(run, n).question) == ("1.0", other))
    revokes(run, row(run, second).resolution.by, second)
    states = {(one.call_id, one.kind): one.state.value for one in (row(run, n) for n in (1, 2, 3, 4))}
    assert states == {
        ("1.0", "confirm"): "resolved", ("1.0", "approval"): "superseded",
        ("1.1", "confirm"): "resolved", ("1.1", "approval"): "resolved",
    }  # fmt: skip
    assert (len(run.call("1.0").passed), len(run.call("1.1").passed)) == (1, 2)


def test_a_yes_that_nothing_asks_for_any_more_is_taken_back_too() -> None:
    run = approved(gated(Confirm()))
    run.on(events.VerdictsRevised("p2"), {"1.0": gated(TWO)})
    assert (run.states(), [asked.question for asked in run.asked()]) == ([CallState.GATED], [TWO])
    revokes(run, MARIA)
    assert (run.call().passed, row(run).state) == ((), RequirementState.SUPERSEDED)
    assert [asked.question for asked in run.asked()] == [TWO]


def test_a_run_that_failed_asks_again_when_it_goes_on() -> None:
    run = approved(gated(Confirm()))
    run.on(events.RunStopped("too long"))
    revokes(run, MARIA)
    assert (state(run), run.states(), run.asked()) == (RunState.FAILED, [CallState.GATED], [])
    run.on(events.RunRetried())
    assert [asked.question for asked in run.asked()] == [Confirm()]


def test_who_may_take_a_yes_back() -> None:
    run = PureRun(gated(TWO))
    says(run, MARIA2, Approve())
    says(run, Actor("dave", on_behalf_of="dora"), Approve())
    asked, call = row(run), run.call()
    now = run.run
    assert now is not None
    assert revocable(now, asked, call) == ("maria", "dave", "dora")
    assert revocable(now, replace(asked), call) == ("maria", "dave", "dora"), "also as it was read elsewhere"
    for closed in (RequirementState.OPEN, RequirementState.REJECTED, RequirementState.SUPERSEDED):
        row_now = replace(asked, state=closed)
        assert revocable(replace(now, requirements=(row_now,)), row_now, call) == ()
        assert revocable(now, row_now, call) == (), "nor as somebody else read it"
    for begun in (CallState.EXECUTING, CallState.DENIED, CallState.IN_REVIEW):
        assert revocable(now, asked, replace(call, state=begun)) == ()
    assert revocable(now, asked, replace(call, asked=(Asked("Why?", {}),))) == ()
    assert revocable(now, asked, replace(call, digest="other")) == ()
    for gate in (FORM, Review()):
        assert revocable(now, replace(asked, question=gate), call) == ()
    again = replace(asked, requirement_id="req_r-0002")
    assert revocable(replace(now, requirements=(asked, again)), asked, call) == ()
    assert revocable(replace(now, requirements=(asked, again)), again, call) != ()
    for other in (replace(again, call_id="1.9"), replace(again, question=Confirm())):
        assert revocable(replace(now, requirements=(asked, other)), asked, call) != ()
    passed = replace(call.passed[0], gate="other")
    assert revocable(now, asked, replace(call, passed=(passed,))) == ()


# -- time


def test_those_who_are_asked_are_told_again_at_each_time_once() -> None:
    run = PureRun(gated(RISING))
    reminder = events.RequirementReminded("req_r-0001")
    for due in (1100, 1200):
        run.at = due - 1
        with pytest.raises(IllegalTransition, match="before its time"):
            run.on(reminder, by=TIMER)
        run.at = due
        before = run.asked()[0]
        run.on(reminder, by=TIMER)
        assert run.asked() == [replace(before, reminded=before.reminded + 1)]
        assert run.told() == [
            ("requirement_reminded", {"requirement": "req_r-0001", "call": "1.0", "number": before.reminded + 1})
        ]
    run.at = 9999
    with pytest.raises(IllegalTransition, match="before its time"):
        run.on(reminder, by=TIMER)


def test_law12_the_next_ones_are_asked_one_after_the_other_and_then_it_is_denied() -> None:
    run = PureRun(gated(RISING))
    says(run, MARIA, Approve())
    run.at = 1100
    run.on(events.RequirementReminded("req_r-0001"), by=TIMER)
    run.at = 1300
    timeout = events.RequirementTimedOut("req_r-0001")
    run.on(timeout, by=TIMER)
    (asked,) = run.asked()
    assert (asked.escalated, asked.expires_at, asked.remind_at, asked.reminded) == (1, 1350, (1400, 1500), 0)
    assert (state(run), run.names()) == (RunState.PAUSED, ["requirement_escalated", "run_paused"])
    assert run.told()[0][1] == {
        "requirement": "req_r-0001", "call": "1.0", "level": 1, "of": ("role:b",), "waited_since": 1000,
    }  # fmt: skip
    says(run, FRANK, Approve())
    assert state(run) is RunState.RESOLVING, "two of those who are asked now"
    run.at = 1350
    run.on(timeout, by=TIMER)
    assert (run.asked()[0].escalated, run.asked()[0].expires_at) == (2, None)
    says(run, EVE, Approve())
    assert (run.states(), run.call().passed[0].by) == ([CallState.AUTHORISED], ("eve",))


def test_law12_where_nobody_is_next_its_time_denies_it() -> None:
    run = PureRun(gated(Confirm(50)))
    run.at = 1050
    run.on(events.RequirementTimedOut("req_r-0001"), by=TIMER)
    assert (run.states(), row(run).state) == ([CallState.DENIED], RequirementState.EXPIRED)


def test_an_answer_beside_an_escalation_still_holds() -> None:
    run = PureRun(gated(RISING), gated(TWO))
    says(run, MARIA, Approve(), 1)
    run.at = 1300
    run.on(events.RequirementTimedOut("req_r-0001"), by=TIMER)
    assert (state(run), run.names()) == (RunState.RESOLVING, ["requirement_escalated"])


def test_ways_are_seats_also_for_the_votes_of_a_run() -> None:
    run = PureRun(gated(Approval(("role:a", "role:b"), ways=((Seat(("role:a",)), Seat(("role:b",))),))))
    says(run, MARIA, Approve(), named=("role:a",))
    says(run, FRANK, Approve(), named=("role:a",))
    assert run.states() == [CallState.GATED]
    says(run, EVE, Approve(), named=("role:b",))
    assert run.states() == [CallState.AUTHORISED]
