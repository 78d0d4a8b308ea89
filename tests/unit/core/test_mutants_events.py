"""What wrong versions of the core got away with: events that fit nothing, and what the record says of a failure."""

from __future__ import annotations

import pytest
from runs import ALLOW, PureRun, gated

from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.action import Below
from hitl_fsm.model.effect import CallModel
from hitl_fsm.model.states import CallState, RunState


def test_law11_a_result_of_a_call_that_does_not_run_is_refused() -> None:
    run = PureRun(gated())
    before = run.run
    for event in (events.CallReturned("1.0", "x"), events.CallRaised("1.0", "boom"), events.CallLost("1.0")):
        with pytest.raises(IllegalTransition):
            run.on(event)
    assert run.run is before


@pytest.mark.parametrize("name", ["1.0", "2.1", "3.0", "2.0/1.0"])
def test_law11_a_reply_brings_the_calls_of_its_own_turn_and_frame(name: str) -> None:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.CallReturned("1.0", "x"))
    with pytest.raises(IllegalTransition):
        run.on(events.ModelReplied("", (events.ProposedCall(name, "p", "pay", {}),)), {name: ALLOW})
    run.on(events.ModelReplied("", (events.ProposedCall("2.0", "p", "pay", {}),)), {"2.0": ALLOW})
    assert run.states() == [CallState.AUTHORISED]


def test_the_record_says_whose_model_failed() -> None:
    run = PureRun(ALLOW, below=Below("agent", "clerk", "n"))
    run.start()
    run.on(events.ModelFailed("away", frame="1.0"))
    assert run.told()[0] == ("model_failed", {"frame": "1.0"})
    assert run.beside()[0] == ("model_failed", {"error": "away"})
    assert run.run is not None
    assert run.run.state is RunState.FAILED


def test_an_answer_that_is_refused_takes_a_turn_and_the_model_is_asked_again() -> None:
    run = PureRun()
    step = run.on(events.ModelReplied("no JSON", refused="Answer as JSON."))
    assert (step.run.turn, step.run.state, step.run.output) == (1, RunState.RUNNING, None)
    assert step.effects == (CallModel(2),)
    told = step.messages[-1]
    assert (told.role, told.content, told.refused) == ("user", "Answer as JSON.", True)
    assert run.on(events.ModelReplied("{}")).run.output == "{}"


def test_an_answer_that_asks_for_calls_is_not_refused() -> None:
    run = PureRun()
    asks = (events.ProposedCall("1.0", "p", "pay", {"n": 1}),)
    with pytest.raises(IllegalTransition, match="refuse an answer that asks for calls"):
        run.on(events.ModelReplied("", asks, refused="No."))
