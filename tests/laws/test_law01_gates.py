"""Law 1: nothing gated begins before the commit of the resolution that allows it."""

from __future__ import annotations

import pytest

from hitl_fsm.errors import RequirementNotFound, RunNotFound
from hitl_fsm.model.states import RunState
from house import House, call, calls


def test_law01_a_gated_call_waits_and_runs_once_after_the_yes(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    assert run.state is RunState.PAUSED
    assert house.effects == []
    (requirement,) = run.active_requirements
    assert (requirement.kind, requirement.tool.tool_name, requirement.tool.tool_args) == (
        "confirm",
        "pay",
        {"to": "bob", "amount": 5, "memo": "-"},
    )
    requirement.confirm(by="alice")
    assert house.effects == [], "an answer records; it executes nothing"
    done = agent.continue_run(run_response=run)
    assert (done.state, done.output) == (RunState.DONE, "the end")
    assert house.effects == [("pay", "bob", 5, "-")]
    assert house.said_to_model(engine, run.run_id) == ["paid 5.0 to bob"]


@pytest.mark.parametrize("given", ["bare", "empty", "unknown run", "unknown requirement", "foreign requirement"])
def test_law01_continue_without_answers_executes_and_stores_nothing(house: House, given: str) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    other = agent.run("other", user="alice")
    before = (len(engine.runs.events(run.run_id)), len(engine.audit.records()))
    match given:
        case "bare":
            assert agent.continue_run(run_id=run.run_id).is_paused
        case "empty":
            assert agent.continue_run(run, requirements=[]).is_paused
        case "unknown run":
            with pytest.raises(RunNotFound):
                agent.continue_run(run_id="run_nowhere")
        case "unknown requirement":
            with pytest.raises(RequirementNotFound):
                agent.continue_run(run, requirements=["req_nowhere"])
        case "foreign requirement":
            with pytest.raises(RequirementNotFound):
                agent.continue_run(run, requirements=other.requirements)
    assert (len(engine.runs.events(run.run_id)), len(engine.audit.records())) == before
    assert house.effects == []


def test_law01_some_answers_of_several_execute_nothing(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1), call("pay", to="eve", amount=2))])
    run = agent.run("go", user="alice")
    first, second = run.active_requirements
    first.confirm(by="alice")
    assert run.state is RunState.RESOLVING
    still = agent.continue_run(run)
    assert still.is_paused
    assert house.effects == []
    second.confirm(by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 1, "-"), ("pay", "eve", 2, "-")]


def test_law01_a_list_of_gates_is_passed_in_order(house: House) -> None:
    engine = house.engine("- {id: two, gate: [confirm, {approval: {of: ['role:finance'], not: [requester]}}]}")
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    (first,) = run.active_requirements
    assert (first.kind, first.value.stage, first.value.stages) == ("confirm", 1, 2)
    first.confirm(by="alice")
    (second,) = run.active_requirements
    assert (second.kind, second.value.stage) == ("approval", 2)
    assert run.is_paused
    second.confirm(by="maria")
    assert agent.continue_run(run).state is RunState.DONE
    assert len(house.effects) == 1


def test_law01_it_pauses_again_after_a_resume(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1)), calls(call("pay", to="eve", amount=2))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    run = agent.continue_run(run)
    assert run.is_paused
    assert house.effects == [("pay", "bob", 1, "-")]
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 1, "-"), ("pay", "eve", 2, "-")]
