"""Moments that a test waits for by what happens, so that no speed of a machine decides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import pytest

from hitl_fsm.runtime.loop import background_loop
from hitl_fsm.runtime.threads import in_thread
from hitl_fsm.runtime.tools import tool as tools

T = TypeVar("T")

HUNG_S = 120.0
"""Only a test that hangs waits so long."""


def in_time(work: Callable[[], T]) -> T:
    """What it gives; TimeoutError where it hangs: its thread is left behind then."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed over
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(HUNG_S)


def begin_before_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a plain tool does not run before its thread has begun, however late a busy machine begins it.

    Not for a test of threads that are all taken: it would wait for one.
    """

    def begun(function: Callable[[], Any]) -> Future[Any]:
        has_begun = threading.Event()

        def noted() -> Any:
            has_begun.set()
            return function()

        future = in_thread(noted)
        assert has_begun.wait(HUNG_S)
        return future

    monkeypatch.setattr(tools, "in_thread", begun)


def background_is_done() -> None:
    """Until all that was handed to the background loop before is over: what has not happened by then never will."""

    async def others() -> None:
        me = asyncio.current_task()
        while tasks := [task for task in asyncio.all_tasks() if task is not me]:
            await asyncio.wait(tasks)

    asyncio.run_coroutine_threadsafe(others(), background_loop()).result(HUNG_S)
