"""`@tool`: a Python function that a model may call, with the schema, the check and the call itself.

A `Tool` stays callable like its function. Calling it that way passes no gate: gates are the engine's, for agents and
for `Engine.gate`.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import WRAPPER_ASSIGNMENTS, cached_property
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

import msgspec

from hitl_fsm.errors import ToolError, ToolNotBegun, ToolTimedOut
from hitl_fsm.model.action import MoneyAt
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.message import ToolSpec
from hitl_fsm.model.text import is_whole
from hitl_fsm.policy.marks import money_places, subject_place
from hitl_fsm.policy.sensitive import sensitive_places
from hitl_fsm.runtime.loop import loop_is_private, run_blocking
from hitl_fsm.runtime.threads import TOOL_THREADS, in_thread
from hitl_fsm.runtime.tools.docstring import Docstring, read_docstring
from hitl_fsm.runtime.tools.results import to_result
from hitl_fsm.runtime.tools.signature import Parameters, Signature, declared_parameters, is_method, signature_of

if TYPE_CHECKING:
    from hitl_fsm.runtime.tools.declared import Declared

P = ParamSpec("P")
R = TypeVar("R")

NAME_MAX = 64
"""Characters of a tool's name; what every provider takes."""
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_.-]{{0,{NAME_MAX - 1}}}")

Begin = Callable[[], None]


def at_once() -> None:
    """Nothing stands in the way of beginning."""


_running: ContextVar[CallContext] = ContextVar("hitl_fsm_call")


def current_call() -> CallContext:
    """The call that runs this code; ToolError outside of a tool that an engine runs."""
    try:
        return _running.get()
    except LookupError:
        msg = "current_call() has an answer only inside a tool that an engine runs"
        raise ToolError(msg, help="pass the value as a parameter where the function is called directly") from None


class Declaration(msgspec.Struct, frozen=True):
    """What `@tool` was told. A new `version` is another action: answers given for the old one do not count (law 5).

    `idempotent`: running it twice with one idempotency key does no more than once, so that it may be tried again after
    a crash. `dynamic`: it is never run; the engine turns the call into a question. `timeout_s`: seconds; None waits.
    """

    name: str
    version: str = "1"
    idempotent: bool = False
    description: str | None = None
    timeout_s: float | None = None
    dynamic: bool = False


