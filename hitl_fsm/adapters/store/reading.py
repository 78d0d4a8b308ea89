"""What is read, each in one go over one connection."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.approvals import Row, read
from hitl_fsm.adapters.store.database import Connection, Facts
from hitl_fsm.adapters.store.owner import may_be_alive
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.model.event import Entry
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING, RequirementState
from hitl_fsm.ports import RecordLine, RunRow, StoredRun, StoreHealth

MAX_PAGE = 10_000
"""Rows of one answer, whatever was asked for."""

LATE_TRIES = 3
"""A notice that was tried so often, and not taken, is late: after the first seconds, hours before it is given up."""

_RUN_COLUMNS = 5
_entry = msgspec.json.Decoder(Entry)
_HELP = "nothing was run; restore the database from a backup, or look at it with `hitl-fsm audit verify`"


def load(connection: Connection, run_id: str, after: int) -> StoredRun | None:
    """Row and log from `after` on in one snapshot; Tampered when the log is not exactly up to the run's version."""
    rows = connection.execute(sql.RUN_AND_LOG, (after, run_id)).fetchall()
    if not rows:
        return None
    state, version, fence, owner, leased_until = rows[0][:_RUN_COLUMNS]
    lines = [row[_RUN_COLUMNS:] for row in rows if row[_RUN_COLUMNS] is not None]
    if [seq for seq, _ in lines] != list(range(after + 1, version + 1)):
        message = f"the log of run {run_id} is not whole: it should have the lines {after + 1} to {version}"
        raise Tampered(message, help=_HELP)
    entries = tuple(_read_entry(run_id, seq, body) for seq, body in lines)
    return StoredRun(run_id, state, version, fence, owner, leased_until, entries)


def _read_entry(run_id: str, seq: int, body: bytes) -> Entry:
    try:
        entry = _entry.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
        message = f"line {seq} of the log of run {run_id} cannot be read"
        raise Tampered(message, help=_HELP) from error
    if entry.seq != seq:
        message = f"line {seq} of the log of run {run_id} says that it is line {entry.seq}"
        raise Tampered(message, help=_HELP)
    return entry


def requirement(connection: Connection, requirement_id: str) -> Requirement | None:
    """One requirement; Tampered when its row contradicts itself."""
    row = connection.execute(sql.REQUIREMENT_ROW, (requirement_id,)).fetchone()
    return None if row is None else read(Row(*row))


def requirements(
    connection: Connection, run_id: str | None, state: str | None, after: str, limit: int
) -> Sequence[Requirement]:
    """A page in order of id."""
    where, values = ["requirement_id > ?"], [after]
    if run_id is not None:
        where.append("run_id = ?")
        values.append(run_id)
    if state == RequirementState.OPEN:
        where.append("state = 'open'")  # as text, so that the partial index applies
    elif state is not None:
        where.append("state = ?")
        values.append(state)
    query = f"{sql.REQUIREMENTS} WHERE {' AND '.join(where)} ORDER BY requirement_id LIMIT ?"
    return [read(Row(*row)) for row in connection.execute(query, (*values, page_of(limit)))]


def runs(connection: Connection, state: str | None, after: str, limit: int) -> Sequence[RunRow]:
    """A page, newest first."""
    where: list[str] = []
    values: list[object] = []
    if after:
        where.append("run_id < ?")
        values.append(after)
    if state is not None:
        if state in RUN_ADVANCING:
            where.append(sql.ADVANCING)
        where.append("state = ?")
        values.append(state)
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    query = f"{sql.RUNS}{condition} ORDER BY run_id DESC LIMIT ?"
    return [RunRow(*row) for row in connection.execute(query, (*values, page_of(limit)))]


def session_runs(connection: Connection, of: Run, limit: int) -> Sequence[str]:
    """Ids, newest first."""
    values = (of.session, of.user.id, of.kind, of.name, page_of(limit))
    return [str(run_id) for (run_id,) in connection.execute(sql.SESSION_RUNS, values)]


