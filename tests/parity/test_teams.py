"""A member's question surfaces at the team, is answered there or from anywhere, and holds at any depth."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm import Agent, Engine, Team, ask_user, tool
from hitl_fsm.model.states import RunState
from hitl_fsm.testing import ScriptedModel
from parity.desk import an_engine, asks

done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


@tool
def pay(to: str) -> str:
    """Pay."""
    done.append(f"paid {to}")
    return f"paid {to}"


@tool
def look(order: str) -> str:
    """Look."""
    done.append(f"looked at {order}")
    return "found"


CONFIRM = "- {id: pay, tools: pay, gate: confirm}\n- {id: asking, tools: ask_user, gate: audit}"


def engine_of(rules: str) -> Engine:
    return an_engine(rules, tools='["*"]\ndefault: allow')


def member(engine: Engine, name: str, *calls: tuple[str, dict[str, Any]]) -> Agent:
    model = ScriptedModel([*([asks(*calls)] if calls else []), {"say": f"{name}: {{last_result}}"}])
    return Agent(name, model, engine=engine, tools=[pay, look, ask_user])


def team_of(engine: Engine, *members: Any, name: str = "desk", **options: Any) -> Team:
    """Its leader hands a task to each member, then says the last answer."""
    script = [asks(*((f"ask_{one.name}", {"task": "go"}) for one in members)), {"say": "all: {last_result}"}]
    model = None if options.get("mode") == "broadcast" else ScriptedModel(script)
    return Team(name, list(members), engine=engine, model=model, **options)


def test_a_members_requirement_surfaces_at_the_team_with_its_path() -> None:
    engine = engine_of(CONFIRM)
    team = team_of(engine, member(engine, "clerk", ("pay", {"to": "bob"})))
    run = team.run("Pay bob")
    assert run.is_paused
    for requirement in run.active_requirements:
        assert requirement.needs_confirmation
        assert requirement.tool.tool_args == {"to": "bob"}
        assert requirement.value.path == ("team desk", "agent clerk")
        requirement.confirm()
    run = team.continue_run(run_id=run.run_id, requirements=run.requirements)
    assert (run.output, done) == ("all: clerk: paid bob", ["paid bob"])


def test_a_member_is_told_of_a_rejection_and_nothing_happens() -> None:
    engine = engine_of(CONFIRM)
    team = team_of(engine, member(engine, "clerk", ("pay", {"to": "bob"})))
    run = team.run("Pay bob")
    run.active_requirements[0].reject(note="bob left")
    run = team.continue_run(run)
    assert "bob left" in (run.output or "")
    assert done == []


def test_a_question_of_a_member_is_answered_by_its_id_from_anywhere() -> None:
    engine = engine_of(CONFIRM)
    team = team_of(engine, member(engine, "clerk", ("pay", {"to": "bob"})))
    run = team.run("Pay bob", user="alice")
    [waiting] = engine.inbox.list()
    engine.inbox.get(waiting.requirement_id).confirm(by="alice")
    assert team.continue_run(run_id=run.run_id).state is RunState.DONE


def test_one_member_that_waits_does_not_stop_the_others() -> None:
    engine = engine_of(CONFIRM)
    first, second = member(engine, "a", ("pay", {"to": "bob"})), member(engine, "b", ("look", {"order": "1"}))
    team = team_of(engine, first, second, mode="broadcast")
    run = team.run("Go")
    assert (run.is_paused, done) == (True, ["looked at 1"])
    run.active_requirements[0].confirm()
    run = team.continue_run(run)
    assert run.state is RunState.DONE
    assert sorted(done) == ["looked at 1", "paid bob"]


def test_two_members_wait_for_two_answers() -> None:
    engine = engine_of(CONFIRM)
    members = [member(engine, name, ("pay", {"to": name})) for name in ("a", "b")]
    team = team_of(engine, *members, mode="broadcast")
    run = team.run("Go")
    first, second = run.active_requirements
    first.confirm()
    assert team.continue_run(run).is_paused
    second.reject(note="no")
    assert team.continue_run(run).state is RunState.DONE
    assert done == [f"paid {first.tool.tool_args['to']}"]


def test_a_member_of_a_member_is_gated_too() -> None:
    engine = engine_of(CONFIRM)
    inner = team_of(engine, member(engine, "clerk", ("pay", {"to": "bob"})), name="inner")
    team = team_of(engine, inner, name="outer")
    run = team.run("Pay bob")
    [requirement] = run.active_requirements
    assert requirement.value.path == ("team outer", "team inner", "agent clerk")
    requirement.confirm()
    assert team.continue_run(run).state is RunState.DONE
    assert done == ["paid bob"]


def test_a_tool_of_the_team_itself_is_gated() -> None:
    engine = engine_of(CONFIRM)
    model = ScriptedModel([asks(("pay", {"to": "bob"})), {"say": "{last_result}"}])
    team = Team("desk", [member(engine, "clerk")], engine=engine, model=model, tools=[pay])
    run = team.run("Pay bob")
    assert done == []
    run.active_requirements[0].confirm()
    assert team.continue_run(run).output == "paid bob"


def test_a_member_asks_for_input() -> None:
    engine = engine_of(CONFIRM)
    team = team_of(engine, member(engine, "clerk", ("ask_user", {"question": "Whom?", "fields": [{"name": "to"}]})))
    run = team.run("Pay")
    [requirement] = run.active_requirements
    requirement.provide_user_input({"to": "ann"})
    assert '"ann"' in (team.continue_run(run).output or "")


def test_the_streaming_loop_of_a_team() -> None:
    engine = engine_of(CONFIRM)
    team = team_of(engine, member(engine, "clerk", ("pay", {"to": "bob"})))
    seen: list[Any] = []
    for event in team.run("Pay bob", stream=True):
        seen.append(event)
        if event.is_paused:
            for requirement in event.active_requirements:
                requirement.confirm()
            seen += team.continue_run(run_id=event.run_id, requirements=event.requirements, stream=True)
    assert [event.event for event in seen].count("RunPaused") == 1
    assert seen[-1].output == "all: clerk: paid bob"
    [started] = [event for event in seen if event.event == "ToolCallStarted" and event.tool_name == "pay"]
    assert started.path == ("team desk", "agent clerk")
