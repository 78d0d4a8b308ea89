"""Law 3: the intent is committed before the effect; a crash in between asks a person, it never runs the call again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_fsm import tool
from hitl_fsm.errors import ModelError
from hitl_fsm.model.message import ChatRequest, ModelReply
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.runtime.execute import UNTIMED_TOOL_MS
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls


class Crash(BaseException):
    """As hard as a process that dies: nothing catches it."""


def crashing(house: House, *, idempotent: bool = False) -> Any:
    """A tool that leaves its witness and then kills the worker the first time."""

    @tool(idempotent=idempotent)
    async def pay(to: str, amount: float, memo: str = "-") -> str:
        """Send money."""
        house.effects.append(("pay", to, amount))
        if len(house.effects) == 1:
            raise Crash
        return "paid"

    return pay


def crash_inside_the_call(house: House, *, idempotent: bool = False) -> tuple[Any, Any, str]:
    """The engine and agent of a second process, and the run that the first one left behind."""
    first = house.engine()
    agent = house.agent(first, [calls(call("pay", to="bob", amount=5))], tools=[crashing(house, idempotent=idempotent)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    with pytest.raises(Crash):
        asyncio.run(agent.acontinue_run(run))
    second = house.engine()
    again = house.agent(
        second, [calls(call("pay", to="bob", amount=5))], tools=[crashing(house, idempotent=idempotent)]
    )
    return second, again, run.run_id


def test_law03_the_intent_is_on_disk_before_the_tool_begins(house: House) -> None:
    engine = house.engine()
    seen: list[str] = []

    @tool
    def pay(to: str, amount: float) -> str:
        """Send money."""
        other = house.engine()
        run = other.runs.list()[0]
        seen.extend(house.records(other, run.run_id))
        return "paid"

    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))], tools=[pay])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    agent.continue_run(run)
    assert seen[-1] == "call_started"


def test_law03_a_crash_in_the_tool_becomes_a_question(house: House) -> None:
    _engine, agent, run_id = crash_inside_the_call(house)
    run = agent.continue_run(run_id=run_id)
    assert run.is_paused
    (question,) = run.active_requirements
    assert question.is_outcome_unknown
    assert run.calls[0].state is CallState.OUTCOME_UNKNOWN
    assert len(house.effects) == 1, "nothing ran again"
    assert agent.continue_run(run_id=run_id).is_paused
    assert len(house.effects) == 1


@pytest.mark.parametrize(
    ("say", "effects", "told"),
    [
        ("happened", 1, "paid by hand"),
        ("did not", 2, "paid"),
        ("give up", 1, "Whether this call took effect is not known. Do not assume either, and do not repeat it."),
    ],
)
def test_law03_a_person_says_what_happened(house: House, say: str, effects: int, told: str) -> None:
    engine, agent, run_id = crash_inside_the_call(house)
    run = agent.continue_run(run_id=run_id)
    (question,) = run.active_requirements
    house.clock.advance(UNTIMED_TOOL_MS + LEASE_MS)
    match say:
        case "happened":
            question.it_happened("paid by hand", by="otto")
        case "did not":
            question.it_did_not_happen(by="otto")
        case _:
            question.give_up(by="otto")
    assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == effects
    assert house.said_to_model(engine, run_id) == [told]


def test_law03_an_idempotent_tool_is_tried_again_with_the_same_key(house: House) -> None:
    from hitl_fsm import current_call

    keys: list[str] = []

    @tool(idempotent=True)
    async def pay(to: str, amount: float) -> str:
        """Send money."""
        keys.append(current_call().idempotency_key)
        if len(keys) == 1:
            raise Crash
        return "paid"

    first = house.engine()
    run = (agent := house.agent(first, [calls(call("pay", to="bob", amount=5))], tools=[pay])).run("go")
    run.active_requirements[0].confirm()
    with pytest.raises(Crash):
        asyncio.run(agent.acontinue_run(run))
    again = house.agent(house.engine(), [calls(call("pay", to="bob", amount=5))], tools=[pay])
    assert again.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_law03_an_error_in_the_next_model_call_does_not_repeat_the_call(house: House) -> None:
    def down(request: ChatRequest) -> ModelReply:
        raise ModelError("the model is down")

    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5)), down])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    failed = agent.continue_run(run)
    assert failed.state is RunState.FAILED
    assert "the model is down" in (failed.error or "")
    again = house.agent(house.engine(), [calls(call("pay", to="bob", amount=5))])
    done = again.continue_run(run_id=run.run_id)
    assert (done.state, done.output) == (RunState.DONE, "the end")
    assert len(house.effects) == 1


def test_law03_a_recorded_turn_is_never_asked_of_the_model_again(house: House) -> None:
    asked: list[int] = []

    def first(request: ChatRequest) -> ModelReply:
        asked.append(len(request.messages))
        from hitl_fsm.model.message import ToolCall

        return ModelReply(calls=(ToolCall("c1", "pay", '{"to": "bob", "amount": 5}'),))

    def second(request: ChatRequest) -> ModelReply:
        asked.append(len(request.messages))
        return ModelReply(text="done")

    engine = house.engine()
    from hitl_fsm import Agent

    agent = Agent("helper", ScriptedModel([first, second]), engine=engine, tools=house.tools())
    run = agent.run("go")
    agent.continue_run(run)
    run.active_requirements[0].confirm()
    agent.continue_run(run)
    assert asked == [1, 3]


def test_law03_a_tool_that_raises_is_told_and_not_repeated(house: House) -> None:
    engine = house.engine("- {id: ok, gate: allow}")
    agent = house.agent(engine, [calls(call("ship", to="bob"))])
    run = agent.run("go")
    assert run.state is RunState.DONE
    assert house.effects == [("ship", "bob")]
    assert house.said_to_model(engine, run.run_id) == ["RuntimeError: no truck"]
