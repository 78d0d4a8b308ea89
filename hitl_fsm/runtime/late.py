"""What a worker finds out after it lost its run: told to the run as soon as that disturbs nobody (DESIGN section 6)."""

from __future__ import annotations

import asyncio

from hitl_fsm.core.decide import decide
from hitl_fsm.errors import Fenced, HitlError
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.event import Entry, LateResult
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RUN_ADVANCING
from hitl_fsm.runtime.loop import background_loop
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import commit, load

LATE_ATTEMPTS = 20
"""Tries of telling a run that another worker advances; then the result goes to the record alone."""
LATE_PAUSE_S = 0.5
"""Wait between two of them."""


async def keep_late(parts: Parts, run_id: str, late: LateResult) -> None:
    """Into the run's log, where it may answer the open question; at least into the record, whole."""
    parts.log("late_result", level="warning", run=run_id, call=late.call_id)
    for _ in range(LATE_ATTEMPTS):
        loaded = await load(parts, run_id)
        run = loaded.run
        if run.state in RUN_ADVANCING and loaded.owner and parts.may_be_alive(loaded.owner):
            await asyncio.sleep(LATE_PAUSE_S)  # a commit from outside would fence the worker that goes on meanwhile
            continue
        entry = Entry(run.version + 1, parts.clock.now(), ENGINE, late)
        try:
            await commit(parts, run, decide(run, entry), entry, "none", loaded.fence)
        except Fenced:
            continue
        return
    told = {"call": late.call_id, "attempt": late.attempt, "result": late.result, "error": late.error}
    await parts.store.append([Record("late_result", parts.clock.now(), ENGINE, run_id, told)])


def keep_late_soon(parts: Parts, run_id: str, late: LateResult) -> None:
    """From a tool's thread, whose worker has gone on."""
    asyncio.run_coroutine_threadsafe(_kept(parts, run_id, late), background_loop())


async def _kept(parts: Parts, run_id: str, late: LateResult) -> None:
    try:
        await keep_late(parts, run_id, late)
    except HitlError as error:
        parts.log("late_result_not_kept", level="error", run=run_id, call=late.call_id, error=str(error))
