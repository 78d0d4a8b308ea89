"""Timers: what is to happen by itself, each a row that the step which makes or ends its reason writes or deletes."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.owner import may_be_alive
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import LEASE_MS, Commit


def write(connection: Connection, commit: Commit) -> None:
    """Delete those that are over, set the new ones; a timer that is set anew is nobody's."""
    for timer in commit.timers_over:
        connection.execute(sql.TIMER_DELETE, (timer.run_id, timer.about, timer.kind))
    for timer in commit.timers:
        connection.execute(sql.TIMER_UPSERT, (timer.run_id, timer.about, timer.kind, timer.due_at))


def next_due(connection: Connection) -> int | None:
    """When the earliest one is due, whoever holds it."""
    row = connection.execute(sql.TIMER_NEXT).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def claim(connection: Connection, due_by: int, owner: str, limit: int, now: int) -> Sequence[Timer]:
    """Those that are due and that no live sweeper holds, earliest first. `now` is the database's clock."""
    for (holder,) in connection.execute(sql.TIMER_HOLDERS, (due_by, now)).fetchall():
        if not may_be_alive(holder):
            connection.execute(sql.TIMER_FREE, (holder, due_by))
    rows = connection.execute(sql.TIMERS_DUE, (due_by, now, limit)).fetchall()
    for row in rows:
        connection.execute(sql.TIMER_CLAIM, (owner, now + LEASE_MS, row[0]))
    return [Timer(*row[1:]) for row in rows]
