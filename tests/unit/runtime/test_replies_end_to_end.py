"""What a broken model or a broken tool does to a run: it fails, or hears of it; it is never beyond reading."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm import Agent, tool
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from hitl_fsm.model.states import RunState
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls

BROKEN: dict[str, Any] = {
    "nothing": None,
    "a text": "hello",
    "text of a wrong type": ModelReply(text=None),  # type: ignore[arg-type]
    "an id of a wrong type": ModelReply(calls=(ToolCall(None, "pay", "{}"),)),  # type: ignore[arg-type]
    "a broken tool name": ModelReply(calls=(ToolCall("c", "pay\ud800", "{}"),)),
    "too many calls": ModelReply(calls=tuple(ToolCall(f"c{i}", "pay", "{}") for i in range(10_000))),
    "too much text": ModelReply(text="x" * (5 * 1024 * 1024)),
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN.keys())
def test_a_reply_that_makes_no_sense_fails_the_run_which_can_be_retried(house: House, reply: Any) -> None:
    replies: list[Any] = [reply]

    class Model:
        async def reply(self, request: ChatRequest, on_text: object = None) -> Any:
            return replies[0]

    engine = house.engine()
    agent = Agent("helper", Model(), engine=engine, tools=house.tools())
    run = agent.run("go")
    assert run.state is RunState.FAILED
    assert "HF410" in (run.error or "")
    replies[0] = ModelReply(text="better")
    assert agent.continue_run(run_id=run.run_id).output == "better"


def test_broken_text_is_repaired_and_the_run_goes_on(house: House) -> None:
    agent = Agent("helper", ScriptedModel([lambda _: ModelReply(text="a\ud800b")]), engine=house.engine())
    assert agent.run("go").output == "a\ufffdb"


class Unspeakable(Exception):
    """Its text cannot be made."""

    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize("error", [Unspeakable(), ValueError("x\ud800"), KeyError("y" * 100_000)])
def test_whatever_a_tool_raises_is_an_outcome_that_is_known(house: House, error: Exception) -> None:
    @tool
    def pay(to: str) -> str:
        """Send money."""
        raise error

    engine = house.engine("- {id: ok, gate: allow}")
    agent = house.agent(engine, [calls(call("pay", to="bob"))], tools=[pay])
    run = agent.run("go")
    assert run.state is RunState.DONE
    (told,) = house.said_to_model(engine, run.run_id)
    assert type(error).__name__ in told
    assert len(told) < 11_000