def ready(connection: Connection, after: str, limit: int, now: int) -> Sequence[RunRow]:
    """Runs that could go on and that no live worker holds, in order of id. `now` is the database's clock."""
    held = Holders(now)
    found: list[RunRow] = []
    limit = page_of(limit)
    while len(found) < limit:
        rows = [RunRow(*row) for row in connection.execute(sql.RUNS_ADVANCING, (after, limit))]
        check_order([after, *(row.run_id for row in rows)])
        found += [row for row in rows if not held(row.owner, row.leased_until)]
        if len(rows) < limit:
            break
        after = rows[-1].run_id
    return found[:limit]


class Holders:
    """Whether a claim holds: by the clock, unless its owner's process is certainly dead. Asks once an owner."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._alive: dict[str, bool] = {}

    def __call__(self, owner: str, until: int) -> bool:
        if not owner or until <= self._now:
            return False
        if owner not in self._alive:
            self._alive[owner] = may_be_alive(owner)
        return self._alive[owner]


def health(connection: Connection, clock: int, now: int, facts: Facts) -> StoreHealth:
    """Counted now; leases end by `clock`, timers are due by `now`."""
    held = Holders(clock)
    free = [owner for owner, until in connection.execute(sql.LEASES) if not held(owner, until)]
    stuck = sum(owner != "" for owner in free)
    stranded = {(kind, state): int(count) for kind, state, count in connection.execute(sql.DELIVERY_COUNTS)}
    return StoreHealth(
        stuck=stuck,
        ready=len(free) - stuck,
        unknown_outcomes=connection.execute(sql.UNKNOWN_OUTCOMES).fetchone()[0],
        cut_off=connection.execute(sql.CUT_OFF).fetchone()[0],
        overdue=connection.execute(sql.OVERDUE, (now,)).fetchone()[0],
        clock=clock,
        free_bytes=facts.free_bytes,
        reclaimable=facts.reclaimable,
        open_overrides=connection.execute(sql.OVERRIDES_OPEN).fetchone()[0],
        late_notices=connection.execute(sql.NOTICES_LATE, (LATE_TRIES,)).fetchone()[0],
        dead_notices=stranded.get(("notice", "dead"), 0),
        dead_dispatches=stranded.get(("dispatch", "dead"), 0),
        unknown_dispatches=stranded.get(("dispatch", "unknown"), 0),
    )


def records(connection: Connection, after: int, limit: int, run_id: str | None) -> Sequence[RecordLine]:
    """A page in order of seq."""
    if run_id is None:
        rows = connection.execute(sql.RECORDS, (after, page_of(limit)))
    else:
        rows = connection.execute(sql.RECORDS_OF_RUN, (run_id, after, page_of(limit)))
    lines = [RecordLine(seq, _bytes(body), _bytes(leaf).hex()) for seq, body, leaf in rows]
    check_order([after, *(line.seq for line in lines)])
    return lines


def policies(connection: Connection, digest: str) -> str | None:
    """The text of a policy set."""
    row = connection.execute(sql.POLICIES, (digest,)).fetchone()
    return None if row is None else str(row[0])


def counts(connection: Connection) -> tuple[int, int, int]:
    """Runs, open requirements, records."""
    row = connection.execute(sql.COUNTS).fetchone()
    return row[0], row[1], row[2]


def _bytes(value: object) -> bytes:
    """A blob as it is, and whatever else somebody put in its place as bytes that `verify` will reject."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def check_order(keys: Sequence[Any]) -> None:
    """Who reads page after page must get on: on a damaged index the same rows come again, without end."""
    if any(later <= earlier for earlier, later in pairwise(keys)):
        message = "the database is damaged: rows do not come in their order"
        raise StoreError(message, help="restore a backup; `hitl-fsm audit verify` tells whether the record is whole")


def page_of(limit: int) -> int:
    """Rows of one answer."""
    return max(0, min(limit, MAX_PAGE))


def open_of(connection: Connection, agent: str) -> int:
    """How many questions of an agent are open."""
    row = connection.execute(sql.OPEN_OF, (agent,)).fetchone()
    return 0 if row is None else int(row[0])
