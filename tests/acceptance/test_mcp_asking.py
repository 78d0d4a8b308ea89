"""What an MCP server asks in the middle of a call becomes a question to a person, whichever way it asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hitl_fsm.errors import AnswerRefused
from hitl_fsm.model.states import RunState
from house import House, call, calls, policies, policy_text
from mcp_servers import Servers

ALLOW = "- {id: all, tools: 'shop.*', gate: allow}"
CONFIRM = "- {id: all, tools: 'shop.*', gate: confirm}"
REASON = {"reason": "old", "urgent": True}


@pytest.fixture(scope="module")
def house_of_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("mcp"))
    yield made
    made.close()


@pytest.fixture
def servers(house_of_servers: Servers) -> Servers:
    house_of_servers.forget()
    return house_of_servers


WAYS = pytest.mark.parametrize(
    ("transport", "protocol", "tool", "says"),
    [
        ("stdio", "legacy", "delete", "Delete p?"),
        pytest.param("http", "legacy", "delete", "Delete p?", marks=pytest.mark.slow),
        pytest.param("stdio", "auto", "remove", "Remove p?", marks=pytest.mark.slow),
        ("http", "auto", "remove", "Remove p?"),
    ],
)


def agent_of(house: House, server: Any, *wanted: dict[str, Any], policy: str = ALLOW) -> tuple[Any, Any]:
    engine = house.engine(policies(policy_text(policy, tools="'shop.*'")))
    return engine, house.agent(engine, [calls(one) for one in wanted], tools=[server])


@WAYS
def test_law03_it_is_asked_answered_in_another_process_and_takes_effect_once(
    house: House, servers: Servers, transport: str, protocol: str, tool: str, says: str
) -> None:
    wanted = call(f"shop.{tool}", path="p")
    _, agent = agent_of(house, servers.shared(transport, protocol), wanted, policy=CONFIRM)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    run = agent.continue_run(run)
    (asked,) = run.active_requirements
    assert (asked.kind, asked.needs_user_input, asked.value.question.asker) == ("user_input", True, f"shop.{tool}")
    assert asked.schema["description"].startswith(f"shop.{tool} asks: {says}")
    assert sorted(asked.schema["properties"]) == ["reason", "urgent"]
    assert agent.continue_run(run).is_paused
    assert servers.witness == []

    engine, other = agent_of(house, servers.shared(transport, protocol), wanted, policy=CONFIRM)
    again = engine.runs.get(run.run_id)
    (open_one,) = again.active_requirements
    with pytest.raises(AnswerRefused):
        open_one.provide_user_input({"urgent": "very"}, by="alice")
    open_one.provide_user_input(REASON, by="alice")
    done = other.continue_run(run_id=run.run_id)
    assert (done.state, servers.witness) == (RunState.DONE, [f"{tool} p old"])
    assert house.said_to_model(engine, run.run_id) == [f'{{"result":"{tool}d p: old"}}']


@WAYS
def test_law04_who_says_no_ends_the_call(
    house: House, servers: Servers, transport: str, protocol: str, tool: str, says: str
) -> None:
    engine, agent = agent_of(house, servers.shared(transport, protocol), call(f"shop.{tool}", path="p"))
    run = agent.run("go", user="alice")
    run.active_requirements[0].reject(by="alice", note="keep it")
    done = agent.continue_run(run)
    assert (done.state, servers.witness) == (RunState.DONE, [])
    (read,) = house.said_to_model(engine, run.run_id)
    assert read.startswith("Rejected by alice: keep it. It had begun")


def test_several_questions_come_one_after_the_other(house: House, servers: Servers) -> None:
    engine, agent = agent_of(house, servers.shared("stdio", "legacy"), call("shop.two_questions"))
    run = agent.run("go", user="alice")
    (first,) = run.active_requirements
    first.provide_user_input({"reason": "a"}, by="alice")
    run = agent.continue_run(run)
    (second,) = run.active_requirements
    assert (list(second.schema["properties"]), second.value.stage, second.value.stages) == (["colour"], 2, 2)
    second.provide_user_input({"colour": "red"}, by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert (house.said_to_model(engine, run.run_id), servers.witness) == (['{"result":"a red"}'], ["two a red"])


def test_nobody_is_sent_to_a_url(house: House, servers: Servers) -> None:
    engine, agent = agent_of(house, servers.shared("stdio", "legacy"), call("shop.to_url"))
    run = agent.run("go", user="alice")
    assert run.state is RunState.DONE
    (read,) = house.said_to_model(engine, run.run_id)
    assert "does not send people to a URL" in read


def test_law09_only_the_runs_own_user_may_answer(house: House, servers: Servers) -> None:
    from hitl_fsm.errors import NotAuthorised

    _, agent = agent_of(house, servers.shared("stdio", "legacy"), call("shop.delete", path="p"))
    run = agent.run("go", user="alice")
    with pytest.raises(NotAuthorised):
        run.active_requirements[0].provide_user_input(REASON, by="maria")


def test_the_record_names_the_question_by_its_digest(house: House, servers: Servers) -> None:
    engine, agent = agent_of(house, servers.shared("stdio"), call("shop.remove", path="p"))
    run = agent.run("go", user="alice")
    events = house.records(engine, run.run_id)
    assert events[events.index("call_started") :][:3] == ["call_started", "call_asked", "requirement_opened"]
    (line,) = [one for one in engine.runs.timeline(run.run_id) if one["event"] == "call_asked"]
    assert "Remove" not in str(line)
    run.active_requirements[0].provide_user_input(REASON, by="alice")
    agent.continue_run(run)
    assert engine.audit.verify().intact


def test_a_stream_does_not_say_that_the_call_has_ended(house: House, servers: Servers) -> None:
    _, agent = agent_of(house, servers.shared("stdio"), call("shop.remove", path="p"))
    kinds = [type(event).__name__ for event in agent.run("go", user="alice", stream=True)]
    assert kinds[-1] == "RunPaused"
    assert "ToolCallCompleted" not in kinds
