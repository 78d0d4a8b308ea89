"""The start of a run as a gated action, sessions, and forks: on both stores, each time in a new process' engine."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm import Agent
from hitl_fsm.errors import ForkRefused, NotAuthorised
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.agents.session import History
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies, policy_text

STARTS = policies(
    b"""apiVersion: hitl-fsm/v1
kind: Policy
name: starts
owner: compliance@example.com
description: Who may set the clerk to work.
agents: [clerk]
rules:
  - id: big
    when: args.input.contains('big')
    gate: {approval: {of: ['role:finance']}}
  - id: never
    when: args.input.contains('never')
    gate: deny
  - id: rest
    gate: allow
"""
)
REVIEWED = policies(
    b"""apiVersion: hitl-fsm/v1
kind: Policy
name: reviewed
owner: compliance@example.com
description: What the clerk comes to is looked at.
agents: [clerk]
rules: [{id: all, gate: review}]
"""
)
PAYS = policies(policy_text("- {id: look, tools: [look], gate: allow}\n- {id: pay, tools: [pay], gate: confirm}"))


def asked(model: list[Any], into: list[Any]) -> ScriptedModel:
    """A model that tells what it was sent."""

    def told(reply: Any) -> Any:
        def say(request: Any) -> Any:
            into.append([(m.role, m.content) for m in request.messages])
            return reply

        return say

    return ScriptedModel([told(one) for one in model])


def clerk(house: House, rules: Any, model: ScriptedModel, **more: Any) -> Agent:
    return Agent("clerk", model, engine=house.engine(rules), tools=house.tools(), **more)


def test_law01_a_gated_start_asks_no_model_before_its_answer(house: House) -> None:
    seen: list[Any] = []
    run = clerk(house, STARTS, asked([{"say": "done"}], seen)).run("a big job", user="alice")
    (question,) = run.active_requirements
    assert (run.state, seen) == (RunState.PAUSED, [])
    assert (question.kind, question.tool.tool_name, question.tool.tool_args) == (
        "approval",
        "clerk",
        {"input": "a big job"},
    )
    again = clerk(house, STARTS, asked([{"say": "done"}], seen))
    assert again.continue_run(run_id=run.run_id).is_paused
    with pytest.raises(NotAuthorised):
        question.confirm(by="alice")
    question.confirm(by="maria", args={"input": "a small big job"})
    run = again.continue_run(run_id=run.run_id)
    assert (run.state, run.output) == (RunState.DONE, "done")
    assert seen == [[("user", "a small big job")]]


@pytest.mark.parametrize("prompt", ["never", "a big job"])
def test_law04_a_refused_start_is_the_end_of_the_run(house: House, prompt: str) -> None:
    seen: list[Any] = []
    agent = clerk(house, STARTS, asked([{"say": "done"}], seen))
    run = agent.run(prompt, user="alice")
    if run.is_paused:
        run.active_requirements[0].reject(by="maria", note="not today")
        run = agent.continue_run(run_id=run.run_id)
    assert (run.state, seen) == (RunState.CANCELLED, [])
    assert "not executed" in (run.error or "")
    assert agent.continue_run(run_id=run.run_id).state is RunState.CANCELLED


def test_an_allowed_start_is_told_by_the_record_and_nothing_else(house: House) -> None:
    run = clerk(house, STARTS, ScriptedModel([{"say": "done"}])).run("hello", user="alice")
    assert (run.state, run.output, run.calls) == (RunState.DONE, "done", ())


def test_a_run_of_a_session_reads_what_was_said_in_it_by_this_user_to_this_agent(house: House) -> None:
    seen: list[Any] = []

    def say(text: str, user: str, session: str, name: str = "clerk", runs: int = 2) -> None:
        count = {"n": 0}

        def reply(request: Any) -> Any:
            count["n"] += 1
            seen.append([m.content for m in request.messages])
            return {"say": f"re: {text}"}

        model = ScriptedModel([reply] * 20)
        agent = Agent(name, model, engine=house.engine(PAYS), history=History(runs=runs))
        assert agent.run(text, user=user, session=session).state is RunState.DONE

    say("one", "alice", "s")
    say("two", "alice", "s")
    say("other user", "bob", "s")
    say("other session", "alice", "t")
    say("other agent", "alice", "s", name="scout")
    say("three", "alice", "s")
    say("four", "alice", "s")
    say("five", "alice", "s", runs=0)
    assert seen == [
        ["one"],
        ["one", "re: one", "two"],
        ["other user"],
        ["other session"],
        ["other agent"],
        ["one", "re: one", "two", "re: two", "three"],
        ["two", "re: two", "three", "re: three", "four"],
        ["five"],
    ]


LOOKS_THEN_PAYS = [
    calls(call("look", order_id="a")),
    calls(call("pay", to="x", amount=5)),
    {"say": "the end"},
]


def test_a_fork_goes_on_from_an_earlier_step_and_leaves_the_run_as_it_was(house: House) -> None:
    agent = clerk(house, PAYS, ScriptedModel(LOOKS_THEN_PAYS))
    run = agent.run("go", user="alice")
    before = house.sql("SELECT count(*) FROM event WHERE run_id = ?", run.run_id)
    fork = clerk(house, PAYS, ScriptedModel(LOOKS_THEN_PAYS)).engine.fork(run.run_id, 1)
    assert fork.run_id != run.run_id
    assert fork.is_paused
    looked = [effect for effect in house.effects if effect[0] == "look"]
    assert len(looked) == 1
    fork.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(run_id=fork.run_id).output == "the end"
    assert house.sql("SELECT count(*) FROM event WHERE run_id = ?", run.run_id) == before
    assert agent.engine.runs.get(run.run_id).is_paused
    assert agent.engine.audit.verify().intact


def test_law04_what_was_rejected_stays_rejected_in_a_fork_and_in_its_fork(house: House) -> None:
    agent = clerk(house, PAYS, ScriptedModel(LOOKS_THEN_PAYS))
    run = agent.run("go", user="alice")
    run.active_requirements[0].reject(by="alice")
    agent.continue_run(run_id=run.run_id)
    fork = agent.engine.fork(run.run_id, 1)
    assert (fork.state, fork.output) == (RunState.DONE, "the end")
    again = agent.engine.fork(fork.run_id, 1)
    assert (again.state, again.output) == (RunState.DONE, "the end")
    other = clerk(
        house, PAYS, ScriptedModel([*LOOKS_THEN_PAYS[:1], calls(call("pay", to="x", amount=6)), {"say": "x"}])
    )
    fresh = other.engine.fork(run.run_id, 1)
    assert fresh.is_paused
    fresh.active_requirements[0].confirm(by="alice", args={"to": "x", "amount": 5, "memo": "-"})
    assert other.continue_run(run_id=fresh.run_id).state is RunState.DONE
    assert [effect for effect in house.effects if effect[0] == "pay"] == []


@pytest.mark.parametrize("step", [2, 3, 99, -1])
def test_a_fork_from_where_the_run_never_stood_is_refused(house: House, step: int) -> None:
    agent = clerk(house, PAYS, ScriptedModel(LOOKS_THEN_PAYS))
    run = agent.run("go", user="alice")
    with pytest.raises(ForkRefused):
        agent.engine.fork(run.run_id, step)
    assert len(agent.engine.runs.list()) == 1


def test_law06_a_start_whose_result_somebody_would_have_to_review_does_not_happen(house: House) -> None:
    seen: list[Any] = []
    run = clerk(house, REVIEWED, asked([{"say": "done"}], seen)).run("go", user="alice")
    assert (run.state, seen) == (RunState.CANCELLED, [])
    assert "review" in (run.error or "")
