"""`engine.gate`: any callable under the policies, without an agent.

A call of it is a run with one tool call, so that it has the same pause, the same answers and the same record.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, Union, overload

import msgspec

from hitl_fsm.errors import Denied, Paused, ToolError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CALL_HAS_RESULT, CallState
from hitl_fsm.runtime.beginning import Given
from hitl_fsm.runtime.door import Door
from hitl_fsm.runtime.given import checked_prompt
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.tools.tool import AnyTool, as_tool

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
JsonValue: TypeAlias = Union[
    str,
    float,
    "list[JsonValue]",
    "dict[str, JsonValue]",
    list[str],
    list[int],
    list[float],
    "list[dict[str, JsonValue]]",
    dict[str, str],
    dict[str, int],
    dict[str, float],
    None,
]
"""A result that comes out as it went in. Of any other, what JSON makes of it comes out, of which no type is told."""
J = TypeVar("J", bound=JsonValue)

CALLER = Actor(id="user")
"""For whom a gated callable acts unless `for_user` says otherwise."""


class CallOnce:
    """The model of a gated callable: it asks for the one call, then hands its result on."""

    def __init__(self, tool: str) -> None:
        self._tool = tool

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        del on_text
        last = request.messages[-1]
        if last.role == "user":
            return ModelReply(calls=(ToolCall("call", self._tool, last.content),))
        return ModelReply(text=last.content)


class Gated(Generic[P, R_co]):
    """A callable behind its gates; for type checkers it keeps its parameters, and its result where that is JSON's.

    Calling it returns the result (as JSON values) when the policies allow it at once; otherwise it raises `Paused`,
    with the run's id, or `Denied`. After the answers, `resume(run_id)` returns the result. A coroutine function stays
    one: `await` the call; `aresume` is the coroutine of `resume`.
    """

    def __init__(self, door: Door, tool: AnyTool, user: Actor = CALLER) -> None:
        self._door = door
        self._tool = tool
        self._user = user
        self._recipe = Recipe("callable", tool.name, "callable", CallOnce(tool.name), {tool.name: tool})
        door.ground.register(self._recipe)

    @property
    def tool(self) -> AnyTool:
        return self._tool

    @cached_property
    def _signature(self) -> inspect.Signature:
        """What a caller gives: the engine fills in the CallContext."""
        whole = inspect.signature(self._tool.function)
        return whole.replace(parameters=[whole.parameters[name] for name in self._tool.parameters])

    def for_user(self, user: Actor | str) -> Gated[P, R_co]:
        """The same callable, acting for that user."""
        return Gated(self._door, self._tool, self._door.ground.actor(user, CALLER))

    @overload
    def __call__(self: Gated[P, J], *args: P.args, **kwargs: P.kwargs) -> J: ...

    @overload
    def __call__(
        self: Gated[P, Coroutine[Any, Any, J]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, J]: ...

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        work = self._call(args, kwargs)
        return work if inspect.iscoroutinefunction(self._tool.function) else run_sync(work)

    @overload
    def resume(self: Gated[P, J], run_id: str) -> J: ...

    @overload
    def resume(self: Gated[P, Coroutine[Any, Any, J]], run_id: str) -> J: ...

    @overload
    def resume(self, run_id: str) -> Any: ...

    def resume(self, run_id: str) -> Any:
        """Go on with a paused call of this callable; its result, or Paused again, or Denied."""
        return run_sync(self.aresume(run_id))

    @overload
    async def aresume(self: Gated[P, J], run_id: str) -> J: ...

    @overload
    async def aresume(self: Gated[P, Coroutine[Any, Any, J]], run_id: str) -> J: ...

    @overload
    async def aresume(self, run_id: str) -> Any: ...

    async def aresume(self, run_id: str) -> Any:
        """As `resume`."""
        return _result(await self._door.advance(run_id, None, self._recipe))

    async def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            msg = f"{self._tool.name}: {error}"
            raise ToolError(msg, help=f"its signature is {self._signature}") from error
        try:
            text = msgspec.json.encode(given, enc_hook=str).decode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            msg = f"{self._tool.name}: an argument has no JSON form: {error}"
            raise ToolError(msg, help="nothing was done; give plain values and valid text") from error
        return _result(await self._door.start(self._recipe, Given(checked_prompt(text), None, self._user, {}), None))


def _result(run: Run) -> Any:
    if run.is_paused:
        ids = ", ".join(r.requirement_id for r in run.open_requirements)
        msg = f"{run.name} waits for {ids}"
        raise Paused(msg, run.run_id, help=f"answer, then resume({run.run_id!r})")
    call = run.calls[0] if run.calls else None
    if call is None or run.error:
        msg = f"{run.name}: {run.error or 'the run ended without a call'}"
        raise ToolError(msg)
    if call.state in CALL_HAS_RESULT:
        return call.result
    if call.state is CallState.FAILED:
        msg = f"{run.name}: {call.result}"
        raise ToolError(msg, help=f"`hitl-fsm runs show {run.run_id}` tells more")
    # Denied before it began, cancelled, or withheld after it ran: the result says which.
    msg = f"{run.name}: {call.result or 'the run was cancelled'}"
    raise Denied(msg)


def gated(door: Door, fn: Callable[P, R_co]) -> Gated[P, R_co]:
    """Register a callable with the engine of this door."""
    return Gated(door, as_tool(fn))
