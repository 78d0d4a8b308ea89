"""The synchronous API: the same coroutines, on an event loop of the calling thread's own.

Where that thread already runs a loop, and for streams (whose run must go on when the reader leaves), a background loop
does the work instead. Handing over between threads costs several times what a small commit does; see ADR 0005.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from hitl_fsm.runtime.threads import in_thread

T = TypeVar("T")


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from synchronous code, also inside somebody's running loop (which then waits)."""
    if _running_loop() is not None:
        return run_in_background(coroutine)
    return _own_loop().run(coroutine)


def run_in_background(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it on the background loop, and wait here."""
    loop = background_loop()
    if _running_loop() is loop:
        coroutine.close()
        msg = "the synchronous API was called on the engine's own event loop, where it would wait for itself"
        raise RuntimeError(msg)
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def is_in_background() -> bool:
    """Whether this runs on the background loop, where waiting for it would never end."""
    return _background is not None and _running_loop() is _background.loop


def iterate_sync(source: AsyncIterator[T]) -> Iterator[T]:
    """Pull an async iterator from synchronous code."""

    async def pull() -> T:
        return await anext(source)

    while True:
        try:
            yield run_in_background(pull())
        except StopAsyncIteration:
            return


def loop_is_private() -> bool:
    """Whether the running loop serves one synchronous call and nothing else: then waiting here keeps nobody waiting."""
    return _private() is not None


async def run_blocking(function: Callable[[], T], *, alone: bool) -> T:
    """Run what blocks: in a thread; or, when `alone` on a private loop, in the caller's own, outside of the loop."""
    context = copy_context()
    own = _private() if alone else None
    if own is None:
        return await asyncio.wrap_future(in_thread(lambda: context.run(function)))
    return await own.step_out(lambda: context.run(function))


def _private() -> _OwnLoop | None:
    own: _OwnLoop | None = getattr(_local, "own", None)
    return own if own is not None and own.loop is _running_loop() else None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _OwnLoop:
    """A thread's own loop, closed when the thread ends."""

    __slots__ = ("__weakref__", "_errands", "close", "loop", "pid")

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pid = os.getpid()
        # Not `__del__`: what one garbage collection finds is finalised in any order, the sockets before the loop, too.
        self.close = weakref.finalize(self, _close, self.loop, self.pid)
        self.close.atexit = False
        self._errands: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """To its end; between the loop's rounds, the errands that it asks for. An interrupt cancels it first."""
        task = self.loop.create_task(coroutine)
        task.add_done_callback(self._stop)
        try:
            while not task.done():
                self.loop.run_forever()
                while self._errands:
                    self._do(*self._errands.pop())
        except BaseException:  # an interrupt: let the work end in order, then pass it on
            task.cancel()
            while not task.done():
                self.loop.run_forever()
                while self._errands:
                    self._do(*self._errands.pop())
            raise
        finally:
            task.remove_done_callback(self._stop)
            if task.done() and not task.cancelled():
                task.exception()  # it is told below, or the interrupt is: not as one that nobody asked for
        return task.result()

    async def step_out(self, errand: Callable[[], T]) -> T:
        """Have the calling thread do something while no loop runs in it."""
        done: asyncio.Future[T] = self.loop.create_future()
        self._errands.append((errand, done))
        self.loop.stop()
        return await done

    def _do(self, errand: Callable[[], Any], done: asyncio.Future[Any]) -> None:
        if done.done():  # who asked for it was cancelled meanwhile: it must not begin, least of all in a later call
            return
        try:
            result = errand()
        except Exception as error:  # noqa: BLE001 - handed to who asked for it
            done.set_exception(error)
        else:
            done.set_result(result)

    def _stop(self, _task: asyncio.Task[Any]) -> None:
        self.loop.stop()


def _close(loop: asyncio.AbstractEventLoop, pid: int) -> None:
    # A forked child shares the parent's file descriptors, and must leave them alone.
    # Nothing is run here: when a thread ends this may be called from another one, which may run a loop of its own.
    if pid == os.getpid():
        loop.close()


_local = threading.local()
_forked_away: list[_OwnLoop] = []


def _own_loop() -> _OwnLoop:
    own: _OwnLoop | None = getattr(_local, "own", None)
    if own is None or own.pid != os.getpid():
        if own is None and threading.current_thread() is threading.main_thread():
            atexit.register(_close_own)
        if own is not None:
            _forked_away.append(own)
        own = _local.own = _OwnLoop()
    return own


def _close_own() -> None:
    own: _OwnLoop | None = getattr(_local, "own", None)
    if own is not None:
        own.close()


@dataclass(frozen=True, slots=True)
class _Background:
    loop: asyncio.AbstractEventLoop
    pid: int


_lock = threading.Lock()
_background: _Background | None = None


def background_loop() -> asyncio.AbstractEventLoop:
    """The process's one background loop; started on first use, and again in a forked child, where threads are gone."""
    global _background  # noqa: PLW0603 - one a process is the point
    with _lock:
        if _background is None or _background.pid != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(loop,), name="hitl-fsm", daemon=True).start()
            _background = _Background(loop, os.getpid())
        return _background.loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """For good: a tool that raises what ends a process ends its own call, and its error goes to who waits for that."""
    while not loop.is_closed():
        with suppress(KeyboardInterrupt, SystemExit):
            loop.run_forever()
