"""A result that a person gave instead of a call, in the pure core."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from runs import PureRun, answer, gated, lost

from hitl_fsm.core.draft import RAN_BEFORE, REQUIREMENTS_PER_RUN
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Accept, Approve, Reject, Respond, Retry
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.model.verdict import Confirm, External, Review, UserInput

FORM = UserInput({"type": "object", "properties": {"n": {"type": "integer"}}})
REVIEW = Review(retries=2)


@pytest.mark.parametrize("gate", [Confirm(), FORM, External("bank")])
def test_it_ends_the_call_and_the_record_says_what_it_was(gate: Any) -> None:
    run = PureRun(gated(gate))
    answer(run, Respond({"a": 1}, "why"))
    call = run.call()
    assert (call.state, call.result, call.substituted, call.attempt) == (CallState.SUBSTITUTED, {"a": 1}, True, 0)
    assert run.run is not None
    assert (run.run.state, run.run.requirements[0].state) == (RunState.CONTINUING, RequirementState.REJECTED)
    assert [message.content for message in run.step.messages] == ['{"a":1}']
    told = {"call": "1.0", "tool": "pay", "digest": call.digest, "attempt": 0}
    assert ("call_substituted", told) in run.told()
    assert dict(run.beside())["call_substituted"] == {"result": {"a": 1}}


@pytest.mark.parametrize("proposed", [{"dynamic": True}])
def test_a_question_of_the_agent_does_not_take_it(proposed: dict[str, Any]) -> None:
    run = PureRun(gated(FORM), **proposed)
    with pytest.raises(IllegalTransition):
        answer(run, Respond("x"))


@pytest.mark.parametrize("said", [Respond("x"), Reject()])
def test_what_may_have_happened_takes_no_no(said: Any) -> None:
    run = lost()
    with pytest.raises(IllegalTransition):
        answer(run, said)
    assert run.states() == [CallState.OUTCOME_UNKNOWN]


def test_a_reviewer_can_let_it_go_on_but_cannot_have_it_run() -> None:
    run = PureRun(gated(Confirm(), REVIEW))
    answer(run, Respond("given"))
    (asked,) = run.asked()
    assert (run.states(), asked.substituted, asked.result, asked.stage) == ([CallState.IN_REVIEW], True, "given", 2)
    assert ("requirement_opened", True) in [(name, data.get("substituted")) for name, data in run.told()]
    with pytest.raises(IllegalTransition):
        answer(run, Retry())
    with pytest.raises(IllegalTransition):
        answer(run, Respond("other"))
    answer(run, Accept())
    run.on(events.VerdictsRevised("p1"), {"1.0": run.call().verdict})
    assert (run.states(), run.call().result, run.call().held) == ([CallState.SUBSTITUTED], "given", None)
    assert run.names()[-1] == "call_substituted"


def test_nobody_left_to_review_it_is_a_denial() -> None:
    run = PureRun(gated(Confirm(), REVIEW))
    assert run.run is not None
    run.run = msgspec.structs.replace(run.run, requirement_count=REQUIREMENTS_PER_RUN)
    answer(run, Respond("given"))
    assert run.states() == [CallState.DENIED]
    assert str(run.call().result).endswith("It was not executed.")


@pytest.mark.parametrize("kept", [True, False])
def test_of_a_call_that_was_sent_back_it_is_said_that_it_ran_once(kept: bool) -> None:
    run = PureRun(gated(Confirm(), REVIEW))
    answer(run, Approve())
    run.start()
    run.on(events.CallReturned("1.0", "first"))
    answer(run, Retry())
    answer(run, Respond("given"))
    assert run.call().attempt == 1
    if kept:
        answer(run, Accept())
        run.on(events.VerdictsRevised("p1"), {"1.0": run.call().verdict})
        assert (run.states(), run.call().result) == ([CallState.SUBSTITUTED], "given")
    else:
        answer(run, Reject())
        assert run.states() == [CallState.WITHHELD]
        assert RAN_BEFORE in str(run.call().result)
