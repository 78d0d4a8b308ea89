"""Threads for plain functions: bounded, and never in the way of the process's end.

The standard pool waits for its threads when the interpreter exits, so that one tool that hangs would hold the process.
What waits here for a free thread can still be withdrawn, and then it is certain that it never began.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

TOOL_THREADS = 64
"""Plain functions that run at the same time in one process; more of them wait for their turn."""

_Errand = tuple[Future[Any], Callable[[], Any]]


class Threads:
    """Up to `limit` daemon threads, started as they are needed and kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: SimpleQueue[_Errand] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._count = 0
        self.pid = os.getpid()

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Its `cancel()` is True when the function had not begun, and now never will.

        What one of the threads itself asks for gets a thread of its own: to wait for the bound it would wait for
        itself. As many are added so as the bounded ones ask for at once.
        """
        future: Future[T] = Future()
        if getattr(_here, "is_ours", False):
            threading.Thread(target=_nested, args=(future, function), name="hitl-fsm-tool-inner", daemon=True).start()
            return future
        self._queue.put((future, function))
        if not self._idle.acquire(blocking=False):
            with self._lock:
                if self._count < self._limit:
                    self._count += 1
                    threading.Thread(target=self._work, name=f"hitl-fsm-tool-{self._count}", daemon=True).start()
        return future

    def _work(self) -> None:
        _here.is_ours = True
        while True:
            _run(*self._queue.get())
            self._idle.release()


_here = threading.local()


def _nested(future: Future[Any], function: Callable[[], Any]) -> None:
    _here.is_ours = True
    _run(future, function)


def _run(future: Future[Any], function: Callable[[], Any]) -> None:
    """In a function of its own, so that a thread that waits keeps nothing alive."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - handed to who waits for it; the thread must go on
        future.set_exception(error)
    else:
        future.set_result(result)


_lock = threading.Lock()
_threads: Threads | None = None


def in_thread(function: Callable[[], T]) -> Future[T]:
    """Run it in one of the process's threads; in a forked child, where threads are gone, in new ones."""
    global _threads  # noqa: PLW0603 - one bound a process is the point
    with _lock:
        if _threads is None or _threads.pid != os.getpid():
            _threads = Threads(TOOL_THREADS)
        threads = _threads
    return threads.submit(function)
