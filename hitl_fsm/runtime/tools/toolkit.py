"""Where an agent's tools come from: functions, tools, and whatever has several of them.

The one protocol is `Toolset`: what has a method `tools()` may be given in `Agent(tools=[...])` beside functions.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import msgspec

from hitl_fsm.errors import HitlError, ToolError
from hitl_fsm.runtime.loop import run_blocking
from hitl_fsm.runtime.tools.results import error_text
from hitl_fsm.runtime.tools.tool import AnyTool, Tool, as_tool


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


class Toolkit:
    """The public functions of a module, or the public methods of an object, as tools: `Toolkit(shop)`.

    Public is what has no leading underscore: of a module what it defines itself (or lists in `__all__`), of an object
    what its class and that class's bases define. `include` and `exclude` are names as they stand there; what `include`
    names is all there is. `prefix` stands before each tool's name, as in `prefix="shop_"`. A method or function that is
    declared with `@tool` keeps its version, its description and the rest.

    A subclass is a toolkit of its own methods; there `include`, `exclude` and `prefix` may be class attributes.
    ToolError for a name that is not there, and for a function that cannot be a tool.
    """

    include: Collection[str] | None = None
    exclude: Collection[str] = ()
    prefix: str = ""
    _source: object = None

    def __init__(
        self,
        source: object = None,
        *,
        include: Collection[str] | None = None,
        exclude: Collection[str] | None = None,
        prefix: str | None = None,
    ) -> None:
        if source is None and type(self) is Toolkit:
            msg = "Toolkit() has no source"
            raise ToolError(msg, help="give an object or a module, or make a subclass with methods")
        if isinstance(source, type):
            msg = f"Toolkit({source.__name__}): a class has no one to call its methods on"
            raise ToolError(msg, help=f"give an instance: Toolkit({source.__name__}(…))")
        self._source = source
        self.include = self.include if include is None else include
        self.exclude = self.exclude if exclude is None else exclude
        self.prefix = self.prefix if prefix is None else prefix

    def tools(self) -> tuple[AnyTool, ...]:
        """In the order in which they are written."""
        source = self if self._source is None else self._source
        found = _of_module(source) if isinstance(source, ModuleType) else _of_object(source)
        for given, what in ((self.include, "include"), (self.exclude, "exclude")):
            if isinstance(given, str):
                msg = f"{_called(source)}: `{what}` is one text, not a list of names"
                raise ToolError(msg, help=f"write {what}=[{given!r}]")
        named = list(found) if self.include is None else list(self.include)
        for name in (*named, *self.exclude):
            if name not in found:
                raise _no_such(source, name, found)
        made = tuple(_prefixed(found[name], self.prefix) for name in named if name not in self.exclude)
        if not made:
            msg = f"{_called(source)} has no public function that could be a tool"
            raise ToolError(msg, help="a name with a leading underscore is not public")
        return made


def _of_module(module: ModuleType) -> dict[str, Callable[..., Any]]:
    public: Any = getattr(module, "__all__", None)
    names = vars(module) if public is None else public
    found: dict[str, Callable[..., Any]] = {}
    for name in names:
        value = getattr(module, name, None)
        function = value.function if isinstance(value, Tool) else value
        own = public is not None or getattr(function, "__module__", None) == module.__name__
        if own and not name.startswith("_") and (isinstance(value, Tool) or inspect.isfunction(value)):
            found[name] = value
    return found


def _of_object(source: object) -> dict[str, Callable[..., Any]]:
    """Looked up without running any property. A base's methods come before those of the classes made from it."""
    names: dict[str, None] = {}
    for one in reversed(type(source).__mro__):
        if one not in (object, Toolkit):
            names.update(dict.fromkeys(vars(one)))
    found: dict[str, Callable[..., Any]] = {}
    for name in names:
        raw = inspect.getattr_static(type(source), name)
        inner = raw.__func__ if isinstance(raw, (classmethod, staticmethod)) else raw
        if name.startswith("_") or name in _OWN or not (isinstance(inner, Tool) or inspect.isfunction(inner)):
            continue
        if isinstance(raw, classmethod) and isinstance(inner, Tool):  # which 3.13 no longer binds by itself
            found[name] = inner.bound_to(type(source))
        else:
            found[name] = getattr(source, name)
    return found


_OWN = frozenset(vars(Toolkit))


def _prefixed(thing: Callable[..., Any], prefix: str) -> AnyTool:
    made = as_tool(thing)
    if not prefix:
        return made
    return replace(made, declaration=msgspec.structs.replace(made.declaration, name=f"{prefix}{made.name}"))


def _called(source: object) -> str:
    return source.__name__ if isinstance(source, ModuleType) else type(source).__name__


def _no_such(source: object, name: str, found: Collection[str]) -> ToolError:
    near = get_close_matches(name, found, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(found) or 'none'}"
    return ToolError(f"{_called(source)} has no public function {name!r}", help=hint)
