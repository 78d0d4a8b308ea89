"""One more state of a call: a person gave a result instead, and it does not run. No row changes.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hitl_fsm.adapters.store.migrations.columns import ID, key

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CALL_STATES = (
    "proposed",
    "gated",
    "authorised",
    "executing",
    "succeeded",
    "failed",
    "denied",
    "skipped",
    "outcome_unknown",
    "in_review",
    "withheld",
    "substituted",
)
_IN = f"state IN ({', '.join(repr(state) for state in _CALL_STATES)})"


def upgrade() -> None:
    """The CHECK of a call's state; SQLite cannot change one in place, so its table is written anew."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        op.drop_constraint("call_state", "call", type_="check")
        op.create_check_constraint("call_state", "call", sa.text(_IN))


def downgrade() -> None:
    """Never: an older program must not write a newer log."""
    raise NotImplementedError


def _rebuild() -> None:
    op.rename_table("call", "call_0004")
    op.create_table(
        "call",
        key(),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.UniqueConstraint("run_id", "call_id", name="call_run_id_call_id"),
        sa.CheckConstraint(_IN, name="call_state"),
    )
    columns = "id, run_id, call_id, tool, state, digest"
    op.execute(f"INSERT INTO call ({columns}) SELECT {columns} FROM call_0004 ORDER BY id")  # noqa: S608 - constants
    op.drop_table("call_0004")