@dataclass(frozen=True, eq=False)
class Tool(Generic[P, R]):
    """A function with its declaration. Made by `tool` or `as_tool`; the schema is built at its first use."""

    function: Callable[P, R]
    declaration: Declaration

    def __post_init__(self) -> None:
        check_declaration(self.declaration)
        self._take(self.function)

    def _take(self, function: Callable[P, R]) -> None:
        """Look at the function, as far as its text tells."""
        name = self.declaration.name
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            msg = f"tool `{name}`: it is a generator; a call has one result"
            raise ToolError(msg, help="return a list")
        self.__dict__["_declared"] = declared_parameters(function, name, method=self.is_method)
        for attribute in WRAPPER_ASSIGNMENTS:  # for help(), doctest and the like
            if (value := getattr(function, attribute, None)) is not None:
                self.__dict__[attribute] = value

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.name} version {self.version}>"

    def __get__(self, instance: object, owner: type | None = None) -> Tool[..., R]:
        """A method that is declared with `@tool` belongs to the object that it is taken from, as any method does."""
        return self if instance is None or not self.is_method else self.bound_to(instance)

    def bound_to(self, instance: object) -> Tool[..., R]:
        """The same declaration, for this object's method."""
        return Tool(MethodType(self.function, instance), self.declaration)

    @cached_property
    def is_method(self) -> bool:
        """Whether it was written in a class, and still lacks the object that it works on."""
        return inspect.isfunction(self.function) and is_method(self.function)

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def version(self) -> str:
        return self.declaration.version

    @property
    def idempotent(self) -> bool:
        return self.declaration.idempotent

    @property
    def dynamic(self) -> bool:
        return self.declaration.dynamic

    @property
    def timeout_s(self) -> float | None:
        return self.declaration.timeout_s

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that a model may fill in, in order."""
        return self._signature.names

    def completed(self, args: Mapping[str, Any], except_for: Collection[str] = ()) -> dict[str, Any]:
        """The arguments with the defaults of those left out: what is judged, shown and approved is what will run."""
        defaults = {name: value for name, value in self._signature.defaults.items() if name not in except_for}
        return {**defaults, **self._signature.filled(args)}

    @cached_property
    def spec(self) -> ToolSpec:
        """As the model sees it."""
        text = self.declaration.description
        return ToolSpec(
            name=self.name,
            description=self._docstring.text if text is None else text,
            parameters=self._signature.json_schema,
        )

    @cached_property
    def sensitive(self) -> tuple[str, ...]:
        """The arguments that nobody is shown (dotted, `*` for any key): those that its schema marks `x-sensitive`."""
        return sensitive_places(self.spec.parameters)

    @cached_property
    def money(self) -> tuple[MoneyAt, ...]:
        """The arguments that are sums of money: those that its schema marks `x-money`."""
        return money_places(self.spec.parameters)

    @cached_property
    def subject(self) -> str:
        """The argument that names the person whom a call is about: that which its schema marks `x-subject`."""
        return subject_place(self.spec.parameters)

    @cached_property
    def _docstring(self) -> Docstring:
        return read_docstring(getattr(self.function, "__doc__", None))

    @cached_property
    def _signature(self) -> Signature | Declared:
        declared: Parameters = self.__dict__["_declared"]
        return signature_of(self.function, self.name, declared, self._docstring.parameters)

    def problems(self, args: Mapping[str, Any], except_for: Collection[str] = ()) -> tuple[str, ...]:
        """One line for each argument that does not fit; empty when the tool can be called.

        Strict, as JSON is: "12" is no integer, 1 is a number. What `except_for` names may be missing or wrong: somebody
        else fills it in.
        """
        return self._signature.check(args, except_for)[1]

    def bind(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments as the function wants them (enums, dates, models); ToolError when they do not fit."""
        values, problems = self._signature.check(args)
        if problems:
            msg = f"the arguments do not fit {self.name}: {'; '.join(problems)}"
            raise ToolError(msg)
        return values

    async def call(
        self, args: Mapping[str, Any], context: CallContext, *, begin: Begin = at_once, alone: bool = False
    ) -> Any:
        """Run it once and return a JSON-able result (see `to_result`).

        A plain function runs in a thread that sees the caller's context variables; `alone`, below a synchronous call
        and without a timeout, in the calling thread itself. `begin` is called as the last thing before the function,
        in the same thread; what it raises keeps the function from running. What the tool raises comes through;
        ToolError and ToolNotBegun mean that it was not started, ToolTimedOut that it may still act.
        """
        if self.dynamic:
            msg = f"{self.name} is a question to a person; it is never run"
            raise ToolError(msg)
        values = self.bind(args)
        if self._signature.context_parameter:
            values[self._signature.context_parameter] = context
        function: Callable[..., Any] = self.function
        token = _running.set(context)
        try:
            if inspect.iscoroutinefunction(function):
                begin()
                result = await self._in_time(function(**values))
            elif alone and self.timeout_s is None and loop_is_private():
                result = await run_blocking(lambda: _guarded(function, values, begin), alone=True)
            else:
                result = await self._in_thread(values, begin)
            if inspect.isawaitable(result):
                result = await self._in_time(result)
        except SystemExit as error:
            msg = f"{self.name} tried to end the process"
            raise RuntimeError(msg) from error
        finally:
            _running.reset(token)
        return await run_blocking(lambda: to_result(result), alone=alone) if _foreign(result) else to_result(result)

    async def _in_time(self, work: Awaitable[Any]) -> Any:
        clock = asyncio.timeout(self.timeout_s)
        try:
            async with clock:
                return await work
        except TimeoutError as error:
            if clock.expired():
                raise self._timed_out() from error
            raise  # the tool's own

    async def _in_thread(self, values: dict[str, Any], begin: Begin) -> Any:
        context = copy_context()
        work = in_thread(lambda: context.run(_guarded, self.function, values, begin))
        return await self._outcome(work, f"one of {TOOL_THREADS} threads", "tools run, or hang, in all of them")

    async def _outcome(self, work: Future[Any], waits_for: str, hint: str) -> Any:
        """Of what cannot be stopped: what it comes to after its time, or its caller's, goes along with the error."""
        try:
            return await self._in_time(asyncio.wrap_future(work))
        except (ToolTimedOut, asyncio.CancelledError) as error:
            if work.cancel():
                msg = f"{self.name} did not begin: it waited for {waits_for}"
                raise ToolNotBegun(msg, help=hint) from error
            raise self._timed_out(work) from error

    def _timed_out(self, still: Future[Any] | None = None) -> ToolTimedOut:
        return ToolTimedOut(f"{self.name} did not end in time; it may still act", still=still)


