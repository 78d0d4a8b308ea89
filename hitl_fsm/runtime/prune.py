"""Forgetting runs that ended long ago. What stays of each is the record, and on it the digest of the log that went.

The digest is that of the log as lines, one an event, so that a backup can be held against the record with `sha256sum`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.errors import Fenced, HitlError, InputRefused, RecordHeld, RecordKept, RunNotFound
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.instant import iso
from hitl_fsm.model.record import Record
from hitl_fsm.model.run import Run
from hitl_fsm.ports import RecordLine, RunRow, Store, StoredRun
from hitl_fsm.runtime.pages import RECORD_PAGE
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import load

RUNS_FORGOTTEN = "runs_forgotten"

PRUNE_PAGE = 100
"""Runs that are forgotten in one transaction, and that one line of the record names."""
PRUNE_ATTEMPTS = 16
"""Tries of one page whose runs somebody else forgets at the same time."""
UNREADABLE_RUNS = 1_000
"""Runs that cannot be read, and so are kept, after which there is more to do than to prune."""

_encode = msgspec.json.Encoder().encode


class Kept(NamedTuple):
    """A run that ended, and why it was not forgotten."""

    run_id: str
    error: HitlError


class Pruned(NamedTuple):
    """`forgotten` counts runs; `kept` are those whose log cannot be read, and those that a hold covers."""

    forgotten: int
    kept: tuple[Kept, ...]


class Forgotten(NamedTuple):
    """What the record tells of a run that was forgotten. `at` is in ms; `sha256` is that of its log as lines."""

    run_id: str
    at: int
    by: str
    seq: int
    entries: int
    sha256: str

    def told(self) -> str:
        """In a sentence, without its full stop."""
        return f"{self.run_id} was forgotten at {iso(self.at)} by {self.by} (line {self.seq} of the record)"


def log_digest(stored: StoredRun) -> str:
    """SHA-256 (hex) of a run's log: the entries as they are stored, each followed by a newline."""
    digest = hashlib.sha256()
    for entry in stored.entries:
        digest.update(_encode(entry))
        digest.update(b"\n")
    return digest.hexdigest()


async def prune(parts: Parts, before: int, by: Actor) -> Pruned:
    """Forget done and cancelled runs whose last step is older than `before`, page by page, each page on the record.

    A run that waits, runs or failed is never forgotten, nor one with a call whose end nobody knows.
    Raises InputRefused when `before` is no instant of the past, RecordKept when the settings keep what is as young;
    what was forgotten before any other error stays so.
    """
    check_age(parts, before)
    store, forgotten, kept, refused = parts.store, 0, dict[str, HitlError](), 0
    while len(kept) < UNREADABLE_RUNS:
        rows = await store.ended(before=before, limit=PRUNE_PAGE + len(kept))
        page = [row for row in rows if row.run_id not in kept][:PRUNE_PAGE]
        if not page:
            break
        for run_id, hold_id in (await store.held_runs([row.run_id for row in page])).items():
            kept[run_id] = RecordHeld(f"{run_id} must not be forgotten: the hold {hold_id} covers it")
        runs = await described(store, [row.run_id for row in page if row.run_id not in kept], kept)
        if not runs:
            continue
        data = {"before": before, "count": len(runs), "runs": runs}
        record = Record(RUNS_FORGOTTEN, parts.clock.now(), by, data=data)
        try:
            count = await store.forget([run["run"] for run in runs], record)
        except RecordHeld:
            count = 0  # somebody placed a hold meanwhile: it is found at the next look
        forgotten += count
        refused = 0 if count else refused + 1
        if refused >= PRUNE_ATTEMPTS:
            msg = "somebody else forgets runs at the same time"
            raise Fenced(msg, help="try again when that is over")
    return Pruned(forgotten, tuple(Kept(run_id, error) for run_id, error in kept.items()))


async def prunable(store: Store, before: int, limit: int) -> Sequence[RunRow]:
    """What `prune` would forget, oldest first, at most so many; nothing is changed."""
    return await store.ended(before=before, limit=limit)


def check_age(parts: Parts, before: object) -> None:
    """InputRefused unless it is an instant of the past: one to come would take in what ends meanwhile.

    RecordKept where the settings keep what is as young.
    """
    now = parts.clock.now()
    if not isinstance(before, int) or isinstance(before, bool) or not 0 <= before <= now:
        msg = f"`before` is {before!r}"
        raise InputRefused(msg, help="give an instant of the past, in milliseconds since the epoch")
    if parts.retention_ms is not None and before > now - parts.retention_ms:
        msg = f"what is younger than {iso(now - parts.retention_ms)} is kept"
        raise RecordKept(msg, help="the setting record_retention says so; give an earlier instant")


async def described(
    store: Store, page: Sequence[str], kept: dict[str, HitlError] | None = None
) -> list[dict[str, Any]]:
    """What the record will tell of each; one that cannot be read is `kept`, or raises without that."""
    found = []
    for run_id in page:
        try:
            stored = await store.load(run_id)
        except HitlError as error:
            if kept is None:
                raise
            kept[run_id] = error
            continue
        if stored is not None:  # else somebody else has just forgotten it
            found.append({"run": run_id, "entries": stored.version, "sha256": log_digest(stored)})
    return found


async def current(parts: Parts, run_id: str) -> Run:
    """A run as it is now; RunNotFound, which tells when and by whom it was forgotten."""
    try:
        return (await load(parts, run_id)).run
    except RunNotFound as error:
        found = await forgotten(parts.store, run_id)
        if found is None:
            raise
        raise RunNotFound(found.told(), help="`engine.runs.timeline` tells what happened in it") from error


async def forgotten(store: Store, run_id: str) -> Forgotten | None:
    """What the record tells of a run that is no longer in the store; None when it never heard of it.

    Lines that belong to no run are few, and only those after the run's own last line are read.
    """
    last = 0
    while lines := await store.records(after=last, limit=RECORD_PAGE, run_id=run_id):
        last = lines[-1].seq
    if not last:
        return None
    while lines := await store.records(after=last, limit=RECORD_PAGE, run_id=""):
        last = lines[-1].seq
        for line in lines:
            if RUNS_FORGOTTEN.encode() in line.body and run_id.encode() in line.body:
                found = _read(line, run_id)
                if found is not None:
                    return found
    return None


class _Forgetting(msgspec.Struct):
    run: str
    entries: int
    sha256: str


class _Data(msgspec.Struct):
    runs: list[_Forgetting]


class _Line(msgspec.Struct):
    event: str
    at: int
    by: Actor
    data: _Data


_decoder = msgspec.json.Decoder(_Line)


def _read(line: RecordLine, run_id: str) -> Forgotten | None:
    """None for another event's line, and for one that somebody spoilt: `audit verify` tells of those."""
    try:
        read = _decoder.decode(line.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if read.event != RUNS_FORGOTTEN:
        return None
    for run in read.data.runs:
        if run.run == run_id:
            return Forgotten(run_id, read.at, read.by.id, line.seq, run.entries, run.sha256)
    return None
