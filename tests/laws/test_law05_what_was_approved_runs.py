"""Law 5: what was approved is what runs, through the API and against edits of the database."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from hitl_fsm import Agent, tool
from hitl_fsm.errors import AnswerRefused, HitlError, RequirementChanged, UnknownTool
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.states import RunState
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5))]
BOTH = "- {id: two, gate: [confirm, {approval: {of: ['role:finance']}}]}"


def edit(house: House, table: str, change: tuple[str, str]) -> int:
    """Replace text inside the JSON bodies of a table; the number of rows that changed."""
    changed = 0
    for number, body in house.sql(f"SELECT id, body FROM {table}"):
        new = body.replace(change[0].encode(), change[1].encode())
        if new != body:
            house.sql(f"UPDATE {table} SET body = ? WHERE id = ?", new, number)
            changed += 1
    return changed


def test_law05_edited_arguments_run_as_edited_and_void_earlier_votes(house: House) -> None:
    engine = house.engine(BOTH)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    (approval,) = run.active_requirements
    approval.confirm(by="maria", args={"to": "bob", "amount": 3})
    (again,) = run.active_requirements
    assert (again.kind, again.tool.tool_args) == ("confirm", {"to": "bob", "amount": 3, "memo": "-"})
    assert agent.continue_run(run).is_paused
    assert house.effects == []
    again.confirm(by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 3, "-")]


@pytest.mark.parametrize(
    "args",
    [
        {"to": "bob"},
        {"to": "bob", "amount": "5"},
        {"to": "bob", "amount": 5, "tool": "refund"},
        {"to": "bob", "amount": float("nan")},
        {"to": "bob", "amount": 2**60},
    ],
)
def test_law05_an_edit_that_does_not_fit_is_refused_and_stores_nothing(house: House, args: dict[str, Any]) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    before = len(engine.runs.events(run.run_id))
    with pytest.raises(AnswerRefused):
        run.active_requirements[0].confirm(by="alice", args=args)
    assert len(engine.runs.events(run.run_id)) == before
    run.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(run).state is RunState.DONE


def test_law05_an_edit_is_judged_by_the_policies_again(house: House) -> None:
    engine = house.engine(
        "- {id: small, when: args.amount <= 100, gate: confirm}\n"
        "- {id: large, when: args.amount > 100, gate: {approval: {of: ['role:finance']}}}\n"
        "- {id: huge, when: args.amount > 9000, gate: deny}"
    )
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice", args={"to": "bob", "amount": 500})
    (approval,) = run.active_requirements
    assert approval.kind == "approval"
    assert run.is_paused
    approval.confirm(by="maria", args={"to": "bob", "amount": 9999})
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []
    assert "Denied by policy" in house.said_to_model(engine, run.run_id)[0]


def test_law05_an_answer_to_something_else_than_was_shown_is_refused(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    with pytest.raises(RequirementChanged):
        engine.resolve(run.active_requirements[0].id, Approve(), by="alice", digest="0" * 64)
    assert engine.runs.get(run.run_id).state is RunState.PAUSED


@pytest.mark.altered
@pytest.mark.parametrize("table", ["event", "requirement"])
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("change", [('"amount":5', '"amount":9'), ('"tool":"pay"', '"tool":"refund"'), ("bob", "eve")])
def test_law05_a_database_edited_behind_our_back_executes_nothing(
    house: House, table: str, answered: bool, change: tuple[str, str]
) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    requirement_id = run.active_requirements[0].id
    if answered:
        run.active_requirements[0].confirm(by="alice")
    assert edit(house, table, change) > 0
    second = house.engine()
    again = house.agent(second, SCRIPT)
    if not answered:
        with pytest.raises(HitlError):
            second.resolve(requirement_id, Approve(), by="alice")
    with suppress(HitlError):
        again.continue_run(run_id=run.run_id)
    assert house.effects == []


def test_law05_another_version_of_the_tool_asks_again(house: House) -> None:
    def pay_version(version: str) -> Any:
        @tool(version=version)
        def pay(to: str, amount: float) -> str:
            """Send money."""
            house.effects.append((version, to, amount))
            return "paid"

        return pay

    agent = house.agent(house.engine(), SCRIPT, tools=[pay_version("1")])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    newer = house.agent(house.engine(), SCRIPT, tools=[pay_version("2")])
    again = newer.continue_run(run_id=run.run_id)
    assert again.is_paused
    assert house.effects == []
    again.active_requirements[0].confirm(by="alice")
    assert newer.continue_run(again).state is RunState.DONE
    assert house.effects == [("2", "bob", 5)]


def test_law05_a_tool_that_is_gone_is_an_error_and_the_answer_stays(house: House) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    without = house.agent(house.engine(), SCRIPT, tools=[])
    with pytest.raises(UnknownTool, match="pay"):
        without.continue_run(run_id=run.run_id)
    assert house.agent(house.engine(), SCRIPT).continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.effects == [("pay", "bob", 5, "-")]


def test_law05_the_digest_covers_each_part_of_the_action(house: House) -> None:
    from hitl_fsm.audit.canonical import action_digest

    base: dict[str, Any] = {
        "run_id": "r",
        "call_id": "1.0",
        "tool": "pay",
        "args": {"a": 1},
        "tool_version": "1",
        "policy_digest": "p",
    }
    other: dict[str, Any] = {
        "run_id": "r2",
        "call_id": "1.1",
        "tool": "refund",
        "args": {"a": 2},
        "tool_version": "2",
        "policy_digest": "q",
    }
    digests = {action_digest(**base)} | {action_digest(**{**base, key: value}) for key, value in other.items()}
    assert len(digests) == 1 + len(other), json.dumps(base)
    assert Agent is not None


def test_law05_defaults_are_judged_shown_and_approved_like_everything_that_runs(house: House) -> None:
    engine = house.engine(
        "- {id: dash, when: args.memo == '-', gate: confirm}\n- {id: other, when: args.memo != '-', gate: deny}"
    )
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    (requirement,) = run.active_requirements
    assert requirement.tool.tool_args == {"to": "bob", "amount": 1, "memo": "-"}
    requirement.confirm()
    agent.continue_run(run)
    assert house.effects == [("pay", "bob", 1, "-")]


def test_law05_a_default_that_json_cannot_say_is_left_to_the_function(house: House) -> None:
    from hitl_fsm import tool

    missing = object()

    @tool
    def pay(to: str, amount: float = 2.0, memo: Any = missing, wrong: int = "x") -> str:  # type: ignore[assignment]
        """Send money."""
        house.effects.append((to, amount, memo is missing, wrong))
        return "ok"

    agent = house.agent(house.engine(), [calls(call("pay", to="bob"))], tools=[pay])
    run = agent.run("go", user="alice")
    assert run.active_requirements[0].tool.tool_args == {"to": "bob", "amount": 2.0}
    run.active_requirements[0].confirm()
    agent.continue_run(run)
    assert house.effects == [("bob", 2.0, True, "x")]
