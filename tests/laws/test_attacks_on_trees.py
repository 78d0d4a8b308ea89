"""Attacks on agents, teams and workflows that once worked; none of them may work again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from hitl_fsm import Agent, Engine, Retry, Step, Team, Workflow, ask_user, tool
from hitl_fsm.errors import HitlError, UnknownTool
from hitl_fsm.model.states import RunState
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls, policies
from moments import HUNG_S
from receiver import wait_for

HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: {name}\nowner: a@example.com\ndescription: For a test.\n"


def said(name: str, rules: str) -> bytes:
    return f"{HEAD.format(name=name)}{rules}\n".encode()


ALL_TOOLS = said("tools", "tools: ['*']\nrules:\n  - {id: any, gate: allow}")
ALL_STEPS = said("steps", "steps: ['*']\nrules:\n  - {id: any, gate: allow}")
STEPS_ASK = said("asks", "steps: ['*']\nrules:\n  - {id: any, gate: confirm}")
NO_PAY = said("pays", "tools: [pay, look]\nrules:\n  - {id: pay, tools: pay, gate: deny}\n  - {id: look, gate: allow}")


@pytest.mark.parametrize("first", ["a tool", "a function"])
def test_law05_a_step_that_stands_for_something_else_by_now_does_not_run_on_the_old_yes(
    house: House, first: str
) -> None:
    """The policies of the tool that stands there now were never asked."""
    ran: list[str] = []

    @tool
    def look(input: str) -> str:  # noqa: A002 - as a function's argument is called in a step
        ran.append("look")
        return input

    @tool
    def pay(input: str) -> str:  # noqa: A002 - as above
        ran.append("pay")
        return input

    was: Any = look if first == "a tool" else lambda given: ran.append("function")
    run = Workflow("flow", [Step("act", was)], engine=house.engine(policies(NO_PAY, STEPS_ASK))).run("42", user="u")
    run.active_requirements[0].confirm(by="u")
    changed = Workflow("flow", [Step("act", pay)], engine=house.engine(policies(NO_PAY, STEPS_ASK)))
    with pytest.raises(UnknownTool):
        changed.continue_run(run_id=run.run_id)
    assert ran == []
    back = Workflow("flow", [Step("act", was)], engine=house.engine(policies(NO_PAY, STEPS_ASK)))
    assert back.continue_run(run_id=run.run_id).state is RunState.DONE
    assert ran == ["look" if first == "a tool" else "function"]


@pytest.mark.parametrize("rules", [ALL_TOOLS, ALL_STEPS], ids=["ask_user is allowed", "nothing said of ask_user"])
def test_law09_a_question_to_a_person_as_a_step_is_asked(house: House, rules: bytes) -> None:
    flow = Workflow("flow", [Step("question", ask_user)], engine=house.engine(policies(rules)))
    run = flow.run("How much?", user="u")
    (question,) = run.active_requirements
    assert question.needs_user_input
    assert (question.schema or {})["description"] == "How much?"
    question.provide_user_input({"answer": "5"}, by="u")
    assert flow.continue_run(run).value.result == {"answer": "5"}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("on_error", ["retry", Retry(2), Retry(1, then="skip")])
@pytest.mark.usefixtures("begun_in_time")
def test_law03_a_step_that_was_given_up_is_not_tried_again_by_itself(
    house: House, on_error: Any, *, nested: bool
) -> None:
    """Nobody knows whether it took effect, so nothing but a person's word may have it done again."""
    ran: list[str] = []
    over = threading.Event()

    @tool(timeout_s=0.05)
    def pay(to: str) -> str:
        ran.append(to)
        over.wait(HUNG_S)
        return to

    engine = house.engine(policies(ALL_TOOLS, ALL_STEPS))
    step = Step("pay", pay, on_error="fail" if nested else on_error)
    flow = Workflow("flow", [step], engine=engine)
    if nested:
        flow = Workflow("outer", [Step("inside", flow, on_error=on_error)], engine=engine)
    run = flow.run("x", user="u")
    (question,) = run.active_requirements
    assert question.is_outcome_unknown
    house.clock.advance(10 * 60_000)
    question.give_up(by="u")
    run = flow.continue_run(run)
    skips = isinstance(on_error, Retry) and on_error.then == "skip"
    assert (run.state, ran) == (RunState.DONE if skips else RunState.FAILED, ["x"])
    over.set()
    wait_for(lambda: any(b'"event":"late_result"' in line.body for line in engine.audit.records()))


