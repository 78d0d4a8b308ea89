"""The gate `review` where a call runs again, a process dies, or the policies change meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from hitl_fsm import current_call, tool
from hitl_fsm.errors import AlreadyResolved, AnswerRefused, HitlError
from hitl_fsm.model.answer import Retry
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.runtime import execute
from house import House, call, calls
from moments import HUNG_S

PAY = [calls(call("pay", to="bob", amount=5))]
AGAIN = "- {id: all, gate: {review: {retries: 1}}}"


def counting(house: House, *, idempotent: bool = False) -> Any:
    """A tool whose result tells how often it ran, and which keeps the key of each time."""

    @tool(idempotent=idempotent)
    def pay(to: str, amount: float) -> str:
        """Send money."""
        house.effects.append(current_call().idempotency_key)
        return f"payment {len(house.effects)}"

    return pay


def held(house: House, rules: str = AGAIN, *, idempotent: bool = False) -> tuple[Any, Any, Any]:
    """Engine, agent, run; its call waits for a review, or for what comes before."""
    engine = house.engine(rules)
    agent = house.agent(engine, PAY, tools=[counting(house, idempotent=idempotent)])
    return engine, agent, agent.run("go", user="alice")


def test_law03_a_retry_is_a_new_attempt_with_its_own_key_and_its_own_intent(house: House) -> None:
    engine, agent, run = held(house)
    (first,) = run.active_requirements
    assert first.retries_left == 1
    first.retry(note="wrong account")
    assert house.effects == [f"{run.run_id}:1.0:1"], "an answer runs nothing by itself"
    waits = agent.continue_run(run)
    assert house.effects == [f"{run.run_id}:1.0:1", f"{run.run_id}:1.0:2"]
    (second,) = waits.active_requirements
    assert (second.result, second.value.execution, second.retries_left) == ("payment 2", 2, 0)
    assert second.digest != first.digest
    second.accept()
    agent.continue_run(waits)
    assert house.said_to_model(engine, run.run_id) == ["payment 2"]
    names = house.records(engine, run.run_id)
    assert names.count("call_started") == names.count("call_held") == 2
    sent = next(line for line in engine.runs.timeline(run.run_id) if line["event"] == "call_sent_back")
    assert (sent["by"]["id"], sent["data"]["execution"]) == ("alice", 1)


def test_law03_the_retry_of_an_idempotent_call_has_the_same_key(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(execute, "RETRY_BACKOFF_S")  # a person asked for it: to wait is an error
    _engine, agent, run = held(house, idempotent=True)
    run.active_requirements[0].retry()
    agent.continue_run(run)
    assert house.effects == [f"{run.run_id}:1.0", f"{run.run_id}:1.0"]


def test_law03_a_retry_is_used_once_and_only_while_some_are_left(house: House) -> None:
    engine, agent, run = held(house)
    (asked,) = run.active_requirements
    asked.retry()
    with pytest.raises(AlreadyResolved):
        engine.resolve(asked.id, Retry(), by="alice")
    agent.continue_run(run)
    waits = agent.continue_run(run)
    assert len(house.effects) == 2
    with pytest.raises(AnswerRefused, match="ran 2 times, and the policy lets it run again 1 times"):
        waits.active_requirements[0].retry()
    assert waits.refresh().active_requirements[0].state is RequirementState.OPEN


def test_law02_a_yes_is_for_one_execution_so_a_retry_passes_every_gate_again(house: House) -> None:
    rules = "- {id: all, gate: [confirm, {approval: {of: [role:finance]}}, {review: {of: [role:ops], retries: 3}}]}"
    _engine, agent, run = held(house, rules)
    run.active_requirements[0].confirm(by="alice")
    run.active_requirements[0].confirm(by="maria")
    waits = agent.continue_run(run)
    waits.active_requirements[0].retry(by="otto")
    assert agent.continue_run(waits).is_paused
    (asked,) = waits.refresh().active_requirements
    assert (asked.kind, asked.value.execution, asked.value.stage) == ("confirm", 2, 1)
    assert len(house.effects) == 1
    asked.confirm(by="alice")
    (second,) = waits.refresh().active_requirements
    assert (second.kind, agent.continue_run(waits).is_paused, len(house.effects)) == ("approval", True, 1)
    second.confirm(by="maria")
    assert agent.continue_run(waits).active_requirements[0].result == "payment 2"


def test_law04_no_to_a_second_execution_withholds_the_first_result_and_says_that_it_ran(house: House) -> None:
    engine, agent, run = held(house, "- {id: all, gate: [confirm, {review: {retries: 1}}]}")
    run.active_requirements[0].confirm()
    waits = agent.continue_run(run)
    waits.active_requirements[0].retry()
    waits.refresh().active_requirements[0].reject(note="once is enough")
    done = agent.continue_run(waits)
    assert (done.calls[0].state, len(house.effects)) == (CallState.WITHHELD, 1)
    assert house.said_to_model(engine, run.run_id)[0] == (
        "Rejected by alice: once is enough. It was not executed."
        " It had been executed once before, and that result is withheld."
    )


@pytest.mark.altered
def test_law05_the_store_starts_no_second_execution_on_the_votes_for_the_first(house: House) -> None:
    """The run's log says that it was confirmed again; the row of that answer is gone from the database."""
    _engine, agent, run = held(house, "- {id: all, gate: [confirm, {review: {retries: 1}}]}")
    run.active_requirements[0].confirm()
    waits = agent.continue_run(run)
    waits.active_requirements[0].retry()
    waits.refresh().active_requirements[0].confirm()
    house.sql("DELETE FROM requirement WHERE requirement_id = ?", waits.refresh().requirements[-1].id)
    with pytest.raises(HitlError) as caught:
        agent.continue_run(waits)
    assert (caught.value.code, len(house.effects)) == ("HF315", 1)


