"""Contents beside the record's lines, their keys, signed checkpoints, and legal holds.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hitl_fsm.adapters.store.migrations.columns import BYTES, ID, NUMBER, key

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables; the lines that are there have no contents, and the first checkpoint covers them all."""
    op.create_table(
        "content",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("subject_key", ID, nullable=False),
        sa.Column("nonce", BYTES, nullable=False),
        sa.Column("body", BYTES, nullable=False),
    )
    op.create_index("content_subject_key", "content", ["subject_key"])
    op.create_table(
        "subject_key",
        key(),
        sa.Column("key_id", ID, nullable=False),
        sa.Column("subject", ID, nullable=False),
        sa.Column("wrapped", BYTES, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.UniqueConstraint("key_id", name="subject_key_key_id"),
        sa.UniqueConstraint("subject", name="subject_key_subject"),
    )
    op.create_table(
        "checkpoint",
        key(),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("frontier", BYTES, nullable=False),
        sa.Column("note", BYTES, nullable=False),
        sa.UniqueConstraint("log", "size", name="checkpoint_log_size"),
    )
    op.create_table(
        "hold",
        key(),
        sa.Column("hold_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", ID, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", BYTES, nullable=False),
        sa.UniqueConstraint("hold_id", name="hold_hold_id"),
        sa.CheckConstraint("kind IN ('subject', 'run', 'all')", name="hold_kind"),
        sa.CheckConstraint("state IN ('active', 'released')", name="hold_state"),
    )
    where = sa.text("state = 'active'")
    op.create_index("hold_active", "hold", ["about"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Never: an older program must not write a newer log."""
    raise NotImplementedError