def members(engine: Engine, asked: list[str]) -> list[Agent]:
    def saying(name: str) -> Callable[[Any], dict[str, str]]:
        def say(request: Any) -> dict[str, str]:
            asked.append(f"{name}: {request.messages[-1].content}")
            return {"say": name}

        return say

    return [Agent(name, ScriptedModel([saying(name)] * 3), engine=engine) for name in ("anne", "bert")]


def test_law07_what_a_broadcasts_leader_asks_for_itself_waits_for_the_gate_before_it(house: House) -> None:
    """Side by side is the team's own word for its first turn, not the leader's for all others."""
    rules = said(
        "starts",
        "agents: [anne]\nrules:\n  - {id: again, when: 'has(args.task) && args.task == \"again\"', gate: confirm}\n"
        "  - {id: rest, gate: allow}",
    )
    asked: list[str] = []
    engine = house.engine(policies(rules))
    leader = ScriptedModel([calls(call("ask_anne", task="again"), call("ask_bert", task="again")), {"say": "end"}])
    team = Team("desk", members(engine, asked), engine=engine, model=leader, mode="broadcast")
    run = team.run("go", user="u")
    assert (run.is_paused, sorted(asked)) == (True, ["anne: go", "bert: go"])
    run.active_requirements[0].confirm(by="u")
    assert team.continue_run(run).output == "end"
    assert sorted(asked) == ["anne: again", "anne: go", "bert: again", "bert: go"]


def test_law05_what_was_taken_out_of_an_input_reaches_no_later_run_and_no_fork(house: House) -> None:
    rules = said(
        "starts",
        "agents: [clerk]\nrules:\n  - {id: card, when: \"args.input.contains('4111')\", gate: confirm}\n"
        "  - {id: rest, gate: allow}",
    )
    read: list[str] = []

    def reply(request: Any) -> dict[str, str]:
        read.extend(message.content for message in request.messages)
        return {"say": "ok"}

    engine = house.engine(policies(rules))
    clerk = Agent("clerk", ScriptedModel([reply] * 9), engine=engine)
    run = clerk.run("my card is 4111", user="u", session="s")
    run.active_requirements[0].confirm(by="u", args={"input": "my card is hidden"})
    assert clerk.continue_run(run).state is RunState.DONE
    assert clerk.run("next", user="u", session="s").state is RunState.DONE
    fork = engine.fork(run.run_id, 0)
    assert fork.state is RunState.DONE
    assert clerk.run("last", user="u", session="s").state is RunState.DONE
    assert [text for text in read if "4111" in text] == []
    assert "my card is hidden" in read


def test_law08_the_same_name_for_a_member_and_a_tool_is_refused_also_when_the_tool_comes_late(house: House) -> None:
    class Late:
        lazy = True

        def tools(self) -> list[Any]:
            def ask_anne(task: str) -> str:
                raise AssertionError(task)

            return [tool(ask_anne)]

    engine = house.engine(policies(ALL_TOOLS))
    leader = ScriptedModel([calls(call("ask_anne", task="go"))])
    team = Team("desk", members(engine, []), engine=engine, tools=[Late()], model=leader)
    with pytest.raises(HitlError):
        team.run("go", user="u")
    assert engine.runs.list() == []


