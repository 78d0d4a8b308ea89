"""One step into the database, inside a transaction that the writer opened: checks first, then writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.adapters.store import approvals, descent, grants, timers
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Room, Written
from hitl_fsm.adapters.store.columns import check, fitted
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.owner import describe, may_be_alive
from hitl_fsm.adapters.store.recording import Encoded, encoded
from hitl_fsm.errors import Fenced, RunBusy, RunNotFound, StoreError
from hitl_fsm.model import event as events
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import Entry
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RUN_ADVANCING, RUN_ENDED, RUN_WAITING, CallState
from hitl_fsm.ports import LEASE_MS, Commit

_BEGUN = frozenset(
    {
        CallState.EXECUTING,
        CallState.SUCCEEDED,
        CallState.FAILED,
        CallState.OUTCOME_UNKNOWN,
        CallState.IN_REVIEW,
        CallState.WITHHELD,
    }
)
_OUTCOMES = (
    events.CallReturned,
    events.CallRaised,
    events.CallLost,
    events.CallAsked,
    events.CallNotBegun,
    events.LateResult,
)
_encode = msgspec.json.Encoder().encode
_entry = msgspec.json.Decoder(Entry)
_requirement = msgspec.json.Decoder(Requirement)


class Prepared(NamedTuple):
    """A commit with its JSON written: done before the lock is taken."""

    commit: Commit
    entries: tuple[bytes, ...]
    requirements: tuple[bytes, ...]
    records: tuple[Encoded, ...]


class _Row(NamedTuple):
    version: int
    fence: int
    owner: str
    leased_until: int


def prepare(commit: Commit, encode: Callable[[Record], Encoded] = encoded) -> Prepared:
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
        tuple(encode(record) for record in commit.records),
    )


def work(prepared: Prepared, clock: Callable[[Connection], int]) -> tuple[str, Callable[[Connection], Written], Room]:
    """What a job is made of."""
    commit = prepared.commit
    return commit.run.run_id, lambda connection: apply(connection, prepared, clock(connection)), _room_of(commit)


def room_of_lines(lines: Sequence[Encoded]) -> Room:
    """The same of lines that belong to no step."""
    return "ends" if any(line.event == "late_result" for line in lines) else ""


def _room_of(commit: Commit) -> Room:
    """Whether it begins something, or tells what became of something that has begun."""
    if any(isinstance(entry.event, events.CallsStarted) for entry in commit.entries):
        return "begins"
    return "ends" if any(isinstance(entry.event, _OUTCOMES) for entry in commit.entries) else ""


def apply(connection: Connection, prepared: Prepared, now: int) -> Written:
    """Its value is the run's fence after the step. `now`: ms since the epoch."""
    commit = prepared.commit
    fence = _check_run(connection, commit, now)
    known = approvals.Known()
    approvals.check_seen(connection, commit, known)
    approvals.check_starts(connection, commit, known)
    approvals.write_requirements(connection, commit, prepared.requirements, known)
    run_id = commit.run.run_id
    for entry, body in zip(commit.entries, prepared.entries, strict=True):
        connection.execute(sql.EVENT_INSERT, (run_id, entry.seq, body))
    for call in commit.calls:
        _write_call(connection, run_id, call)
    timers.write(connection, commit)
    if commit.grants or commit.grant_uses or commit.overrides:
        grants.write(connection, commit)
    return Written(fence, prepared.records)


def renew(connection: Connection, run_id: str, owner: str, fence: int, now: int) -> bool:
    """Whether the lease was still held, and now is for LEASE_MS more."""
    return connection.execute(sql.RUN_RENEW, (now + LEASE_MS, run_id, owner, fence)).rowcount == 1


def _check_columns(commit: Commit) -> None:
    run = commit.run
    texts = [run.run_id, run.kind, run.name, run.user.id, commit.owner, run.session]
    for requirement in commit.requirements:
        texts += (requirement.requirement_id, requirement.digest)
    for call in commit.calls:
        texts += (call.call_id, call.digest)
    check(f"run {run.run_id}", *texts)


def _check_run(connection: Connection, commit: Commit, now: int) -> int:
    """Compare and swap the run's row; returns its new fence."""
    fence = commit.fence + 1 if commit.lease == "take" else commit.fence
    if commit.expected_version == 0:
        if _create(connection, commit, fence, now):
            return fence
    elif _move(connection, commit, fence, now):
        return fence
    # One statement could not do it; the row tells why.
    found = connection.execute(sql.RUN_HEAD, (commit.run.run_id,)).fetchone()
    if found is None:
        message = f"there is no run {commit.run.run_id}"
        raise RunNotFound(message, help="its row was removed, or it is in another store")
    row = _Row(*found)
    _check_row(row, commit, now)
    at = _at(commit)
    values = (commit.run.version, fence, at, at, commit.run.state, *_lease(commit, row, now))
    connection.execute(sql.RUN_MOVES["none"], (*values, commit.run.run_id, row.version, row.fence))
    return fence


def _create(connection: Connection, commit: Commit, fence: int, now: int) -> bool:
    """False when there is such a run already."""
    run = commit.run
    who = (run.run_id, run.kind, run.name, run.user.id)
    values = (run.state, run.version, fence, *_lease(commit, None, now), run.created_at, _at(commit))
    if connection.execute(sql.RUN_INSERT, (*who, *values)).rowcount != 1:
        return False
    _check_sources(connection, commit)
    if run.session:
        connection.execute(sql.SESSION_INSERT, (run.session, run.user.id, run.kind, run.name, run.run_id))
    return True


def _check_sources(connection: Connection, commit: Commit) -> None:
    """What was said in a run is gone when it is forgotten: a copy that was made just before is not written."""
    begun = commit.entries[0].event if commit.entries else None
    if isinstance(begun, events.RunCreated) and (begun.history or begun.forked is not None):
        forked = () if begun.forked is None else (begun.forked.run_id,)
        descent.check_there(connection, commit.run.run_id, (*begun.follows, *forked))


def _move(connection: Connection, commit: Commit, fence: int, now: int) -> bool:
    """The checks of `_check_row` as conditions of the write itself; False when one of them may not hold."""
    run, lease, at = commit.run, commit.lease, _at(commit)
    key = (run.run_id, commit.expected_version, commit.fence)
    step = (run.version, fence, at, at)
    advancing = run.state in RUN_ADVANCING
    condition = () if lease == "none" else (now,) if lease == "take" else (commit.owner,)
    if not advancing:
        statement, values = sql.RUN_MOVES[lease], (*step, run.state, "", 0, *key, *condition)
    elif lease == "none":
        statement, values = sql.RUN_MOVES_IN_ITS_LEASE, (*step, run.state, *key)
    elif lease == "release":
        statement, values = sql.RUN_MOVES[lease], (*step, run.state, "", 0, *key, *condition)
    else:
        statement, values = sql.RUN_STAYS[lease], (*step, commit.owner, now + LEASE_MS, *key, *condition, run.state)
    return connection.execute(statement, values).rowcount == 1


def _write_call(connection: Connection, run_id: str, call: Call) -> None:
    """A call that has begun has been written before; to say so spares the database to look for a conflict."""
    if call.state in _BEGUN:
        changed = connection.execute(sql.CALL_UPDATE, (call.state, call.digest, run_id, call.call_id))
        if changed.rowcount == 1:
            return
    connection.execute(sql.CALL_UPSERT, (run_id, call.call_id, fitted(call.tool), call.state, call.digest))


def _at(commit: Commit) -> int:
    return commit.entries[-1].at if commit.entries else commit.run.created_at


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
