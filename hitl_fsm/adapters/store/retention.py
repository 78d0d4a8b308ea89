"""Forgetting runs that ended. The record keeps its lines; what they tell of a run is all that is left of it."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.batch import Written
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.reading import page_of
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import RunRow

FORGET_LIMIT = 1000
"""Runs of one `forget`: bounds its transaction."""

_FORGETTABLE = frozenset({RunState.DONE, RunState.CANCELLED})


def ended(connection: Connection, before: int, limit: int) -> Sequence[RunRow]:
    """Done and cancelled runs whose last step is older than `before`, in order of id."""
    return [RunRow(*row) for row in connection.execute(sql.RUNS_ENDED, (before, page_of(limit)))]


def forget(connection: Connection, run_ids: Sequence[str], record: tuple[str, bytes], at: int) -> Written:
    """All of them or none; its value is how many. Grants that were over by `at`, and that no run used, go too."""
    ids = sorted(set(run_ids))
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(f"{sql.STATES_OF} ({marks}) ORDER BY run_id{sql.LOCK}", ids).fetchall()
    if len(rows) < len(ids) or any(state not in _FORGETTABLE for (state,) in rows):
        return Written(0)
    connection.execute(sql.DELIVERIES_OF_RUNS.format(marks=marks), ids + ids)
    for table in sql.TABLES_OF_A_RUN:
        connection.execute(f"DELETE FROM {table} WHERE run_id IN ({marks})", ids)  # noqa: S608 - constants
    connection.execute(sql.PERMISSIONS_OVER, (at,))
    return Written(len(ids), (record,))
