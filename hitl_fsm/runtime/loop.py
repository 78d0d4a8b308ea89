"""One background event loop a process: the synchronous API runs the same coroutines there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_loop_pid = 0


def background_loop() -> asyncio.AbstractEventLoop:
    """The running background loop, started on first use (again in a forked child, where threads are gone)."""
    global _loop, _loop_pid  # noqa: PLW0603 - one loop a process is the point
    with _lock:
        if _loop is None or _loop_pid != os.getpid():
            loop = asyncio.new_event_loop()
            ready = threading.Event()
            loop.call_soon(ready.set)
            threading.Thread(target=loop.run_forever, name="hitl-fsm", daemon=True).start()
            ready.wait()
            _loop, _loop_pid = loop, os.getpid()
        return _loop


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from synchronous code, also inside somebody's running loop (which then waits)."""
    loop = background_loop()
    if threading.current_thread().name == "hitl-fsm" and asyncio.get_running_loop() is loop:
        coroutine.close()
        msg = "the synchronous API was called on the engine's own event loop, where it would wait for itself"
        raise RuntimeError(msg)
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def iterate_sync(source: AsyncIterator[T]) -> Iterator[T]:
    """Pull an async iterator from synchronous code."""

    async def pull() -> T:
        return await anext(source)

    while True:
        try:
            yield run_sync(pull())
        except StopAsyncIteration:
            return
