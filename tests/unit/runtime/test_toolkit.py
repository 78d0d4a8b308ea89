"""Where an agent's tools come from: toolsets, asked at once or at first use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hitl_fsm import Agent, tool
from hitl_fsm.errors import ToolError
from hitl_fsm.runtime.toolkit import Toolbox, Toolset
from hitl_fsm.runtime.tools import AnyTool
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
