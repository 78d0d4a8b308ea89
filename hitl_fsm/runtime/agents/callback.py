"""Calling what an application hangs onto an agent: hooks, guards, instructions. Sync or async, never for ever."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from hitl_fsm.errors import ToolError
from hitl_fsm.runtime.loop import run_blocking

CALLBACK_TIME_S = 60.0
"""Seconds that one hook, guard or callable of instructions may take."""


class CallbackTimedOut(Exception):
    """It did not come back in time. A plain function's thread cannot be stopped; what it returns is dropped."""


async def called(function: Callable[..., Any], *values: Any) -> Any:
    """What it returns; a plain function runs in a thread, so that it may block. What it raises comes through.

    CallbackTimedOut after CALLBACK_TIME_S. An attempt to end the process is a RuntimeError.
    """
    clock = asyncio.timeout(CALLBACK_TIME_S)
    try:
        async with clock:
            if inspect.iscoroutinefunction(function):
                return await function(*values)
            result = await run_blocking(lambda: _guarded(function, values), alone=False)
            return await result if inspect.isawaitable(result) else result
    except TimeoutError as error:
        if clock.expired():
            msg = f"it did not come back within {CALLBACK_TIME_S:g} seconds"
            raise CallbackTimedOut(msg) from error
        raise  # its own
    except (SystemExit, StopAsyncIteration) as error:
        msg = _ending(error)
        raise RuntimeError(msg) from error


def name_of(function: Callable[..., Any]) -> str:
    """How people know it."""
    return getattr(function, "__name__", None) or type(function).__name__


def checked_callables(given: object, what: str) -> tuple[Callable[..., Any], ...]:
    """As a tuple; ToolError for one function in place of a list, and for what cannot be called."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        msg = f"{what} is {type(given).__name__}, not a list of functions"
        raise ToolError(msg, help=f"write {what}=[function]")
    for one in given:
        if not callable(one):
            msg = f"{what} has {type(one).__name__}, which cannot be called"
            raise ToolError(msg, help=f"write {what}=[function], without calling it")
    return tuple(given)


def _guarded(function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    """A StopIteration cannot pass a future, and a SystemExit must not end the process of the engine."""
    try:
        return function(*values)
    except (StopIteration, SystemExit) as error:
        msg = _ending(error)
        raise RuntimeError(msg) from error


def _ending(error: BaseException) -> str:
    return "it tried to end the process" if isinstance(error, SystemExit) else f"it raised {type(error).__name__}"
