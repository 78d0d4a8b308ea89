"""Reading: the inbox, the runs, the record. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hitl_fsm.audit.findings import Report
from hitl_fsm.audit.keys import read_verifier
from hitl_fsm.audit.verify import Anchor
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import InputRefused, RunNotFound, Tampered
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import RecordLine, RunRow, Store
from hitl_fsm.runtime.door import Door
from hitl_fsm.runtime.given import checked_note
from hitl_fsm.runtime.handles import RequirementHandle, RunHandle
from hitl_fsm.runtime.loop import run_blocking, run_sync
from hitl_fsm.runtime.pages import PAGE, RECORD_PAGE
from hitl_fsm.runtime.steps import requirement_of


class Inbox:
    """Open requirements of all runs."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def list(self, *, run_id: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[Requirement]:
        """Oldest first; `after` is the last id of the page before."""
        return run_sync(self.alist(run_id=run_id, after=after, limit=limit))

    async def alist(self, *, run_id: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[Requirement]:
        return await self._door.parts.store.requirements(run_id=run_id, after=after, limit=limit)

    def get(self, requirement_id: str) -> RequirementHandle:
        """One requirement, open or closed, with the means to answer it."""
        return run_sync(self.aget(requirement_id))

    async def aget(self, requirement_id: str) -> RequirementHandle:
        row = await requirement_of(self._door.parts.store, requirement_id)
        return RequirementHandle(RunHandle(self._door, await self._door.look(row.run_id)), row)


class Runs:
    """Runs, their logs and their lines of the record."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def get(self, run_id: str) -> RunHandle:
        """The same object that `run` returned, as the run is now."""
        return run_sync(self.aget(run_id))

    async def aget(self, run_id: str) -> RunHandle:
        """Raises RunNotFound, which tells when and by whom a run was forgotten."""
        return RunHandle(self._door, await self._door.look(run_id))

    def list(self, *, state: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[RunRow]:
        """Newest first. InputRefused for a `state` that there is not."""
        return run_sync(self.alist(state=state, after=after, limit=limit))

    async def alist(self, *, state: str | None = None, after: str = "", limit: int = PAGE) -> Sequence[RunRow]:
        if state is not None and state not in tuple(RunState):
            msg = f"{state!a} is no state of a run"
            raise InputRefused(msg, help=f"one of {', '.join(RunState)}")
        return await self._door.parts.store.runs(state=state, after=after, limit=limit)

    def events(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """The run's log from `after` (exclusive) on; nothing for a run that is not there."""
        return run_sync(self.aevents(run_id, after=after))

    async def aevents(self, run_id: str, *, after: int = 0) -> Sequence[Entry]:
        """As `events`. No more is read than what comes after `after`."""
        stored = await self._door.parts.store.load(run_id, after=after)
        return () if stored is None else stored.entries

    def replay(self, run_id: str, upto: int) -> Run:
        """The run as it was after line `upto` of its log; nothing is executed. RunNotFound where there is none."""
        return run_sync(self.areplay(run_id, upto))

    async def areplay(self, run_id: str, upto: int) -> Run:
        stored = await self._door.parts.store.load(run_id)
        run, _ = replay([entry for entry in (stored.entries if stored else ()) if entry.seq <= upto])
        if run is None or run.version != upto:
            msg = f"no line {upto} in the log of {run_id!r}"
            raise RunNotFound(msg, help="`engine.runs.events` has its lines, from 1")
        return run

    def timeline(self, run_id: str) -> Sequence[dict[str, Any]]:
        """The run's lines of the record, in order, decoded; of one that was pruned, its number alone."""
        return run_sync(self.atimeline(run_id))

    async def atimeline(self, run_id: str) -> Sequence[dict[str, Any]]:
        return [_told(line) for line in await Audit(self._door.parts.store).arecords(run_id=run_id)]


PRUNED = "(pruned)"
"""The event of a line that has no body any more."""


def _told(line: RecordLine) -> dict[str, Any]:
    if not line.body:
        return {"seq": line.seq, "event": PRUNED}
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

    def verify(self, *, keys: Sequence[str] = (), anchors: Sequence[bytes] = ()) -> Report:
        """Whether the record is whole, and what signed checkpoints cover of it. It never raises for what it finds.

        `keys`: public keys that are trusted, as text; without any the log's first one is. `anchors`: checkpoints that
        were kept elsewhere, each as its bytes. BadNote for what is no key.
        """
        from hitl_fsm.runtime.record.verifying import Asked, verified  # noqa: PLC0415 - with cryptography, for who verifies

        keys = (keys,) if isinstance(keys, str) else keys  # one, whose letters are no keys
        named = tuple(Anchor(f"anchor {place}", checked_note(note)) for place, note in enumerate(anchors, 1))
        return verified(self._store, Asked(tuple(read_verifier(key) for key in keys), named))

    async def averify(self, *, keys: Sequence[str] = (), anchors: Sequence[bytes] = ()) -> Report:
        """As `verify`."""
        return await run_blocking(lambda: self.verify(keys=keys, anchors=anchors), alone=False)
