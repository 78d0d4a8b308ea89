"""What a worker began and has not come back yet: calls, and questions to models."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hitl_fsm.model import event as events
from hitl_fsm.model.event import Event
from hitl_fsm.model.message import ModelReply

Landed = Event | ModelReply
"""What becomes of a call, or of a question to a model."""

STOP_WAIT_S = 5.0
"""How long a cancelled tool may take to end before it is left to itself."""


class Flights:
    """Begun: the intent is this worker's own. Under way: its task runs. Calls go by their id, models by their frame."""

    __slots__ = ("_asked", "_begun", "_tasks")

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._tasks: dict[asyncio.Task[Event], str] = {}
        self._asked: dict[asyncio.Task[Landed], str] = {}

    def begin(self, *call_ids: str) -> None:
        """The intent of these was committed here."""
        self._begun.update(call_ids)

    def is_own(self, call_id: str) -> bool:
        """Whether the intent is this worker's; a call that is executing otherwise is lost."""
        return call_id in self._begun

    def is_under_way(self, call_id: str) -> bool:
        return call_id in self._tasks.values()

    def fly(self, call_id: str, work: Coroutine[Any, Any, Event]) -> None:
        """Run it beside the others."""
        self._tasks[asyncio.create_task(work)] = call_id

    def ask(self, frame: str, work: Coroutine[Any, Any, Landed]) -> None:
        """Ask a frame's model beside the others."""
        self._asked[asyncio.create_task(work)] = frame

    def is_asked(self, frame: str) -> bool:
        return frame in self._asked.values()

    @property
    def carries_calls(self) -> bool:
        """Whether some tool is still at work."""
        return bool(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks) + len(self._asked)

    async def beside(self, other: asyncio.Future[None]) -> bool:
        """Wait for `other`, or until something comes back before; whether `other` is done."""
        under_way: list[asyncio.Future[Any]] = [other, *self._tasks, *self._asked]
        await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        return other.done()

    async def landed(self) -> tuple[list[tuple[str, Event]], list[tuple[str, Landed | Exception]]]:
        """What came back of calls, and of models, as soon as something does; nothing when nothing is under way.

        An error of one is handed over like an answer: what came back beside it must not be lost with it.
        """
        under_way: list[asyncio.Task[Any]] = [*self._tasks, *self._asked]
        if not under_way:
            return [], []
        done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        calls = [self._take(task) for task in done if task in self._tasks]
        return calls, [self._said(task) for task in done if task in self._asked]

    async def stopped(self) -> list[tuple[str, Event]]:
        """Cancel what is under way; what came of the calls. A tool that does not end is not waited for."""
        for asked in self._asked:  # nothing is lost: the next worker asks again
            asked.cancel()
        if self._asked:
            await asyncio.wait(self._asked, timeout=STOP_WAIT_S)
            self._asked.clear()
        if not self._tasks:
            return []
        await asyncio.sleep(0)  # let what has just been made begin, so that it can tell that it was stopped
        for task in self._tasks:
            task.cancel()
        done, _ = await asyncio.wait(self._tasks, timeout=STOP_WAIT_S)
        stopped = [self._taken_or_lost(task) for task in done]
        self._tasks.clear()
        return stopped

    def _said(self, task: asyncio.Task[Landed]) -> tuple[str, Landed | Exception]:
        frame = self._asked.pop(task)
        if task.cancelled():  # not by this worker, which asks for nothing that it then cancels here
            return frame, events.ModelFailed("the model's call was cancelled", frame)
        error = task.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        return frame, task.result() if error is None else error

    def _taken_or_lost(self, task: asyncio.Task[Event]) -> tuple[str, Event]:
        """An interrupt that hit the tool itself stopped it somewhere."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return self._take(task)
        call_id = self._tasks.pop(task)
        self._begun.discard(call_id)
        return call_id, events.CallLost(call_id)

    def _take(self, task: asyncio.Task[Event]) -> tuple[str, Event]:
        call_id = self._tasks.pop(task)
        self._begun.discard(call_id)
        return call_id, events.CallLost(call_id) if task.cancelled() else task.result()
