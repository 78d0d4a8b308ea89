"""Going on with what is ready: runs whose questions are answered, and runs whose worker is gone.

There is no queue to lose anything from: what is ready stands in the store, and whoever looks finds it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from hitl_fsm.errors import Fenced, HitlError, RunBusy
from hitl_fsm.model.run import Run
from hitl_fsm.ports import RunRow
from hitl_fsm.runtime.sweep import sweep

if TYPE_CHECKING:
    from hitl_fsm.runtime.engine import Engine

READY_PAGE = 100
"""Ready runs that are read at once."""
SIDE_BY_SIDE = 32
"""Runs that one worker advances at the same time."""
POLL_S = 1.0
"""How long an idle worker waits before it looks again, unless a timer is due before."""


class Continued(NamedTuple):
    """A run that was ready, and what became of it: the run after it went on, or why it did not."""

    run_id: str
    run: Run | None
    error: HitlError | None


async def continue_ready(engine: Engine) -> tuple[Continued, ...]:
    """Go on with every run that is ready, once; what another worker takes up meanwhile is left to it."""
    found: list[Continued] = []
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def go_on(row: RunRow) -> None:
        async with room:
            try:
                handle = await engine.aadvance(row.run_id)
            except (RunBusy, Fenced):
                return
            except HitlError as error:
                found.append(Continued(row.run_id, None, error))
            else:
                found.append(Continued(row.run_id, handle.value, None))

    after = ""
    while rows := await engine.store.ready(after=after, limit=READY_PAGE):
        await asyncio.gather(*(go_on(row) for row in rows))
        after = rows[-1].run_id
    return tuple(sorted(found))


async def work(engine: Engine, stop: asyncio.Event, poll_s: float = POLL_S) -> None:
    """Sweep and go on until `stop` is set. What is under way then is brought to its pause or end first."""
    log = engine.parts.log
    while not stop.is_set():
        try:
            await sweep(engine.parts)
            for continued in await continue_ready(engine):
                if continued.error is not None:
                    log("run_not_continued", level="warning", run=continued.run_id, error=str(continued.error))
            wait_s = await _until_due(engine, poll_s)
        except HitlError as error:  # the store is away: look again, it may come back
            log("work_failed", level="error", error=str(error))
            wait_s = poll_s
        try:
            await asyncio.wait_for(stop.wait(), wait_s)
        except TimeoutError:
            continue


async def _until_due(engine: Engine, poll_s: float) -> float:
    due = await engine.store.next_timer()
    if due is None:
        return poll_s
    return min(poll_s, max(0.0, (due - engine.parts.clock.now()) / 1000))
