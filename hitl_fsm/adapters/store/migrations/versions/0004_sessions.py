"""Which runs belong to one session, for those that go on from what was said in it.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hitl_fsm.adapters.store.migrations.columns import ID, key

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table; no row that is there changes."""
    op.create_table(
        "session_run",
        key(),
        sa.Column("session", ID, nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.UniqueConstraint("run_id", name="session_run_run_id"),
    )
    op.create_index("session_run_session", "session_run", ["session", "user", "kind", "name", "id"])


def downgrade() -> None:
    """Never: an older program must not write a newer log."""
    raise NotImplementedError