def test_law04_cancelling_after_a_retry_was_asked_for_runs_nothing_more(house: House) -> None:
    engine, agent, run = held(house)
    run.active_requirements[0].retry()
    engine.cancel(run.run_id)
    assert agent.continue_run(run).state is RunState.CANCELLED
    (after,) = engine.runs.get(run.run_id).calls
    assert (after.state, len(house.effects)) == (CallState.WITHHELD, 1)
    assert "executed once before" in after.result


def test_an_external_call_and_a_question_to_a_person_are_asked_again(house: House) -> None:
    rules = "- {id: all, gate: [{external: {route: bank}}, {review: {retries: 1}}]}"
    engine, agent, run = held(house, rules)
    run.active_requirements[0].set_external_execution_result("one", by="w")
    run.active_requirements[0].retry()
    waits = agent.continue_run(run)
    assert (waits.active_requirements[0].kind, waits.active_requirements[0].value.execution) == ("external", 2)
    waits.active_requirements[0].set_external_execution_result("two", by="w")
    waits.active_requirements[0].accept()
    agent.continue_run(waits)
    assert house.said_to_model(engine, run.run_id) == ["two"]


# -- a process that dies


class Crash(BaseException):
    """As hard as a process that dies: nothing catches it."""


def test_law03_killed_right_after_the_result_the_question_is_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hitl_fsm.model import event as events
    from hitl_fsm.runtime import hold

    first = house.engine(AGAIN)
    agent = house.agent(first, PAY, tools=[counting(house)])
    commit = hold.commit

    async def dying(parts: Any, before: Any, step: Any, entry: Any, *more: Any) -> int:
        fence = await commit(parts, before, step, entry, *more)
        if isinstance(entry.event, events.CallReturned):
            raise Crash
        return fence

    monkeypatch.setattr(hold, "commit", dying)
    with pytest.raises(Crash):
        asyncio.run(agent.arun("go", user="alice"))
    monkeypatch.undo()
    second = house.engine(AGAIN)
    run = second.runs.get(second.runs.list()[0].run_id)
    assert [asked.result for asked in run.active_requirements] == ["payment 1"]
    run.active_requirements[0].accept(by="alice")
    house.agent(second, PAY, tools=[counting(house)]).continue_run(run)
    assert (len(house.effects), house.said_to_model(second, run.run_id)) == (1, ["payment 1"])


def test_law03_what_a_person_knows_of_a_lost_call_is_reviewed(house: House) -> None:
    @tool
    async def pay(to: str, amount: float) -> str:
        """Send money."""
        house.effects.append("begun")
        raise Crash

    first = house.engine(AGAIN)
    with pytest.raises(Crash):
        asyncio.run(house.agent(first, PAY, tools=[pay]).arun("go", user="alice"))
    second = house.engine(AGAIN)
    agent = house.agent(second, PAY, tools=[counting(house)])
    run = agent.continue_run(run_id=second.runs.list()[0].run_id)
    house.clock.advance(86_400_000)  # that worker acts no more
    run.active_requirements[0].it_happened("paid, says the bank")
    (asked,) = run.active_requirements
    assert (asked.kind, asked.result) == ("review", "paid, says the bank")
    assert house.said_to_model(second, run.run_id) == []
    asked.retry()
    assert agent.continue_run(run).active_requirements[0].result == "payment 2"


