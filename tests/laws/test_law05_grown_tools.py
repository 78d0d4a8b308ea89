"""Law 5: an argument that a tool got since its call was judged is never filled in with what nobody was asked about."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from hitl_fsm import Engine, tool
from hitl_fsm.model.states import RunState
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob")), {"say": "{last_result}"}]


class Order(BaseModel):
    to: str
    instant: bool = True


class LargerOrder(Order):
    limit: int = 1_000_000


class Crash(BaseException):
    """As hard as a process that dies: nothing catches it."""


def first(house: House, *, idempotent: bool = False, dies: bool = False) -> Any:
    """The tool as it was when its call was judged."""

    @tool(idempotent=idempotent)
    async def pay(to: str, memo: str = "-") -> str:
        """Send money."""
        house.effects.append((to, memo))
        if dies:
            raise Crash
        return "paid"

    return pay


def grown(house: House, *, version: str = "1", idempotent: bool = False) -> Any:
    """The tool with the argument that a later release gave it."""

    @tool(version=version, idempotent=idempotent)
    def pay(to: str, memo: str = "-", limit: int = 1_000_000) -> str:
        """Send money."""
        house.effects.append((to, memo, limit))
        return "paid"

    return pay


def approved(house: House, engine: Engine) -> str:
    run = house.agent(engine, SCRIPT, tools=[first(house)]).run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    return run.run_id


@pytest.mark.parametrize("version", ["1", "2"])
def test_law05_an_argument_that_a_tool_got_since_is_never_filled_in_unseen(house: House, version: str) -> None:
    run_id = approved(house, house.engine())
    agent = house.agent(house.engine(), SCRIPT, tools=[grown(house, version=version)])
    run = agent.continue_run(run_id=run_id)
    assert house.effects == []
    assert run.state is RunState.DONE  # nobody is asked once more about what would not run
    assert run.output == "pay has arguments by now that nobody was asked about: limit. It was not executed."
    again = agent.run("once more", user="alice")
    assert again.active_requirements[0].tool.tool_args == {"to": "bob", "memo": "-", "limit": 1_000_000}
    again.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(again).state is RunState.DONE
    assert house.effects == [("bob", "-", 1_000_000)]


def test_law03_what_may_have_happened_before_a_tool_grew_is_a_question(house: House) -> None:
    """Another try of an idempotent call would be refused, and be told as if nothing had happened."""
    agent = house.agent(house.engine(), SCRIPT, tools=[first(house, idempotent=True, dies=True)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    with pytest.raises(Crash):
        asyncio.run(agent.acontinue_run(run))
    newer = house.agent(house.engine(), SCRIPT, tools=[grown(house, idempotent=True)])
    after = newer.continue_run(run_id=run.run_id)
    assert [asked.kind for asked in after.active_requirements] == ["outcome"]
    assert house.effects == [("bob", "-")]


def test_law05_a_changed_default_does_not_reach_what_was_approved(house: House) -> None:
    run_id = approved(house, house.engine())

    @tool
    def pay(to: str, memo: str = "another") -> str:
        """Send money."""
        house.effects.append((to, memo))
        return "paid"

    run = house.agent(house.engine(), SCRIPT, tools=[pay]).continue_run(run_id=run_id)
    assert run.state is RunState.DONE
    assert house.effects == [("bob", "-")]


def by_order(house: House, *, larger: bool = False) -> Any:
    def pay(order: Order) -> str:
        """Send money."""
        house.effects.append((order.to, order.instant))
        return "paid"

    def pay_more(order: LargerOrder) -> str:
        """Send money."""
        house.effects.append((order.to, order.instant, order.limit))
        return "paid"

    return tool(name="pay")(pay_more if larger else pay)


def test_law05_a_default_inside_of_an_argument_is_judged_like_everything_that_runs(house: House) -> None:
    rules = (
        "- {id: slow, gate: audit}\n- {id: instant, when: has(args.order.instant) && args.order.instant, gate: deny}"
    )
    script = [calls(call("pay", order={"to": "bob"})), calls(call("pay", order={"to": "ann", "instant": False}))]
    run = house.agent(house.engine(rules), script, tools=[by_order(house)]).run("go", user="alice")
    assert run.state is RunState.DONE
    assert house.effects == [("ann", False)]


def test_law05_a_default_inside_of_an_argument_is_shown_and_one_that_came_since_never_runs(house: House) -> None:
    script = [calls(call("pay", order={"to": "bob"})), {"say": "{last_result}"}]
    run = house.agent(house.engine(), script, tools=[by_order(house)]).run("go", user="alice")
    assert run.active_requirements[0].tool.tool_args == {"order": {"to": "bob", "instant": True}}
    run.active_requirements[0].confirm(by="alice")
    larger = house.agent(house.engine(), script, tools=[by_order(house, larger=True)])
    after = larger.continue_run(run_id=run.run_id)
    assert house.effects == []
    assert after.output == "pay has arguments by now that nobody was asked about: order. It was not executed."
