"""`CallNotBegun` in the pure core: an intent after which nothing followed is no start, and nobody is asked about it."""

from __future__ import annotations

import pytest
from runs import ALICE, ALLOW, PureRun, answer, gated

from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Approve, Happened
from hitl_fsm.model.effect import StartCalls
from hitl_fsm.model.states import CallState, RunState

WHY = "the copy of the record is behind"


def held_back(run: PureRun) -> None:
    run.on(events.CallNotBegun("1.0", WHY))


def test_law03_it_may_begin_another_time_and_nobody_is_asked() -> None:
    run = PureRun(ALLOW)
    run.start()
    held_back(run)
    assert run.run is not None
    assert (run.run.state, run.states(), run.asked()) == (RunState.RUNNING, [CallState.AUTHORISED], [])
    assert run.step.effects == (StartCalls(("1.0",)),)
    told = dict(run.told())
    assert told["call_not_begun"] == {
        "call": "1.0",
        "tool": "pay",
        "digest": run.call().digest,
        "attempt": 1,
    }
    assert run.names() == ["call_not_begun", "call_authorised"]
    run.start()
    assert (run.states(), run.call().attempt) == ([CallState.EXECUTING], 2)


def test_what_was_approved_stays_approved() -> None:
    run = PureRun(gated())
    answer(run, Approve())
    run.start()
    held_back(run)
    assert (run.states(), run.asked()) == ([CallState.AUTHORISED], [])


@pytest.mark.parametrize("times", [1, 5])
def test_it_counts_as_no_try_of_an_idempotent_call(times: int) -> None:
    run = PureRun(ALLOW, idempotent=True)
    for _ in range(times):
        run.start()
        held_back(run)
    run.start()
    assert run.call().attempt - run.call().sent_back == 1


def test_law03_an_earlier_start_in_the_dark_stays_a_question() -> None:
    run = PureRun(ALLOW, idempotent=True)
    run.start()
    run.start()  # the first one's worker died
    held_back(run)
    assert run.states() == [CallState.OUTCOME_UNKNOWN]
    (asked,) = run.asked()
    run.on(events.AnswerRecorded(asked.requirement_id, Happened("it did"), asked.digest), by=ALICE)
    assert run.states() == [CallState.SUCCEEDED]


def test_law04_after_a_cancellation_it_never_begins() -> None:
    run = PureRun(ALLOW)
    run.start()
    run.on(events.RunCancelled(), by=ALICE)
    held_back(run)
    assert run.states() == [CallState.FAILED]
    assert run.call().result == "It was not begun."


@pytest.mark.parametrize("started", [False, True])
def test_law11_only_a_start_can_be_taken_back(started: bool) -> None:
    run = PureRun(ALLOW)
    if started:
        run.start()
        run.on(events.CallReturned("1.0", "done"))
    with pytest.raises(IllegalTransition):
        held_back(run)
