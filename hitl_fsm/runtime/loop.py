"""One background event loop a process: the synchronous API runs the same coroutines there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Background:
    """The loop, its thread, and how many synchronous callers wait for it now."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    pid: int
    callers: int = 0


_lock = threading.Lock()
_background: _Background | None = None


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from synchronous code, also inside somebody's running loop (which then waits)."""
    background = _running()
    if threading.current_thread() is background.thread:
        coroutine.close()
        msg = "the synchronous API was called on the engine's own event loop, where it would wait for itself"
        raise RuntimeError(msg)
    with _lock:
        background.callers += 1
    future = asyncio.run_coroutine_threadsafe(coroutine, background.loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
    finally:
        with _lock:
            background.callers -= 1


def iterate_sync(source: AsyncIterator[T]) -> Iterator[T]:
    """Pull an async iterator from synchronous code."""

    async def pull() -> T:
        return await anext(source)

    while True:
        try:
            yield run_sync(pull())
        except StopAsyncIteration:
            return


def serves_one_caller() -> bool:
    """Whether this thread is the background loop's, and serves a single synchronous caller.

    Then waiting here for the disk keeps nobody else waiting.
    """
    background = _background
    return background is not None and background.callers == 1 and threading.current_thread() is background.thread


def _running() -> _Background:
    """Started on first use, and again in a forked child, where threads are gone."""
    global _background  # noqa: PLW0603 - one loop a process is the point
    with _lock:
        if _background is None or _background.pid != os.getpid():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="hitl-fsm", daemon=True)
            thread.start()
            _background = _Background(loop, thread, os.getpid())
        return _background
