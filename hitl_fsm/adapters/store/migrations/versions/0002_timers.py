"""Timers, and an index of the runs that could go on. Questions that are open get the timer of their end.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from hitl_fsm.adapters.store.migrations.columns import ID, NUMBER, key

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PAGE = 500


def upgrade() -> None:
    """New tables and indexes; no row that is there changes."""
    timer = op.create_table(
        "timer",
        key(),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("about", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", NUMBER, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("claimed_until", NUMBER, nullable=False),
        sa.UniqueConstraint("run_id", "about", "kind", name="timer_run_id_about_kind"),
    )
    op.create_index("timer_due_at", "timer", ["due_at"])
    advancing = sa.text("state IN ('running', 'continuing')")
    op.create_index("run_advancing", "run", ["run_id"], sqlite_where=advancing, postgresql_where=advancing)
    for rows in _pages():
        op.bulk_insert(timer, rows)


def downgrade() -> None:
    """Never: an older program must not write a newer log."""
    raise NotImplementedError


def _pages() -> Iterator[list[dict[str, Any]]]:
    """The timers of the questions that are open and end by themselves."""
    after = ""
    query = sa.text(
        "SELECT requirement_id, run_id, body FROM requirement"
        " WHERE state = 'open' AND requirement_id > :after ORDER BY requirement_id LIMIT :page"
    )
    while found := op.get_bind().execute(query, {"after": after, "page": _PAGE}).all():
        after = found[-1][0]
        ends = ((about, run_id, _end(body)) for about, run_id, body in found)
        yield [_timer(about, run_id, end) for about, run_id, end in ends if end is not None]


def _timer(about: str, run_id: str, due_at: int) -> dict[str, Any]:
    return {"run_id": run_id, "about": about, "kind": "expiry", "due_at": due_at, "owner": "", "claimed_until": 0}


def _end(body: object) -> int | None:
    """None too for a row that somebody damaged: reading it tells so, and a migration must not depend on it."""
    try:
        end = json.loads(body if isinstance(body, bytes | str) else "null")["expires_at"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return end if isinstance(end, int) else None
