"""Taking up runs as they become ready, side by side, while what is due is fired beside them.

A run that takes long holds up no other: each is a task of its own, and the sweep waits for none of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from hitl_fsm.errors import Fenced, HitlError, RunBusy
from hitl_fsm.runtime.work import READY_PAGE, SIDE_BY_SIDE, Continued

if TYPE_CHECKING:
    from hitl_fsm.model.timer import Timer
    from hitl_fsm.ports import RunRow
    from hitl_fsm.runtime.engine import Engine
    from hitl_fsm.runtime.stream import Publish

IN_LINE = 1_000
"""Runs that one worker has in hand: those that it advances, and those that wait for their turn."""
AGAIN_S = 1.0
"""Wait before a run that could not go on is tried again; doubled each time."""
AGAIN_MAX_S = 60.0
"""The longest such wait."""


class Tell(Protocol):
    """What happens, for whoever looks on. `publish` is None where nobody wants each event."""

    @property
    def publish(self) -> Publish | None: ...

    def fired(self, timer: Timer) -> None: ...

    def continued(self, one: Continued) -> None: ...

    def trouble(self, error: HitlError) -> None: ...

    def defect(self, run_id: str, error: BaseException) -> None: ...


class _Again(NamedTuple):
    """When a run that could not go on is tried again, and how long that wait was."""

    at: float
    wait_s: float


class Pump:
    """One worker's work."""

    def __init__(self, engine: Engine, tell: Tell, poll_s: float, leave: asyncio.Event) -> None:
        self._engine = engine
        self._tell = tell
        self._poll_s = poll_s
        self._leave = leave
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, _Again] = {}

    @property
    def under_way(self) -> int:
        """Runs in hand."""
        return len(self._tasks)

    async def run(self) -> None:
        """Sweep and take up until `leave` is set; what is under way then still is afterwards."""
        await asyncio.gather(self._repeat(self._sweep), self._repeat(self._take_up))

    async def ended(self, hurry: asyncio.Event, wait_s: float) -> bool:
        """Wait for what is under way, `wait_s` at most, and no longer once `hurry` is set; whether all of it ended."""
        hurried = asyncio.ensure_future(hurry.wait())
        end = time.monotonic() + wait_s
        while self._tasks and not hurried.done() and (left := end - time.monotonic()) > 0:
            await asyncio.wait([hurried, *self._tasks.values()], timeout=left, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        return not self._tasks

    async def cut_off(self, wait_s: float) -> None:
        """Stop what is under way; its lease is given back, and a tool that had begun becomes a question."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=wait_s)

    async def _repeat(self, round_: Callable[[], Awaitable[None]]) -> None:
        while not self._leave.is_set():
            try:
                await round_()
            except HitlError as error:  # the store is away: look again, it may come back
                self._tell.trouble(error)
            try:
                await asyncio.wait_for(self._leave.wait(), self._poll_s)
            except TimeoutError:
                continue

    async def _sweep(self) -> None:
        for timer in await self._engine.asweep():
            self._tell.fired(timer)

    async def _take_up(self) -> None:
        after, now = "", time.monotonic()
        seen: set[str] = set()
        while len(self._tasks) < IN_LINE:
            rows = await self._engine.store.ready(after=after, limit=READY_PAGE)
            seen.update(row.run_id for row in rows)
            for row in rows:
                if row.run_id not in self._tasks and self._again.get(row.run_id, _Again(now, 0.0)).at <= now:
                    self._start(row)
            if len(rows) < READY_PAGE:
                self._again = {run_id: again for run_id, again in self._again.items() if run_id in seen}
                return
            after = rows[-1].run_id

    def _start(self, row: RunRow) -> None:
        task = asyncio.get_running_loop().create_task(self._go_on(row.run_id))
        self._tasks[row.run_id] = task
        task.add_done_callback(lambda done: self._over(row.run_id, done))

    def _over(self, run_id: str, done: asyncio.Task[None]) -> None:
        self._tasks.pop(run_id, None)
        defect = None if done.cancelled() else done.exception()
        if defect is not None:  # one run that meets a defect must not end the worker, under which others run
            self._again[run_id] = _Again(time.monotonic() + AGAIN_MAX_S, AGAIN_MAX_S)
            self._tell.defect(run_id, defect)

    async def _go_on(self, run_id: str) -> None:
        async with self._room:
            if self._leave.is_set():
                return
            try:
                handle = await self._engine.aadvance(run_id, self._tell.publish)
            except (RunBusy, Fenced):  # another worker has it
                return
            except HitlError as error:
                wait_s = min(AGAIN_MAX_S, 2 * self._again.get(run_id, _Again(0.0, AGAIN_S / 2)).wait_s)
                self._again[run_id] = _Again(time.monotonic() + wait_s, wait_s)
                self._tell.continued(Continued(run_id, None, error))
            else:
                self._again.pop(run_id, None)
                self._tell.continued(Continued(run_id, handle.value, None))
