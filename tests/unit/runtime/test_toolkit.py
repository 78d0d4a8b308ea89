"""Where an agent's tools come from: toolsets, asked at once or at first use."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest

from hitl_fsm import Agent, tool
from hitl_fsm.errors import ToolError
from hitl_fsm.runtime.tools.tool import AnyTool
from hitl_fsm.runtime.tools.toolkit import Toolbox, Toolkit, Toolset
from hitl_fsm.testing import ScriptedModel
from house import House, call, calls


@tool
def look(order_id: str) -> str:
    """Look an order up."""
    return f"order {order_id}"


class Given:
    """A toolset that counts how often it is asked."""

    lazy = False

    def __init__(self, *gives: Any, fails: int = 0) -> None:
        self.gives = gives
        self.fails = fails
        self.asked = 0

    def tools(self) -> Sequence[AnyTool]:
        self.asked += 1
        if self.asked <= self.fails:
            raise OSError("no route to host")
        return list(self.gives)


class Later(Given):
    lazy = True


def test_a_toolset_stands_beside_functions_and_is_asked_when_the_agent_is_built() -> None:
    def note(text: str) -> str:
        return text

    given = Given(look)
    assert isinstance(given, Toolset)
    box = Toolbox("helper", [note, given])
    assert (list(box), given.asked, box.is_open) == (["note", "look"], 1, True)


def test_a_lazy_toolset_is_asked_at_first_use_and_once() -> None:
    given = Later(look)
    box = Toolbox("helper", [given])
    assert (given.asked, box.is_open) == (0, False)
    assert box["look"] is look
    assert "look" in box
    assert (given.asked, box.is_open) == (1, True)


def test_what_a_lazy_toolset_raises_keeps_nothing_and_the_next_use_asks_again() -> None:
    given = Later(look, fails=1)
    box = Toolbox("helper", [given])
    with pytest.raises(ToolError, match="tools of Later could not be read: OSError: no route to host"):
        list(box)
    assert not box.is_open
    assert list(box) == ["look"]


async def test_opening_asks_in_another_thread_than_the_event_loops() -> None:
    import threading

    seen: list[threading.Thread] = []

    class Slow(Later):
        def tools(self) -> Sequence[AnyTool]:
            seen.append(threading.current_thread())
            return super().tools()

    box = Toolbox("helper", [Slow(look)])
    await box.opened()
    await box.opened()
    assert box.is_open
    assert len(seen) == 1
    assert seen[0] is not threading.current_thread()


def test_two_tools_of_one_name_are_refused_wherever_they_come_from() -> None:
    with pytest.raises(ToolError, match="two tools named 'look'"):
        Toolbox("helper", [look, Given(look)])
    late = Toolbox("helper", [look, Later(look)])
    with pytest.raises(ToolError, match="two tools named 'look'"):
        len(late)


def test_a_toolset_that_gives_no_tools_is_refused() -> None:
    class Wrong:
        async def tools(self) -> list[AnyTool]:
            return [look]

    with pytest.raises(ToolError, match="returned coroutine, not a list of tools"):
        Toolbox("helper", [Wrong()])  # type: ignore[list-item]
    with pytest.raises(ToolError, match="int is not a tool"):
        Toolbox("helper", [Given(7)])


def test_an_agent_runs_a_tool_of_a_lazy_toolset_through_its_gate(house: House) -> None:
    given = Later(*house.tools())
    agent: Agent = house.agent(house.engine(), [calls(call("look", order_id="o1"))], tools=[given])
    assert given.asked == 0
    run = agent.run("look")
    assert (run.is_paused, house.effects) == (True, [])
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).output == "the end"
    assert house.effects == [("look", "o1")]
    assert given.asked == 1


def test_building_an_agent_asks_no_lazy_toolset(house: House) -> None:
    given = Later(look)
    Agent("helper", ScriptedModel([]), engine=house.engine(), tools=[given])
    assert given.asked == 0


class Shelf:
    def count(self, sku: str) -> int:
        """How many there are."""
        return len(sku)


class Shop(Shelf):
    """One property would raise, were it looked at."""

    def __init__(self, till: list[float]) -> None:
        self.till = till
        self.callback = lambda text: text

    @property
    def closed(self) -> bool:
        raise RuntimeError("looked at")

    @tool(version="2", idempotent=True)
    def refund(self, amount: float) -> str:
        """Pay money back."""
        self.till.append(-amount)
        return f"refunded {amount}"

    async def look(self, order_id: str) -> str:
        return f"order {order_id}, {len(self.till)} in the till"

    @staticmethod
    def vat(amount: float) -> float:
        return amount * 0.2

    @classmethod
    @tool(version="3")
    def named(cls, text: str) -> str:
        return f"{cls.__name__} {text}"

    def _private(self, text: str) -> str:
        return text


def names(toolkit: Toolkit) -> list[str]:
    return [one.name for one in toolkit.tools()]


def test_an_objects_public_methods_are_tools_its_bases_first() -> None:
    toolkit = Toolkit(Shop([]))
    assert names(toolkit) == ["count", "refund", "look", "vat", "named"]
    by_name = {one.name: one for one in toolkit.tools()}
    assert (by_name["refund"].version, by_name["refund"].idempotent, by_name["named"].version) == ("2", True, "3")
    assert by_name["refund"].parameters == ("amount",)
    assert by_name["count"].spec.description == "How many there are."


def test_a_declared_method_works_on_the_object_that_it_is_taken_from() -> None:
    one, other = Shop([]), Shop([])
    assert one.refund(2.0) == "refunded 2.0"
    Shop.refund(other, 3.0)
    assert (one.till, other.till) == ([-2.0], [-3.0])
    assert [t.name for t in Toolbox("helper", [one.refund]).values()] == ["refund"]


def test_a_declared_method_without_its_object_is_no_tool() -> None:
    with pytest.raises(ToolError, match="refund is a method without its object"):
        Toolbox("helper", [Shop.refund])
    with pytest.raises(ToolError, match="a class has no one to call its methods on"):
        Toolkit(Shop)


def test_methods_of_every_kind_run_in_an_agent(house: House) -> None:
    shop = Shop([])
    replies = [
        calls(call("s_refund", amount=2.0), call("s_look", order_id="o1"), call("s_vat", amount=10.0)),
        calls(call("s_named", text="yes"), call("s_count", sku="abc")),
    ]
    agent = house.agent(house.engine(default="confirm"), replies, tools=[Toolkit(shop, prefix="s_")])
    run = agent.run("go")
    while run.is_paused:
        assert len(shop.till) == (0 if run.calls[0].call_id == "1.0" else 1)
        for requirement in run.active_requirements:
            requirement.confirm()
        run = agent.continue_run(run_id=run.run_id)
    assert house.said_to_model(agent.engine, run.run_id) == [
        "refunded 2.0",
        "order o1, 1 in the till",
        "2.0",
        "Shop yes",
        "3",
    ]


def test_include_exclude_and_prefix() -> None:
    assert names(Toolkit(Shop([]), include=["vat", "refund"], prefix="shop_")) == ["shop_vat", "shop_refund"]
    assert names(Toolkit(Shop([]), exclude=["refund", "named"])) == ["count", "look", "vat"]
    with pytest.raises(ToolError, match="Shop has no public function 'refnd'") as missing:
        Toolkit(Shop([]), include=["refnd"]).tools()
    assert missing.value.help == "did you mean 'refund'?"
    with pytest.raises(ToolError, match="no public function 'lok'"):
        Toolkit(Shop([]), exclude=["lok"]).tools()
    with pytest.raises(ToolError, match="`include` is one text"):
        Toolkit(Shop([]), include="look").tools()
    with pytest.raises(ToolError, match="no public function that could be a tool"):
        Toolkit(Shop([]), include=[]).tools()
    with pytest.raises(ToolError, match="cannot be a tool's name"):
        Toolkit(Shop([]), prefix="s" * 60).tools()


def test_private_names_stay_private_also_when_they_are_asked_for() -> None:
    with pytest.raises(ToolError, match="no public function '_private'"):
        Toolkit(Shop([]), include=["_private"]).tools()


def test_a_subclass_is_a_toolkit_of_its_own_methods() -> None:
    class Till(Toolkit):
        prefix = "till_"
        exclude = ("audit",)

        def __init__(self, money: float) -> None:
            self.money = money

        def pay(self, amount: float) -> float:
            return self.money - amount

        def audit(self) -> str:
            return "fine"

    assert names(Till(10.0)) == ["till_pay"]
    (pay,) = Till(10.0).tools()
    assert pay(4.0) == 6.0
    with pytest.raises(ToolError, match=r"Toolkit\(\) has no source"):
        Toolkit()


@pytest.fixture
def shop_module() -> ModuleType:
    made = ModuleType("shop_module")
    sys.modules["shop_module"] = made
    source = (
        "from json import dumps\nfrom hitl_fsm import ask_user, tool\nLIMIT = 3\nclass Thing: ...\n"
        "def look(order_id: str) -> str:\n    return order_id\n"
        "@tool(version='2')\ndef pay(amount: float) -> str:\n    return dumps(amount)\n"
        "def _hidden(text: str) -> str:\n    return text\n"
    )
    exec(source, made.__dict__)
    return made


def test_a_modules_own_public_functions_are_tools(shop_module: ModuleType) -> None:
    toolkit = Toolkit(shop_module)
    assert [(one.name, one.version) for one in toolkit.tools()] == [("look", "1"), ("pay", "2")]
    shop_module.__all__ = ["pay", "ask_user", "Thing"]  # type: ignore[attr-defined]
    assert names(toolkit) == ["pay", "ask_user"]


def test_a_method_that_cannot_be_a_tool_is_told_when_the_agent_is_built() -> None:
    class Vague:
        def pay(self, amount) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
            return str(amount)

    with pytest.raises(ToolError, match="tool `pay`: parameter `amount` has no type hint"):
        Toolbox("helper", [Toolkit(Vague())])


def test_a_person_may_answer_while_a_lazy_toolset_is_out_of_reach(house: House) -> None:
    agent = house.agent(house.engine(), [calls(call("look", order_id="o1"))], tools=[Later(*house.tools())])
    run = agent.run("look")
    away = Later(*house.tools(), fails=1)
    other = house.agent(house.engine(), [calls(call("look", order_id="o1"))], tools=[away])
    run = other.engine.runs.get(run.run_id)
    run.active_requirements[0].confirm()
    assert away.asked == 0
    with pytest.raises(ToolError, match="could not be read: OSError"):
        other.continue_run(run)
    assert house.effects == []
    assert other.continue_run(run).output == "the end"
    assert house.effects == [("look", "o1")]


def test_a_toolset_that_is_out_of_reach_starts_no_run(house: House) -> None:
    agent = house.agent(house.engine(), [], tools=[Later(*house.tools(), fails=1)])
    with pytest.raises(ToolError, match="no route to host"):
        agent.run("look")
    assert agent.engine.runs.list() == []