@pytest.mark.parametrize("word", ["{review: {}}", "deny"])
def test_law15_a_policy_that_came_while_a_step_waits_inside_holds_for_what_the_step_comes_to(
    house: House, word: str
) -> None:
    """The step has begun, and waits for somebody in the middle; its result has not gone on yet."""
    ran: list[str] = []

    @tool
    def look(order: str) -> str:
        ran.append(order)
        return "42"

    def send(text: str) -> None:
        ran.append(text)

    def flow(engine: Engine) -> Workflow:
        model = ScriptedModel([calls(call("look", order="a")), {"say": "it is 42"}])
        clerk = Agent("clerk", model, engine=engine, tools=[look])
        return Workflow("flow", [Step("draft", clerk), Step("send", send)], engine=engine)

    asks = said("tools", "tools: ['*']\nrules:\n  - {id: any, gate: confirm}")
    run = flow(house.engine(policies(asks, ALL_STEPS))).run("go", user="u")
    run.active_requirements[0].confirm(by="u")
    tighter = said(
        "steps", f"steps: ['*']\nrules:\n  - {{id: draft, steps: draft, gate: {word}}}\n  - {{id: rest, gate: allow}}"
    )
    now = flow(house.engine(policies(asks, tighter)))
    told: list[Any] = list(now.continue_run(run_id=run.run_id, stream=True))
    assert ran == ["a"]
    run = told[-1].run
    if word == "deny":
        assert (run.state, "withheld" in (run.error or "")) == (RunState.FAILED, True)
        return
    assert [getattr(event, "text", "") for event in told if getattr(event, "text", "")] == []
    (review,) = run.active_requirements
    assert (review.needs_review, review.result) == (True, "it is 42")
    review.accept(by="u")
    assert now.continue_run(run).state is RunState.DONE
    assert ran == ["a", "it is 42"]


@pytest.mark.parametrize("kind", ["step", "agent"])
def test_law04_what_a_person_rejected_does_not_run_because_nobody_would_be_asked_by_now(
    house: House, kind: str
) -> None:
    ran: list[str] = []

    @tool
    def pay(to: str) -> str:
        ran.append(to)
        return "paid"

    def build(rules: bytes) -> Any:
        engine = house.engine(policies(rules, ALL_STEPS))
        if kind == "step":
            return Workflow("flow", [Step("pay", pay, on_reject="retry")], engine=engine)
        asks = calls(call("pay", to="x"))
        return Agent(
            "clerk", ScriptedModel([asks, asks, calls(call("pay", to="y")), {"say": "e"}]), engine=engine, tools=[pay]
        )

    run = build(said("tools", "tools: [pay]\nrules:\n  - {id: any, gate: confirm}")).run("x", user="u")
    run.active_requirements[0].reject(by="u", note="never")
    run = build(ALL_TOOLS).continue_run(run_id=run.run_id)
    assert (run.is_paused, ran) == (False, [] if kind == "step" else ["y"])


def test_law04_what_was_rejected_may_be_asked_again_and_a_later_yes_outlives_a_change_of_policies(house: House) -> None:
    def build(text: str) -> Workflow:
        tools = house.tools()
        engine = house.engine(policies(said("tools", f"tools: [look]\nrules:\n  - {{id: any, {text}}}"), ALL_STEPS))
        return Workflow("flow", [Step("look", tools[2], on_reject="retry")], engine=engine)

    run = build("gate: confirm").run("o1", user="u")
    run.active_requirements[0].reject(by="u")
    run = build("gate: confirm").continue_run(run_id=run.run_id)
    run.active_requirements[0].confirm(by="u")
    assert build("severity: high, gate: allow").continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.effects == [("look", "o1")]


def test_law08_a_rule_on_an_agents_input_holds_for_the_task_that_a_team_hands_it(house: House) -> None:
    rules = said(
        "starts",
        "agents: [anne]\nrules:\n"
        "  - {id: big, when: \"has(args.input) && args.input.contains('big')\", gate: confirm}\n"
        "  - {id: rest, gate: allow}",
    )
    asked: list[str] = []
    engine = house.engine(policies(rules))
    leader = ScriptedModel([calls(call("ask_anne", task="a big job")), {"say": "end"}])
    team = Team("desk", members(engine, asked), engine=engine, model=leader)
    run = team.run("go", user="u")
    assert (run.is_paused, asked) == (True, [])
    assert run.active_requirements[0].tool.tool_args == {"task": "a big job"}
    run.active_requirements[0].confirm(by="u")
    assert team.continue_run(run).output == "end"
    assert asked == ["anne: a big job"]
