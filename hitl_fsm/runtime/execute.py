"""One authorised call, from the committed intent to the event that tells what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from copy import deepcopy
from typing import Any

import msgspec

from hitl_fsm.core.draft import digest_of
from hitl_fsm.errors import Fenced, ToolLost, ToolNotBegun, ToolTimedOut
from hitl_fsm.model import event as events
from hitl_fsm.model.call import Call
from hitl_fsm.model.context import CallContext, idempotency_key
from hitl_fsm.model.event import Event, LateResult
from hitl_fsm.model.run import Run
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.runtime.agents.hooks import NO_HOOKS, HookFailed, HookRefused, Hooks
from hitl_fsm.runtime.leases import LeaseKeeper
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.threads import in_thread
from hitl_fsm.runtime.tools.remote import ToolAsked
from hitl_fsm.runtime.tools.results import error_text, to_result
from hitl_fsm.runtime.tools.tool import AnyTool, Begin

IDEMPOTENT_ATTEMPTS = 3
"""Starts of one idempotent call whose outcome stays unknown, before a person is asked."""
RETRY_BACKOFF_S = 1.0
"""Wait before the second start of an idempotent call; doubled for each further one."""
UNTIMED_TOOL_MS = 5 * 60_000
"""How long a tool without a timeout is taken to act at most, once its worker is out of sight."""

KeepLate = Callable[[LateResult], None]
"""Takes what a thread comes to after its time, in that thread."""


async def execute(  # noqa: PLR0913 - what is run, where, and who hears of it
    tool: AnyTool, run: Run, call: Call, leases: LeaseKeeper, late: KeepLate, *, alone: bool, hooks: Hooks = NO_HOOKS
) -> Event:
    """Run it, between its agent's hooks; a raise of the tool is a result like any other.

    What runs is a copy that nobody else holds, and it must have the digest that was approved (law 5): readers of the
    run see the same objects, and may have changed them. A worker that lost its run before the tool began does not begin
    it: that is a LateResult which says so.
    """
    if call.dynamic:
        return events.CallReturned(call.call_id, call.answers)
    args: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(call.args))
    if digest_of(run, call, args, call.tool_version) != call.digest:
        return events.CallRaised(call.call_id, "The arguments are not those that were judged. It was not executed.")
    if unseen := unseen_arguments(tool, call):
        told = f"{call.tool} has arguments by now that nobody was asked about: {', '.join(unseen)}"
        return events.CallRaised(call.call_id, f"{told}. It was not executed.")
    tries = call.attempt - call.sent_back
    if call.idempotent and tries > 1:
        await asyncio.sleep(RETRY_BACKOFF_S * 2 ** (tries - 2))
    context = _context(run, call)
    try:
        await hooks.allow(context, call.tool, args)
        result = await _run_held(lambda begin: tool.call(args, context, begin=begin, alone=alone), run, leases)
        result = await hooks.result_of(context, call.tool, result)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever a tool raises the model must hear
        if isinstance(error, ToolTimedOut) and error.still is not None:
            error.still.add_done_callback(lambda still: _tell(late, call, still, context, hooks))
        return _failed(call, tool, error)
    return events.CallReturned(call.call_id, result)


def unseen_arguments(tool: AnyTool, call: Call) -> list[str]:
    """Those that the tool got since the call was judged, and would fill in with defaults that nobody saw (law 5)."""
    if call.dynamic:  # it is never run
        return []
    args = call.args or {}
    now = tool.completed(args)
    return sorted(name for name in now if (now[name] != args[name] if name in args else name not in call.defaults))


async def _run_held(run_tool: Callable[[Begin], Awaitable[Any]], run: Run, leases: LeaseKeeper) -> Any:
    """Run the tool while the run is surely this worker's; _TakenOverError when it is not, and then nothing began.

    A worker that was stopped, or slow, between the committed intent and the begin asks the store whose the run is.
    """

    def begin() -> None:
        if not leases.is_sure(run.run_id):
            raise _UnsureError

    try:
        return await run_tool(begin)
    except _UnsureError:
        if not await leases.renewed(run.run_id):
            raise _TakenOverError from None
        return await run_tool(begin)


class _UnsureError(Exception):
    """It is too long ago that this worker was seen to hold the run."""


class _TakenOverError(Exception):
    """Another worker holds the run."""


def taken_over(run_id: str, call_id: str) -> Fenced:
    """For who asked this worker to go on."""
    msg = f"{run_id} was taken over before call {call_id} began"
    return Fenced(msg, help="this worker did not begin it; `hitl-fsm runs show` tells what followed")


def _failed(call: Call, tool: AnyTool, error: BaseException) -> Event:
    """What is known when there is no result; where it may have taken effect a person says so (law 3)."""
    match error:
        case _TakenOverError():
            return LateResult(call.call_id, call.attempt, begun=False)
        case ToolTimedOut() | ToolLost():
            may_act = error.may_act if isinstance(error, ToolLost) else error.still is not None
            return events.CallLost(call.call_id, acting_until(call, tool) if may_act else 0)
        case asyncio.CancelledError() if _is_stopped():
            return events.CallLost(call.call_id)  # it acts no more
        case ToolAsked():
            return events.CallAsked(call.call_id, error.message, error.schema, error.said)
        case _:
            return events.CallRaised(call.call_id, _raised(error))


def _raised(error: BaseException) -> str:
    if isinstance(error, HookRefused | HookFailed):
        return str(error)
    return f"{error.message}. It was not executed." if isinstance(error, ToolNotBegun) else error_text(error)


def _is_stopped() -> bool:
    """Whether somebody else cancelled the task that runs here."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def acting_until(call: Call, tool: AnyTool | None) -> int:
    """Until when (ms) a start may act that nobody hears of: its tool's time, and the longest pause of a worker."""
    timeout_s = None if tool is None else tool.timeout_s
    longest = UNTIMED_TOOL_MS if timeout_s is None else round(timeout_s * 1000)
    return call.started_at + longest + LEASE_MS