def check_declaration(declaration: Declaration) -> None:
    """ToolError for a name, a version or a time that a tool cannot have."""
    _check_types(declaration)
    name = declaration.name
    if not _NAME.fullmatch(name):
        msg = f"{name!r} cannot be a tool's name"
        raise ToolError(msg, help=f"at most {NAME_MAX} letters, digits, `_`, `-` and `.`, a letter first")
    if not declaration.version:
        msg = f"tool `{name}`: its version is empty"
        raise ToolError(msg, help='leave it out, or write version="1"')
    if declaration.timeout_s is not None and not declaration.timeout_s > 0:
        msg = f"tool `{name}`: timeout_s must be more than 0"
        raise ToolError(msg, help="None waits as long as it takes")


def _check_types(declaration: Declaration) -> None:
    """Python does not check annotations; what is of another type would be written to a log that nobody can read."""
    expected: dict[str, tuple[type, ...]] = {
        "name": (str,),
        "version": (str,),
        "idempotent": (bool,),
        "description": (str, type(None)),
        "timeout_s": (int, float, type(None)),
        "dynamic": (bool,),
    }
    for field, kinds in expected.items():
        value = getattr(declaration, field)
        fits = isinstance(value, kinds) and (isinstance(value, bool) <= (bool in kinds))
        if not fits or (isinstance(value, str) and not is_whole(value)):
            wanted = "valid text (str)" if str in kinds else "True or False" if bool in kinds else "a number of seconds"
            got = "broken text" if fits else type(value).__name__
            msg = f"a tool's `{field}` must be {wanted}, not {got}"
            raise ToolError(msg, help='as in @tool(version="2", idempotent=True)')


def _guarded(function: Callable[..., Any], values: dict[str, Any], begin: Begin) -> Any:
    """A StopIteration cannot pass a future: before Python 3.12 the waiting side would wait for ever.

    A SystemExit must not end the process of a tool that runs in the caller's own thread.
    """
    begin()
    try:
        return function(**values)
    except (StopIteration, SystemExit) as error:
        msg = (
            "the tool raised StopIteration" if isinstance(error, StopIteration) else "the tool tried to end the process"
        )
        raise RuntimeError(msg) from error


def _foreign(result: object) -> bool:
    """Whether reading it may take long or run code of others, which must not hold up the event loop."""
    return result is not None and not isinstance(result, (bool, int, float, str))


AnyTool = Tool[..., Any]
"""A tool of any signature."""


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    version: str = "1",
    idempotent: bool = False,
    description: str | None = None,
    timeout_s: float | None = None,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    idempotent: bool = False,
    description: str | None = None,
    timeout_s: float | None = None,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Declare a function as a tool: `@tool`, or `@tool(version="2", idempotent=True)`.

    The name is the function's own, the description its docstring, the schema its type hints, unless given here.
    ToolError says which parameter cannot be used and why. See `Declaration` for the words.
    """

    def declare(function: Callable[P, R]) -> Tool[P, R]:
        called = name or getattr(function, "__name__", None) or type(function).__name__
        return Tool(function, Declaration(called, version, idempotent, description, timeout_s))

    return declare if function is None else declare(function)


def as_tool(thing: Callable[..., Any]) -> Tool[..., Any]:
    """A Tool as it is, a plain callable as a tool with the defaults of `@tool`."""
    if isinstance(thing, Tool):
        if thing.is_method:
            msg = f"{thing.name} is a method without its object"
            raise ToolError(msg, help=f"take it from an instance, as in Shop().{thing.name}, or give Toolkit(Shop())")
        return thing
    if not callable(thing):
        msg = f"{type(thing).__name__} is not a tool"
        raise ToolError(msg, help="give a function with type hints, or one decorated with @tool")
    return tool(thing)
