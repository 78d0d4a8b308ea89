"""The first schema. Frozen: a later change is a later revision, never an edit here.

Revision ID: 0001
Revises: none
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hitl_fsm.adapters.store.migrations.columns import BYTES, ID, NUMBER, key

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_RUN_STATES = ("running", "paused", "resolving", "continuing", "done", "failed", "cancelled")
_REQUIREMENT_STATES = ("open", "resolved", "rejected", "expired", "cancelled", "superseded")
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
)


def upgrade() -> None:
    """Make all tables."""
    _runs()
    _requirements()
    _records()


def downgrade() -> None:
    """Never: an older program must not write a newer log."""
    raise NotImplementedError


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, ID, nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, NUMBER, nullable=False)


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, BYTES, nullable=False)


def _state(machine: str, states: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{state}'" for state in states)
    return sa.CheckConstraint(f"state IN ({listed})", name=f"{machine}_state")


def _runs() -> None:
    op.create_table(
        "run",
        key(),
        _id("run_id"),
        _text("kind"),
        _text("name"),
        _text("user"),
        _text("state"),
        _integer("version"),
        _integer("fence"),
        _text("owner"),
        _integer("leased_until"),
        _integer("created_at"),
        _integer("updated_at"),
        sa.UniqueConstraint("run_id", name="run_run_id"),
        _state("run", _RUN_STATES),
    )
    op.create_table(
        "event",
        key(),
        _id("run_id"),
        _integer("seq"),
        _blob("body"),
        sa.UniqueConstraint("run_id", "seq", name="event_run_id_seq"),
    )
    op.create_table(
        "call",
        key(),
        _id("run_id"),
        _id("call_id"),
        _text("tool"),
        _text("state"),
        _text("digest"),
        sa.UniqueConstraint("run_id", "call_id", name="call_run_id_call_id"),
        _state("call", _CALL_STATES),
    )


def _requirements() -> None:
    op.create_table(
        "requirement",
        key(),
        _id("requirement_id"),
        _id("run_id"),
        _id("call_id"),
        _text("kind"),
        _text("state"),
        _text("digest"),
        _text("bound"),
        _blob("body"),
        sa.UniqueConstraint("requirement_id", name="requirement_requirement_id"),
        _state("requirement", _REQUIREMENT_STATES),
    )
    op.create_index("requirement_call", "requirement", ["run_id", "call_id"])
    is_open = sa.text("state = 'open'")
    op.create_index(
        "requirement_open", "requirement", ["requirement_id"], sqlite_where=is_open, postgresql_where=is_open
    )


def _records() -> None:
    op.create_table(
        "record",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=False),
        _id("run_id"),
        _blob("body"),
        _blob("leaf"),
    )
    op.create_index("record_run_id", "record", ["run_id", "seq"])
    op.create_table(
        "log_head",
        key(),
        _text("name"),
        _integer("seq"),
        _blob("leaf"),
        sa.UniqueConstraint("name", name="log_head_name"),
    )
    op.create_table(
        "policy_set",
        key(),
        _text("digest"),
        _text("text"),
        _integer("at"),
        sa.UniqueConstraint("digest", name="policy_set_digest"),
    )
