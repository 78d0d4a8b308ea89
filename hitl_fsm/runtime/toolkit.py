"""Where an agent's tools come from: functions, tools, and whatever has several of them.

The one protocol is `Toolset`: what has a method `tools()` may be given in `Agent(tools=[...])` beside functions.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from hitl_fsm.errors import HitlError, ToolError
from hitl_fsm.runtime.loop import run_blocking
from hitl_fsm.runtime.results import error_text
from hitl_fsm.runtime.tools import AnyTool, as_tool


@runtime_checkable
class Toolset(Protocol):
    """Several tools from one place.

    `tools()` is asked once for each agent that has the toolset, and what it gave is kept: the policies, the record and
    a resume in another process go by names and versions, so two processes must be given the same ones.

    It is asked when the agent is built, so that a wrong one is found there. A toolset that must first reach something
    (a server, a process) has a class attribute `lazy = True`: it is asked at the first use instead, so that importing
    the module that builds the agent reaches nothing. `tools()` is synchronous and may block. It may be called from any
    thread, also from one whose event loop is running, so one that needs a loop brings its own thread. What it raises
    keeps the run from going on, nothing is kept then, and the next use asks again.
    """

    def tools(self) -> Sequence[AnyTool]: ...


AnyTools = AnyTool | Callable[..., Any] | Toolset
"""What `Agent(tools=[...])` takes."""


class Toolbox(Mapping[str, AnyTool]):
    """An agent's tools by name, in the order given; lazy toolsets are asked when somebody first looks.

    ToolError where two have one name, or a toolset has something else than tools.
    """

    def __init__(self, owner: str, given: Sequence[AnyTools]) -> None:
        self._owner = owner
        self._given = tuple(given)
        self._lock = threading.Lock()
        self._found: dict[str, AnyTool] | None = None
        eager = _by_name(owner, [one for one in self._given if not _is_lazy(one)])
        if not any(_is_lazy(one) for one in self._given):
            self._found = eager

    @property
    def is_open(self) -> bool:
        """Whether every toolset has been asked, so that a look into it does not block."""
        return self._found is not None

    async def opened(self) -> None:
        """Ask the lazy toolsets now, without holding up the event loop."""
        if not self.is_open:
            await run_blocking(self._all, alone=False)

    def _all(self) -> dict[str, AnyTool]:
        if self._found is None:
            with self._lock:
                if self._found is None:
                    self._found = _by_name(self._owner, self._given)
        return self._found

    def __getitem__(self, name: str) -> AnyTool:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"<tools of {self._owner}: {', '.join(self._found or ('not asked yet',))}>"


def _is_toolset(thing: object) -> bool:
    return not isinstance(thing, type) and callable(getattr(thing, "tools", None))


def _is_lazy(thing: object) -> bool:
    return _is_toolset(thing) and getattr(thing, "lazy", False) is True


def _by_name(owner: str, given: Sequence[AnyTools]) -> dict[str, AnyTool]:
    found: dict[str, AnyTool] = {}
    for one in given:
        for made in _tools_of(one):
            if made.name in found:
                msg = f"agent {owner!r} has two tools named {made.name!r}"
                raise ToolError(msg, help="give one of them another name: @tool(name=…), or Toolkit(…, prefix=…)")
            found[made.name] = made
    return found


def _tools_of(thing: Any) -> Sequence[AnyTool]:
    if not _is_toolset(thing):
        return (as_tool(thing),)
    try:
        given: Any = thing.tools()
    except HitlError:
        raise
    except Exception as error:
        msg = f"the tools of {type(thing).__name__} could not be read: {error_text(error)}"
        raise ToolError(msg, help="nothing was executed; repair it, then try again") from error
    if inspect.iscoroutine(given):
        given.close()
    if not isinstance(given, Sequence) or isinstance(given, str):
        msg = f"tools() of {type(thing).__name__} returned {type(given).__name__}, not a list of tools"
        raise ToolError(msg, help="it is a plain method that returns tools: not a coroutine, not a property")
    return tuple(as_tool(one) for one in given)
