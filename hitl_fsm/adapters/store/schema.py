"""The declared schema, as SQLAlchemy metadata. `sqlite.sql` and the migrations are held against it by tests.

Importing this module costs some 0.3 s, so nothing on the way to opening a current database does.

A commit writes every page that it touches, whole. So there is one wide row a thing, few indexes, and none on a column
that changes at every step. Rowid tables with a UNIQUE index: bodies of some KB would double in size WITHOUT ROWID.
"""

from __future__ import annotations

from sqlalchemy import BLOB, CheckConstraint, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint, text

from hitl_fsm.core.table import TABLES


def _state(machine: str) -> CheckConstraint:
    """The states of a machine as a CHECK, so that not even a hand-written UPDATE leaves the table of the machine."""
    states = ", ".join(f"'{state.value}'" for state in TABLES[machine].states)
    return CheckConstraint(f"state IN ({states})", name=f"{machine}_state")


metadata = MetaData()

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("leased_until", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),
    UniqueConstraint("run_id", name="run_run_id"),
    _state("run"),
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("body", BLOB, nullable=False),
    UniqueConstraint("run_id", "seq", name="event_run_id_seq"),
)

call = Table(
    "call",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("digest", Text, nullable=False),
    UniqueConstraint("run_id", "call_id", name="call_run_id_call_id"),
    _state("call"),
)

# `digest` is the action that was shown; `bound` is the action as the answer left it, written with the answer.
requirement = Table(
    "requirement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("requirement_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("bound", Text, nullable=False),
    Column("body", BLOB, nullable=False),
    UniqueConstraint("requirement_id", name="requirement_requirement_id"),
    _state("requirement"),
)
Index("requirement_call", requirement.c.run_id, requirement.c.call_id)
Index("requirement_open", requirement.c.requirement_id, sqlite_where=text("state = 'open'"))

record = Table(
    "record",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("body", BLOB, nullable=False),
    Column("leaf", BLOB, nullable=False),
)
Index("record_run_id", record.c.run_id, record.c.seq)

# The end of each log: rows cut off its end no longer meet it.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("leaf", BLOB, nullable=False),
    UniqueConstraint("name", name="log_head_name"),
)

policy_set = Table(
    "policy_set",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Integer, nullable=False),
    UniqueConstraint("digest", name="policy_set_digest"),
)
