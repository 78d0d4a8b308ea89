"""`engine.gate`: a bare callable under the policies."""

from __future__ import annotations

import asyncio

import pytest

from hitl_fsm.errors import Denied, Paused, ToolError
from house import House, call, calls

RULES = """
- {id: small, when: args.amount <= 10, gate: allow}
- {id: large, when: args.amount > 10 && args.amount <= 100, gate: confirm}
- {id: huge, when: args.amount > 100, gate: {deny: {note: too much}}}
"""


def test_law08_a_gated_callable_is_gated_wherever_it_is_called(house: House) -> None:
    engine = house.engine(RULES)

    def pay(amount: int, to: str = "bob") -> dict[str, int]:
        """Pay."""
        house.effects.append((to, amount))
        return {"paid": amount}

    gated = engine.gate(pay)
    assert gated(5) == {"paid": 5}
    paused: list[str] = []
    for amount in (20, 30, 40):

        def deeper(amount: int = amount) -> None:
            gated(amount, to="eve")

        with pytest.raises(Paused) as caught:
            deeper()
        paused.append(caught.value.run_id)
    assert house.effects == [("bob", 5)]
    with pytest.raises(Denied, match="too much"):
        gated(amount=500)
    assert len(set(paused)) == 3
    run = engine.runs.get(paused[1])
    run.active_requirements[0].confirm()
    assert gated.resume(paused[1]) == {"paid": 30}
    assert gated.resume(paused[1]) == {"paid": 30}, "a second resume gives the same result and runs nothing"
    with pytest.raises(Paused):
        gated.resume(paused[0])
    assert house.effects == [("bob", 5), ("eve", 30)]


def test_law08_a_gate_inside_a_tool_inside_a_gate_holds(house: House) -> None:
    engine = house.engine("- {id: outer, tools: [note], gate: allow}\n- {id: inner, tools: [pay], gate: confirm}")

    def pay(amount: int) -> str:
        """Pay."""
        house.effects.append(("pay", amount))
        return "paid"

    gated_pay = engine.gate(pay)

    def note(text: str) -> str:
        """Keep a note, and pay on the way: in a loop, in a function of its own."""

        def deeper(amount: int) -> str:
            return str(gated_pay(amount))

        for amount in range(3):
            deeper(amount)
        return text

    agent = house.agent(engine, [calls(call("note", text="x"))], tools=[note])
    run = agent.run("go")
    assert house.effects == []
    assert "Paused" in house.said_to_model(engine, run.run_id)[0]
    assert [row.kind for row in engine.runs.list(state="paused")] == ["callable"]


def test_a_rejected_call_is_denied_with_the_note(house: House) -> None:
    engine = house.engine(RULES)

    def pay(amount: int) -> str:
        """Pay."""
        house.effects.append((amount,))
        return "paid"

    gated = engine.gate(pay).for_user("alice")
    with pytest.raises(Paused) as caught:
        gated(50)
    engine.runs.get(caught.value.run_id).active_requirements[0].reject(by="alice", note="not today")
    with pytest.raises(Denied, match="not today"):
        gated.resume(caught.value.run_id)
    assert house.effects == []


def test_another_process_resumes_it(house: House) -> None:
    def pay(amount: int) -> str:
        """Pay."""
        house.effects.append((amount,))
        return "paid"

    with pytest.raises(Paused) as caught:
        house.engine(RULES).gate(pay)(50)
    second = house.engine(RULES)
    again = second.gate(pay)
    second.runs.get(caught.value.run_id).active_requirements[0].confirm()
    assert again.resume(caught.value.run_id) == "paid"
    assert house.effects == [(50,)]


def test_a_coroutine_function_stays_one(house: House) -> None:
    async def pay(amount: int) -> int:
        """Pay."""
        await asyncio.sleep(0)
        return amount

    gated = house.engine(RULES).gate(pay)

    async def main() -> None:
        assert await gated(7) == 7
        with pytest.raises(Paused):
            await gated(70)

    asyncio.run(main())


@pytest.mark.parametrize("bad", [(), (1, 2, 3), ("ten",)])
def test_wrong_arguments_are_an_error(house: House, bad: tuple[object, ...]) -> None:
    def pay(amount: int) -> str:
        """Pay."""
        house.effects.append((amount,))
        return "paid"

    with pytest.raises((ToolError, Denied)):
        house.engine(RULES).gate(pay)(*bad)
    assert house.effects == []


def test_a_raising_callable_is_a_tool_error(house: House) -> None:
    def pay(amount: int) -> str:
        """Pay."""
        raise ValueError("no money")

    with pytest.raises(ToolError, match="no money"):
        house.engine(RULES).gate(pay)(1)
