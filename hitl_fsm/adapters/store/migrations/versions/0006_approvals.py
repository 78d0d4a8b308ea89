"""Permissions that are remembered, gates passed in an emergency, delegations, and what is to be told or handed on.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hitl_fsm.adapters.store.migrations.columns import ID, NUMBER, key

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column for the agent of a question, and new tables. Questions that are there count for no agent."""
    op.add_column("requirement", sa.Column("agent", sa.Text(), nullable=False, server_default=""))
    _partial("requirement_open_of", "requirement", "agent", "state = 'open'")
    op.create_table(
        "permission",
        key(),
        *_ids("grant_id", "tool", "agent"),
        sa.Column("state", sa.Text(), nullable=False),
        *_numbers("uses", "used", "until"),
        sa.Column("budget", sa.Text(), nullable=False),
        sa.Column("spent", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("grant_id", name="permission_grant_id"),
        sa.CheckConstraint("state IN ('active', 'revoked')", name="permission_state"),
    )
    op.create_index("permission_tool_agent", "permission", ["tool", "agent", "until"])
    op.create_table(
        "permission_use",
        key(),
        *_ids("grant_id", "run_id", "call_id"),
        sa.Column("gate", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        *_numbers("execution"),
    )
    op.create_index("permission_use_call", "permission_use", ["run_id", "call_id"])
    op.create_index("permission_use_grant_id", "permission_use", ["grant_id"])
    op.create_table(
        "override",
        key(),
        *_ids("requirement_id", "run_id"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("requirement_id", name="override_requirement_id"),
        sa.CheckConstraint("state IN ('open', 'reviewed')", name="override_state"),
    )
    _partial("override_open", "override", "requirement_id", "state = 'open'")
    op.create_table(
        "delegation",
        key(),
        *_ids("delegation_id", "giver", "taker"),
        sa.Column("state", sa.Text(), nullable=False),
        *_numbers("until"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("delegation_id", name="delegation_delegation_id"),
        sa.CheckConstraint("state IN ('active', 'ended')", name="delegation_state"),
    )
    _partial("delegation_active", "delegation", "taker", "state = 'active'")
    op.create_table("cursor", key(), *_ids("name"), *_numbers("seq"), sa.UniqueConstraint("name", name="cursor_name"))
    _deliveries()


def _deliveries() -> None:
    op.create_table(
        "delivery",
        key(),
        *_ids("delivery_id"),
        sa.Column("kind", sa.Text(), nullable=False),
        *_ids("target", "about", "run_id"),
        sa.Column("state", sa.Text(), nullable=False),
        *_numbers("attempts", "due_at"),
        sa.Column("owner", sa.Text(), nullable=False),
        *_numbers("claimed_until"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("delivery_id", name="delivery_delivery_id"),
        sa.CheckConstraint("kind IN ('notice', 'dispatch')", name="delivery_kind"),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'dropped', 'unknown', 'dead')", name="delivery_state"
        ),
    )
    _partial("delivery_due", "delivery", "due_at", "state IN ('waiting', 'sending')")
    _partial("delivery_stranded", "delivery", "delivery_id", "state IN ('unknown', 'dead')")
    op.create_index("delivery_about", "delivery", ["about"])


def downgrade() -> None:
    """Never: an older program must not write a newer log."""
    raise NotImplementedError


def _ids(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, ID, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, NUMBER, nullable=False) for name in names]


def _partial(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
