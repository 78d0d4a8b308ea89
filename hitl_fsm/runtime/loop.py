"""One background event loop a process: the synchronous API runs the same coroutines there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
    call = _Call(background.loop, coroutine)
    with _lock:
        background.callers += 1
    try:
        return call.wait()
    finally:
        with _lock:
            background.callers -= 1


class _Call(Generic[T]):
    """One coroutine on its way through the loop, and the thread that waits for it.

    A bare lock instead of a `concurrent.futures.Future`: that one costs as much as a small commit.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None
        self._ended = threading.Lock()

    def wait(self) -> T:
        self._ended.acquire()
        self._loop.call_soon_threadsafe(self._start)
        try:
            self._ended.acquire()
        except BaseException:  # an interrupt of the waiting thread ends the work, too
            self._loop.call_soon_threadsafe(self._cancel)
            raise
        if self._task is None:  # pragma: no cover - the lock is released by the task alone
            raise AssertionError
        return self._task.result()

    def _start(self) -> None:
        self._task = self._loop.create_task(self._coroutine)
        self._task.add_done_callback(lambda _: self._ended.release())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


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