def as_late(call: Call, event: Event) -> LateResult:
    """The outcome of a start, for a run that is another worker's by now."""
    match event:
        case LateResult():
            return event
        case events.CallNotBegun():
            return LateResult(call.call_id, call.attempt, begun=False)
        case events.CallReturned(_, result):
            return LateResult(call.call_id, call.attempt, result)
        case events.CallRaised(_, error):
            return LateResult(call.call_id, call.attempt, error=error)
        case events.CallAsked(_, _, _, said):
            told = f"It asked a person for something first, and was told to let go. It said: {said or 'nothing'}"
            return LateResult(call.call_id, call.attempt, error=told)
        case _:
            return LateResult(call.call_id, call.attempt, error="It was cut off. Whether it took effect is not known.")


def _tell(late: KeepLate, call: Call, still: Future[Any], context: CallContext, hooks: Hooks) -> None:
    """What a thread came to after its time; the hooks look at it in a thread of their own, since they may take long."""
    if isinstance(still.exception(), ToolLost | ToolAsked):
        return  # nobody knows more than before
    if hooks.after:
        in_thread(lambda: late(_told(call, still, context, hooks)))
    else:
        late(_told(call, still, context, hooks))


def _told(call: Call, still: Future[Any], context: CallContext, hooks: Hooks) -> LateResult:
    error = still.exception()
    if error is not None:
        return LateResult(call.call_id, call.attempt, error=error_text(error))
    result = to_result(still.result())
    try:
        looked = run_sync(hooks.result_of(context, call.tool, result)) if hooks.after else result
    except HookFailed as failed:
        return LateResult(call.call_id, call.attempt, error=str(failed))
    return LateResult(call.call_id, call.attempt, looked)


def _context(run: Run, call: Call) -> CallContext:
    return CallContext(
        run_id=run.run_id,
        call_id=call.call_id,
        idempotency_key=idempotency_key(run.run_id, call.call_id, call.attempt, idempotent=call.idempotent),
        attempt=call.attempt,
        user=run.user,
        answers=call.answers,
        feedback=call.feedback,
        told=call.told,
        context=deepcopy(run.context),
    )
