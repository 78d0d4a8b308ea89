"""One step into the database, inside a transaction that the writer opened: checks first, then writes."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from hitl_fsm.adapters.store import approvals, timers
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.columns import check, fitted
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.owner import describe, may_be_alive
from hitl_fsm.audit.chain import encode_record
from hitl_fsm.errors import Fenced, RunBusy, RunNotFound, StoreError
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RUN_ENDED, RUN_WAITING
from hitl_fsm.ports import LEASE_MS, Commit

_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(Entry)
_requirement = msgspec.json.Decoder(Requirement)


class Prepared(NamedTuple):
    """A commit with its JSON written: done before the lock is taken."""

    commit: Commit
    entries: tuple[bytes, ...]
    requirements: tuple[bytes, ...]
    records: tuple[tuple[str, bytes], ...]


class _Row(NamedTuple):
    version: int
    fence: int
    owner: str
    leased_until: int


def prepare(commit: Commit) -> Prepared:
    """Refuses what is not one step: the entries must lead from the expected version to the run's."""
    first, last = commit.expected_version + 1, commit.run.version
    if [entry.seq for entry in commit.entries] != list(range(first, last + 1)):
        message = f"the log entries of run {commit.run.run_id} do not lead from version {first - 1} to {last}"
        raise StoreError(message, help="this is a defect: please report it")
    _check_columns(commit)
    return Prepared(
        commit,
        tuple(_json(entry, _entry, commit) for entry in commit.entries),
        tuple(_json(requirement, _requirement, commit) for requirement in commit.requirements),
        tuple((record.run, encode_record(record)) for record in commit.records),
    )


def apply(connection: Connection, prepared: Prepared, now: int) -> Written:
    """Its value is the run's fence after the step. `now`: ms since the epoch."""
    commit = prepared.commit
    fence = _check_run(connection, commit, now)
    approvals.check_seen(connection, commit)
    approvals.check_starts(connection, commit)
    approvals.write_requirements(connection, commit, prepared.requirements)
    run_id = commit.run.run_id
    for entry, body in zip(commit.entries, prepared.entries, strict=True):
        connection.execute(sql.EVENT_INSERT, (run_id, entry.seq, body))
    for call in commit.calls:
        connection.execute(sql.CALL_UPSERT, (run_id, call.call_id, fitted(call.tool), call.state, call.digest))
    timers.write(connection, commit)
    return Written(fence, prepared.records)


def renew(connection: Connection, run_id: str, owner: str, fence: int, now: int) -> bool:
    """Whether the lease was still held, and now is for LEASE_MS more."""
    return connection.execute(sql.RUN_RENEW, (now + LEASE_MS, run_id, owner, fence)).rowcount == 1


def _check_columns(commit: Commit) -> None:
    run = commit.run
    check(f"run {run.run_id}", run.run_id, run.kind, run.name, run.user.id, commit.owner)
    for requirement in commit.requirements:
        check(f"run {run.run_id}", requirement.requirement_id, requirement.digest)
    for call in commit.calls:
        check(f"run {run.run_id}", call.call_id, call.digest)


def _check_run(connection: Connection, commit: Commit, now: int) -> int:
    """Compare and swap the run's row; returns its new fence."""
    run = commit.run
    found = connection.execute(sql.RUN_HEAD, (run.run_id,)).fetchone()
    row = None if found is None else _Row(*found)
    if row is not None:
        _check_row(row, commit, now)
    elif commit.expected_version > 0:
        message = f"there is no run {run.run_id}"
        raise RunNotFound(message, help="its row was removed, or it is in another store")
    fence = commit.fence + 1 if commit.lease == "take" else commit.fence
    owner, until = _lease(commit, row, now)
    at = commit.entries[-1].at if commit.entries else run.created_at
    if row is None:
        values = (run.kind, run.name, run.user.id, run.state, run.version, fence, owner, until, run.created_at, at)
        connection.execute(sql.RUN_INSERT, (run.run_id, *values))
    else:
        key = (run.run_id, row.version, row.fence)
        connection.execute(sql.RUN_UPDATE, (run.state, run.version, fence, owner, until, at, at, *key))
    return fence


def release(connection: Connection, run_id: str, owner: str, fence: int) -> None:
    """Let go of a lease that is still held."""
    connection.execute(sql.RUN_RELEASE, (run_id, owner, fence))


def _lease(commit: Commit, row: _Row | None, now: int) -> tuple[str, int]:
    """Owner and end of the lease after the step; a run that waits or has ended is nobody's."""
    if commit.run.state in RUN_WAITING or commit.run.state in RUN_ENDED:
        return "", 0
    match commit.lease:
        case "take" | "keep":
            return commit.owner, now + LEASE_MS
        case "release":
            return "", 0
        case "none":
            return ("", 0) if row is None else (row.owner, row.leased_until)


def _check_row(row: _Row, commit: Commit, now: int) -> None:
    mine = row.owner == commit.owner
    # Busy is said before fenced: who tries again with a fresh copy would only meet the other worker next.
    # A worker that already holds the run says `keep`, so one name cannot claim twice (two tasks of one engine).
    taking = commit.lease == "take" and commit.expected_version > 0
    if taking and row.owner and row.leased_until > now and may_be_alive(row.owner):
        seconds = (row.leased_until - now + 999) // 1000
        message = f"run {commit.run.run_id} is being advanced by {describe(row.owner)}"
        raise RunBusy(message, help=f"wait for it; its claim ends in {seconds} s unless it is renewed")
    if (row.version, row.fence) != (commit.expected_version, commit.fence):
        message = (
            f"run {commit.run.run_id} was moved by somebody else: it is at version {row.version}, fence {row.fence};"
            f" this step expected {commit.expected_version}, {commit.fence}"
        )
        raise Fenced(message, help="nothing was written; read the run again")
    if (commit.lease == "keep" and not mine) or (commit.lease == "release" and row.owner and not mine):
        message = f"run {commit.run.run_id} is no longer held by this worker"
        raise Fenced(message, help="nothing was written; read the run again")


def _json(value: msgspec.Struct, decoder: msgspec.json.Decoder[Any], commit: Commit) -> bytes:
    """Read back at once: types are checked by decoding only, and what cannot be read again must not be written."""
    try:
        body = _encode(value)
        decoder.decode(body)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        what = "requirement" if isinstance(value, Requirement) else "log entry"
        message = f"a {what} of run {commit.run.run_id} cannot be stored: {error}"
        raise StoreError(message, help="values must be plain JSON with valid text") from error
    return body