@pytest.mark.parametrize("cancelled", [True, False])
@pytest.mark.usefixtures("begun_in_time")
def test_law03_a_late_result_is_reviewed(house: House, cancelled: bool) -> None:
    go = threading.Event()

    @tool(timeout_s=0.05)
    def pay(to: str, amount: float) -> str:
        """Send money."""
        assert go.wait(HUNG_S)
        return "paid late"

    engine = house.engine(AGAIN)
    agent = house.agent(engine, PAY, tools=[pay])
    run = agent.run("go", user="alice")
    assert run.active_requirements[0].kind == "outcome"
    if cancelled:
        engine.cancel(run.run_id)
    go.set()
    end = time.monotonic() + HUNG_S
    while not any(line["event"] == "late_result" for line in engine.runs.timeline(run.run_id)):
        assert time.monotonic() < end
        time.sleep(0.01)
    run.refresh()
    if cancelled:
        assert (run.state, run.calls[0].state) == (RunState.CANCELLED, CallState.WITHHELD)
        return
    assert [(asked.kind, asked.result) for asked in run.active_requirements] == [("review", "paid late")]
    assert house.said_to_model(engine, run.run_id) == []


# -- policies that change meanwhile


def test_law15_a_review_that_is_added_before_the_call_begins_takes_effect(house: House) -> None:
    _engine, _agent, run = held(house, "- {id: all, gate: confirm}")
    run.active_requirements[0].confirm()
    later = house.engine("- {id: all, gate: [confirm, review]}")
    waits = house.agent(later, PAY, tools=[counting(house)]).continue_run(run_id=run.run_id)
    assert [asked.kind for asked in waits.active_requirements] == ["review"]
    assert len(house.effects) == 1


@pytest.mark.parametrize("pinned", [True, False])
def test_law15_a_review_that_is_added_while_the_result_is_held_is_asked_before_it_goes_on(
    house: House, pinned: bool
) -> None:
    from house import policies, policy_text

    extra = "on_change: pin" if pinned else ""
    first = house.engine(policies(policy_text(AGAIN, extra=extra)))
    run = house.agent(first, PAY, tools=[counting(house)]).run("go", user="alice")
    run.active_requirements[0].accept()
    rules = "- {id: all, gate: [{review: {retries: 1}}, {review: {of: [role:finance]}}]}"
    later = house.engine(policies(policy_text(rules, extra=extra)))
    agent = house.agent(later, PAY, tools=[counting(house)])
    after = agent.continue_run(run_id=run.run_id)
    if pinned:
        assert after.state is RunState.DONE
        return
    assert house.said_to_model(later, run.run_id) == []
    after.active_requirements[0].accept(by="maria")
    assert agent.continue_run(after).state is RunState.DONE
    assert (house.said_to_model(later, run.run_id), len(house.effects)) == (["payment 1"], 1)


def test_law15_a_denial_that_is_added_while_the_result_is_held_withholds_it(house: House) -> None:
    engine, _agent, run = held(house)
    run.active_requirements[0].accept()
    later = house.engine("- {id: all, gate: {deny: {note: not on Sundays}}}")
    done = house.agent(later, PAY, tools=[counting(house)]).continue_run(run_id=run.run_id)
    assert done.state is RunState.DONE
    assert house.said_to_model(engine, run.run_id) == [
        "Denied by policy pay/all: not on Sundays. It was executed, and its result is withheld. Do not repeat it."
    ]


def test_law15_a_policy_that_asks_for_no_review_any_more_frees_no_result(house: House) -> None:
    engine, _agent, run = held(house)
    later = house.engine("- {id: all, gate: allow}")
    agent = house.agent(later, PAY, tools=[counting(house)])
    assert agent.continue_run(run_id=run.run_id).is_paused
    assert house.said_to_model(engine, run.run_id) == []


def test_a_tool_that_is_gone_keeps_no_accepted_result_back(house: House) -> None:
    _engine, _agent, run = held(house)
    run.active_requirements[0].accept()
    later = house.engine(AGAIN)
    assert house.agent(later, PAY, tools=[]).continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.said_to_model(later, run.run_id) == ["payment 1"]
