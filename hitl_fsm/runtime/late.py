"""What a worker finds out after it lost its run: told to the run as soon as that disturbs nobody (DESIGN section 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from hitl_fsm.core import facts
from hitl_fsm.core.decide import decide
from hitl_fsm.errors import Fenced, HitlError, RunBusy, RunNotFound, StoreError
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.event import Entry, Event, LateResult
from hitl_fsm.model.record import Record
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING
from hitl_fsm.ports import Lease
from hitl_fsm.runtime.execute import as_late
from hitl_fsm.runtime.flights import Flights
from hitl_fsm.runtime.loop import background_loop
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import LeaseWord, commit, load

LATE_ATTEMPTS = 20
"""Tries of telling a run that another worker advances; then the result goes to the record, whole."""
LATE_PAUSE_S = 0.5
"""Wait between two of them."""
OUTLAST_ATTEMPTS = 120
"""Further tries, which nobody waits for: longer than a lease, so that a worker that froze has lost the run by then."""


async def keep_late(parts: Parts, run_id: str, late: LateResult) -> None:
    """Into the run's log, where it may answer the open question; at least into the record, whole.

    Of a run that was forgotten the record tells that it came: the store keeps no contents of such a line.
    """
    try:
        if await _told(parts, run_id, late, LATE_ATTEMPTS):
            return
        subject = facts.subject_of((await load(parts, run_id)).run, late.call_id)
    except RunNotFound:
        subject = ""
    data, contents = facts.late(late)
    await parts.store.append([Record("late_result", parts.clock.now(), ENGINE, run_id, data, contents, subject)])
    asyncio.run_coroutine_threadsafe(_outlast(parts, run_id, late), background_loop())


def keep_late_soon(parts: Parts, run_id: str, late: LateResult) -> None:
    """From a tool's thread, whose worker has gone on."""
    asyncio.run_coroutine_threadsafe(_kept(parts, run_id, late), background_loop())


async def keep_all_late(parts: Parts, run: Run, landed: Iterable[tuple[str, Event]]) -> None:
    """What came back of calls of a run that is another worker's by now."""
    for call_id, event in landed:
        await keep_late(parts, run.run_id, as_late(run.call(call_id), event))


async def keep_landing(parts: Parts, run: Run, flights: Flights) -> None:
    """What will come back. A tool acts whether or not anybody listens; for what a model says nobody waits."""
    while flights.carries_calls:
        landed, _ = await flights.landed()
        await keep_all_late(parts, run, landed)


def keep_all_soon(parts: Parts, run: Run, landed: Iterable[tuple[str, Event]]) -> None:
    """What came back and cannot be written now."""
    for call_id, event in landed:
        keep_late_soon(parts, run.run_id, as_late(run.call(call_id), event))


async def _told(parts: Parts, run_id: str, late: LateResult, attempts: int) -> bool:
    """Whether the run was told within so many tries."""
    for _ in range(attempts):
        try:
            loaded = await load(parts, run_id)
        except StoreError:
            await asyncio.sleep(LATE_PAUSE_S)
            continue
        run = loaded.run
        # A commit from outside would fence a worker that goes on meanwhile: only the store knows whether one does.
        lease: LeaseWord = "take" if run.state in RUN_ADVANCING and loaded.owner else "none"
        entry = Entry(run.version + 1, parts.clock.now(), ENGINE, late)
        try:
            fence = await commit(parts, run, decide(run, entry), entry, lease, loaded.fence)
        except (RunBusy, StoreError):
            await asyncio.sleep(LATE_PAUSE_S)
        except Fenced:
            continue
        else:
            if lease == "take":
                with suppress(HitlError):  # then the claim ends by itself
                    await parts.store.release(run_id, Lease(parts.worker, fence))
            return True
    return False


async def _outlast(parts: Parts, run_id: str, late: LateResult) -> None:
    try:
        await _told(parts, run_id, late, OUTLAST_ATTEMPTS)
    except HitlError as error:  # the record has it
        parts.log("late_result_not_told", level="warning", run=run_id, call=late.call_id, error=str(error))


async def _kept(parts: Parts, run_id: str, late: LateResult) -> None:
    try:
        await keep_late(parts, run_id, late)
    except HitlError as error:
        parts.log("late_result_not_kept", level="error", run=run_id, call=late.call_id, error=str(error))
