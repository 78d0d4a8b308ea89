"""Law 7: nothing in a batch of calls runs past an open gate, unless the policy says so; results keep their order."""

from __future__ import annotations

import pytest

from hitl_fsm.model.states import RunState
from house import House, call, calls, policies, policy_text

RULES = "- {id: look, tools: [look, note], gate: allow}\n- {id: pay, tools: [pay], gate: confirm}"
BATCH = [
    calls(
        call("look", order_id="1"), call("pay", to="bob", amount=5), call("look", order_id="2"), call("note", text="x")
    )
]


@pytest.mark.parametrize(
    ("batch", "before"),
    [
        ("in_order", [("look", "1")]),
        ("hold_all", []),
        ("run_ungated", [("look", "1"), ("look", "2"), ("note", "x")]),
    ],
)
def test_law07_what_runs_before_the_answer(house: House, batch: str, before: list[tuple[str, ...]]) -> None:
    engine = house.engine(policies(policy_text(RULES, extra=f"batch: {batch}")))
    agent = house.agent(engine, BATCH)
    run = agent.run("go", user="alice")
    assert run.is_paused
    assert sorted(house.effects) == sorted(before)
    agent.continue_run(run)
    assert sorted(house.effects) == sorted(before)
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert sorted(house.effects) == sorted([("look", "1"), ("look", "2"), ("note", "x"), ("pay", "bob", 5, "-")])
    assert house.said_to_model(engine, run.run_id) == ["order 1", "paid 5.0 to bob", "order 2", "noted"]
    if batch != "run_ungated":
        assert [e[0] for e in house.effects] == ["look", "pay", "look", "note"]


def test_law07_a_rejection_in_the_middle_keeps_order_and_the_others(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(*(call("pay", to=name, amount=1) for name in ("a", "b", "c")))])
    run = agent.run("go", user="alice")
    a, b, c = run.active_requirements
    c.confirm()
    b.reject(note="not b")
    a.confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert [e[1] for e in house.effects] == ["a", "c"]
    told = house.said_to_model(engine, run.run_id)
    assert told[0].endswith("to a")
    assert "not b" in told[1]
    assert told[2].endswith("to c")


def test_law07_two_calls_of_one_tool_do_not_share_a_form(house: House) -> None:
    engine = house.engine(
        "- id: form\n  tools: [refund]\n  gate:\n"
        "    user_input: {schema: {type: object, properties: {reason: {type: string}}, required: [reason]}}"
    )
    agent = house.agent(engine, [calls(call("refund", order_id="1"), call("refund", order_id="2"))])
    run = agent.run("go", user="alice")
    first, second = run.active_requirements
    first.provide_user_input({"reason": "broken"})
    assert [r.id for r in run.active_requirements] == [second.id]
    second.provide_user_input({"reason": "late"})
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("refund", "1", 1.0, "broken"), ("refund", "2", 1.0, "late")]
