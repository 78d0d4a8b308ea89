"""Streaming: typed events, each with the run as it then was; a reader that leaves stops nothing."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.errors import RunNotFound
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.streaming import stream
from house import House, call
from receiver import wait_for

SCRIPT = [{"say": "Let me see.", "calls": [call("look", order_id="1"), call("pay", to="bob", amount=5)]}]
RULES = "- {id: look, tools: [look], gate: allow}\n- {id: pay, tools: [pay], gate: confirm}"


def names(events: list[Any]) -> list[str]:
    """Event names, text deltas folded into one."""
    folded: list[str] = []
    for event in events:
        if event.event != "ContentDelta" or folded[-1] != "ContentDelta":
            folded.append(event.event)
    return folded


FIRST = [
    "RunStarted",
    "StepStarted",
    "ContentDelta",
    "StepCompleted",
    "ToolCallStarted",
    "ToolCallCompleted",
    "RunPaused",
]
SECOND = [
    "RequirementResolved",
    "RunContinued",
    "ToolCallStarted",
    "ToolCallCompleted",
    "StepStarted",
    "ContentDelta",
    "StepCompleted",
    "RunCompleted",
]


def test_the_synchronous_stream(house: House) -> None:
    agent = house.agent(house.engine(RULES), SCRIPT)
    events = list(agent.run("go", user="alice", stream=True))
    assert names(events) == FIRST
    assert "".join(e.text for e in events if isinstance(e, stream.ContentDelta)) == "Let me see."
    paused = events[-1]
    assert [event.is_paused for event in events] == [False] * (len(events) - 1) + [True]
    assert paused.run_id == events[0].run_id
    assert [r.tool.tool_name for r in paused.active_requirements] == ["pay"]
    paused.active_requirements[0].confirm(by="alice")
    more = list(agent.continue_run(run_id=paused.run_id, stream=True))
    assert names(more) == SECOND
    assert isinstance(more[-1], stream.RunCompleted)
    assert more[-1].output == "the end"
    assert not more[-1].is_paused
    assert house.effects == [("look", "1"), ("pay", "bob", 5, "-")]


async def test_the_asynchronous_stream_and_answers_in_a_running_loop(house: House) -> None:
    agent = house.agent(house.engine(RULES), SCRIPT)
    events = [event async for event in agent.arun("go", user="alice", stream=True)]
    assert names(events) == FIRST
    requirement = events[-1].active_requirements[0]
    requirement.confirm(by="alice")
    more = [event async for event in agent.acontinue_run(events[-1].run, stream=True)]
    assert names(more) == SECOND


async def test_arun_and_acontinue_run_without_a_stream(house: House) -> None:
    from hitl_fsm.model.answer import Approve

    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    run = await agent.arun("go", user="alice")
    assert run.is_paused
    after = await engine.aresolve(run.active_requirements[0].id, Approve(), by="alice")
    assert after.state is RunState.CONTINUING
    done = await agent.acontinue_run(run)
    assert done.state is RunState.DONE


def test_a_reader_that_leaves_loses_nothing_and_cancels_nothing(house: House) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    reader = agent.run("go", user="alice", stream=True)
    run_id = next(reader).run_id
    reader.close()
    wait_for(lambda: engine.runs.get(run_id).is_paused)
    assert house.effects == [("look", "1")]


def test_a_streamed_waiting_run_says_that_it_waits_and_an_error_comes_out_of_the_stream(house: House) -> None:
    agent = house.agent(house.engine(RULES), SCRIPT)
    run = agent.run("go", user="alice")
    assert names(list(agent.continue_run(run, stream=True))) == ["RunPaused"]
    with pytest.raises(RunNotFound):
        list(agent.continue_run(run_id="run_nowhere", stream=True))


def test_a_failed_model_ends_the_stream_with_run_failed(house: House) -> None:
    from hitl_fsm.errors import ModelError

    def down(request: Any) -> Any:
        raise ModelError("down")

    events = list(house.agent(house.engine(RULES), [down]).run("go", stream=True))
    assert names(events) == ["RunStarted", "StepStarted", "RunFailed"]
    assert "down" in events[-1].error


def test_denied_calls_are_told_too(house: House) -> None:
    events = list(house.agent(house.engine("- {id: no, gate: deny}"), SCRIPT).run("go", stream=True))
    states = [e.state for e in events if isinstance(e, stream.ToolCallCompleted)]
    assert states == ["denied", "denied"]
