"""Reading: the inbox, the runs, the record. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hitl_fsm.audit.verify import Head, Report, verify
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import RequirementNotFound, RunNotFound, Tampered
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.ports import RecordLine, RunRow, Store
from hitl_fsm.runtime.handles import RequirementHandle, RunHandle
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.steps import load

if TYPE_CHECKING:
    from hitl_fsm.runtime.engine import Engine

PAGE = 100
"""Rows of a list unless told otherwise."""
RECORD_PAGE = 1_000
"""Record lines read at once."""


class Inbox:
    """Open requirements of all runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, *, run_id: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[Requirement]:
        """Oldest first; `after` is the last id of the page before."""
        return run_sync(self.alist(run_id=run_id, after=after, limit=limit))

    async def alist(self, *, run_id: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[Requirement]:
        return await self._engine.store.requirements(run_id=run_id, after=after, limit=limit)

    def get(self, requirement_id: str) -> RequirementHandle:
        """One requirement, open or closed, with the means to answer it."""
        return run_sync(self.aget(requirement_id))

    async def aget(self, requirement_id: str) -> RequirementHandle:
        row = await self._engine.store.requirement(requirement_id)
        if row is None:
            msg = f"no requirement {requirement_id!r} in this store"
            raise RequirementNotFound(msg, help="`hitl-fsm inbox` lists what is open")
        return RequirementHandle(await self._engine.runs.aget(row.run_id), row)


class Runs:
    """Runs, their logs and their lines of the record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, run_id: str) -> RunHandle:
        """The same object that `run` returned, as the run is now."""
        return run_sync(self.aget(run_id))

    async def aget(self, run_id: str) -> RunHandle:
        """Raises RunNotFound, which tells when and by whom a run was forgotten."""
        try:
            return RunHandle(self._engine, (await load(self._engine.parts, run_id)).run)
        except RunNotFound as error:
            from hitl_fsm.runtime.prune import forgotten  # noqa: PLC0415 - only then

            found = await forgotten(self._engine.store, run_id)
            if found is None:
                raise
            raise RunNotFound(found.told(), help="`engine.runs.timeline` tells what happened in it") from error

    def list(self, *, state: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[RunRow]:
        """Newest first."""
        return run_sync(self._engine.store.runs(state=state, after=after, limit=limit))

    def events(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """The run's log from `after` (exclusive) on; nothing for a run that is not there."""
        return run_sync(self.aevents(run_id, after=after))

    async def aevents(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """As `events`. No more is read than what comes after `after`."""
        stored = await self._engine.store.load(run_id, after=after)
        return () if stored is None else stored.entries

    def replay(self, run_id: str, upto: int) -> Run:
        """The run as it was after line `upto` of its log; nothing is executed. RunNotFound where there is none."""
        return run_sync(self.areplay(run_id, upto))

    async def areplay(self, run_id: str, upto: int) -> Run:
        stored = await self._engine.store.load(run_id)
        run, _ = replay([entry for entry in (stored.entries if stored else ()) if entry.seq <= upto])
        if run is None or run.version != upto:
            msg = f"no line {upto} in the log of {run_id!r}"
            raise RunNotFound(msg, help="`engine.runs.events` has its lines, from 1")
        return run

    def timeline(self, run_id: str) -> Sequence[dict[str, Any]]:
        """The run's lines of the record, in order, decoded."""
        return [_told(line) for line in self._engine.audit.records(run_id=run_id)]


def _told(line: RecordLine) -> dict[str, Any]:
    try:
        told: dict[str, Any] = msgspec.json.decode(line.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"line {line.seq} of the record cannot be read"
        raise Tampered(msg, help="`hitl-fsm audit verify` tells more") from error
    return told


class Audit:
    """The record."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def records(self, *, after: int = 0, run_id: str | None = None) -> list[RecordLine]:
        """Every line from `after` (exclusive) on."""
        return run_sync(self.arecords(after=after, run_id=run_id))

    async def arecords(self, *, after: int = 0, run_id: str | None = None) -> list[RecordLine]:
        lines: list[RecordLine] = []
        while True:
            page = await self._store.records(after=after, limit=RECORD_PAGE, run_id=run_id)
            lines.extend(page)
            if len(page) < RECORD_PAGE:
                return lines
            after = page[-1].seq

    def verify(self) -> Report:
        """Whether the chain is whole up to the head that is kept beside it. It never raises for what it finds."""
        return run_sync(self.averify())

    async def averify(self) -> Report:
        lines = await self.arecords()
        seq, leaf = await self._store.head()  # read after the lines: what came meanwhile is fetched, not suspected
        while lines and lines[-1].seq < seq and (more := await self.arecords(after=lines[-1].seq)):
            lines.extend(line for line in more if line.seq <= seq)
            if more[-1].seq > seq:
                break
        return verify(lines, expect=Head(seq, leaf))
