"""Forgetting runs that ended. The record keeps its lines; what they tell of a run is all that is left of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from hitl_fsm.adapters.store import descent, holding
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.reading import page_of
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import RunRow

FORGET_LIMIT = 1000
"""Runs of one `forget`: bounds its transaction."""

_GRANTS = "SELECT grant_id, body FROM permission ORDER BY grant_id"
_HEARD_OF = "SELECT DISTINCT run_id FROM record WHERE run_id IN ({marks})"
_GRANT_DELETE = "DELETE FROM permission WHERE grant_id = ?"
_FORGETTABLE = frozenset({RunState.DONE, RunState.CANCELLED})


class _Grant(msgspec.Struct):
    requirement_id: str


_grant = msgspec.json.Decoder(_Grant)


def ended(connection: Connection, before: int, limit: int) -> Sequence[RunRow]:
    """Done and cancelled runs whose last step is older than `before`, in order of id."""
    return [RunRow(*row) for row in connection.execute(sql.RUNS_ENDED, (before, page_of(limit)))]


def forget(
    connection: Connection, run_ids: Sequence[str], record: Encoded, at: int, *, wholly: bool = False
) -> Written:
    """All of them or none; its value is how many. Grants that were over by `at`, and that no run used, go too.

    `wholly`: so does every grant that came of one of them, and what was said when one person passed a gate alone.
    """
    ids = sorted(set(run_ids))
    marks = ", ".join("?" * len(ids))
    holding.lock(connection)
    rows = connection.execute(f"{sql.STATES_OF} ({marks}) ORDER BY run_id{sql.LOCK}", ids).fetchall()
    if len(rows) < len(ids) or any(state not in _FORGETTABLE for (state,) in rows):
        return Written(0)
    holding.refuse(connection, ids)
    if wholly:
        _forget_words(connection, ids, marks)
    connection.execute(sql.DELIVERIES_OF_RUNS.format(marks=marks), ids + ids)
    for table in sql.TABLES_OF_A_RUN:
        connection.execute(f"DELETE FROM {table} WHERE run_id IN ({marks})", ids)  # noqa: S608 - constants
    _forget_grants(connection, at)
    return Written(len(ids), (record,))


def append(
    connection: Connection, *, records: Sequence[Record], lines: Sequence[Encoded], encoded: Callable[[Record], Encoded]
) -> Written:
    """Lines of no step, without the contents of those whose run was forgotten: whom they are about may be erased.

    Nor are these lines committed to what nobody keeps. The runs that are there stay until the transaction ends.
    """
    named = {line.run_id for line in lines if line.plain is not None} - {""}
    gone = named - {row[0] for row in descent.marked(connection, descent.THERE, named)}
    forgotten = {row[0] for row in descent.marked(connection, _HEARD_OF, gone)}
    told = zip(records, lines, strict=True)
    return Written(None, [encoded(_bare(record)) if record.run in forgotten else line for record, line in told])


def _bare(record: Record) -> Record:
    return msgspec.structs.replace(record, contents={}, subject="")


def _forget_grants(connection: Connection, at: int) -> None:
    """Those that were over by `at` and that no run used, but for those that came of a run which a hold covers."""
    over = [(grant_id, _run_of(body)) for grant_id, body in connection.execute(sql.PERMISSIONS_OVER, (at,)).fetchall()]
    held = holding.held_runs(connection, sorted({run_id for _, run_id in over})) if over else {}
    for grant_id, run_id in over:
        if run_id not in held:
            connection.execute(_GRANT_DELETE, (grant_id,))


def _run_of(grant: bytes) -> str:
    """Of which run's question it came."""
    requirement_id = _grant.decode(grant).requirement_id
    return f"run_{requirement_id.removeprefix('req_').rpartition('-')[0]}"


def _forget_words(connection: Connection, run_ids: Sequence[str], marks: str) -> None:
    """Arguments and reasons that stand apart from the run; without its grant, the next call is asked about."""
    begins = tuple(f"req_{run_id.removeprefix('run_')}-" for run_id in run_ids)
    grants = [
        grant_id
        for grant_id, body in connection.execute(_GRANTS).fetchall()
        if _grant.decode(body).requirement_id.startswith(begins)
    ]
    for grant_id in grants:
        connection.execute(_GRANT_DELETE, (grant_id,))
    connection.execute(f"DELETE FROM override WHERE run_id IN ({marks})", run_ids)  # noqa: S608 - as above
