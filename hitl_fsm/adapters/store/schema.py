"""The declared schema, as SQLAlchemy metadata. Tests hold the migrations and each dialect's `schema.sql` against it.

Importing this module costs some 0.3 s, so nothing on the way to opening a current database does.

A commit writes every page that it touches, whole. So there is one wide row a thing, few indexes, and none on a column
that changes at every step. Rowid tables with a UNIQUE index: bodies of some KB would double in size WITHOUT ROWID.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hitl_fsm.core.table import TABLES


def _state(machine: str) -> CheckConstraint:
    """The states of a machine as a CHECK, so that not even a hand-written UPDATE leaves the table of the machine."""
    states = ", ".join(f"'{state.value}'" for state in TABLES[machine].states)
    return CheckConstraint(f"state IN ({states})", name=f"{machine}_state")


# Times are in milliseconds; SQLite's INTEGER has 64 bits anyway, and must be called so to be the row's own id.
_Number = BigInteger().with_variant(Integer(), "sqlite")
# Ids are compared and sorted by their bytes, in every database.
_Id = Text().with_variant(Text(collation="C"), "postgresql")


def _key() -> Column[int]:
    """A row's own number, given by the database."""
    return Column("id", _Number, Identity(), primary_key=True)


def _partial(name: str, column: Column[Any], condition: str) -> None:
    """An index of the rows that meet a condition; a query uses it that says the same in the same words."""
    Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))


metadata = MetaData()

run = Table(
    "run",
    metadata,
    _key(),
    Column("run_id", _Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", _Number, nullable=False),
    Column("fence", _Number, nullable=False),
    Column("owner", Text, nullable=False),
    Column("leased_until", _Number, nullable=False),
    Column("created_at", _Number, nullable=False),
    Column("updated_at", _Number, nullable=False),
    UniqueConstraint("run_id", name="run_run_id"),
    _state("run"),
)

# The runs that a worker could take up, so that finding them reads none of those that wait or have ended.
_partial("run_advancing", run.c.run_id, "state IN ('running', 'continuing')")

# The runs of one conversation over several runs, in their order: few, and written once each.
session_run = Table(
    "session_run",
    metadata,
    _key(),
    Column("session", _Id, nullable=False),
    Column("user", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("run_id", _Id, nullable=False),
    UniqueConstraint("run_id", name="session_run_run_id"),
)
Index(
    "session_run_session",
    session_run.c.session,
    session_run.c.user,
    session_run.c.kind,
    session_run.c.name,
    session_run.c.id,
)

event = Table(
    "event",
    metadata,
    _key(),
    Column("run_id", _Id, nullable=False),
    Column("seq", _Number, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("run_id", "seq", name="event_run_id_seq"),
)

call = Table(
    "call",
    metadata,
    _key(),
    Column("run_id", _Id, nullable=False),
    Column("call_id", _Id, nullable=False),
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
    _key(),
    Column("requirement_id", _Id, nullable=False),
    Column("run_id", _Id, nullable=False),
    Column("call_id", _Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("bound", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("agent", Text, nullable=False, server_default=""),
    UniqueConstraint("requirement_id", name="requirement_requirement_id"),
    _state("requirement"),
)
Index("requirement_call", requirement.c.run_id, requirement.c.call_id)
_partial("requirement_open", requirement.c.requirement_id, "state = 'open'")
# How many questions of one agent are open, without reading them.
_partial("requirement_open_of", requirement.c.agent, "state = 'open'")

timer = Table(
    "timer",
    metadata,
    _key(),
    Column("run_id", _Id, nullable=False),
    Column("about", _Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", _Number, nullable=False),
    Column("owner", Text, nullable=False),
    Column("claimed_until", _Number, nullable=False),
    UniqueConstraint("run_id", "about", "kind", name="timer_run_id_about_kind"),
)
Index("timer_due_at", timer.c.due_at)

record = Table(
    "record",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=False),
    Column("run_id", _Id, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
Index("record_run_id", record.c.run_id, record.c.seq)

# The end of each log: rows cut off its end no longer meet it.
log_head = Table(
    "log_head",
    metadata,
    _key(),
    Column("name", Text, nullable=False),
    Column("seq", _Number, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    UniqueConstraint("name", name="log_head_name"),
)

# What a line is committed to, encrypted under the key of its subject; a row goes when it is forgotten.
content = Table(
    "content",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=False),
    Column("subject_key", _Id, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("content_subject_key", content.c.subject_key)

# The keys of people's contents, wrapped; without its key a content is noise.
subject_key = Table(
    "subject_key",
    metadata,
    _key(),
    Column("key_id", _Id, nullable=False),
    Column("subject", _Id, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("at", _Number, nullable=False),
    UniqueConstraint("key_id", name="subject_key_key_id"),
    UniqueConstraint("subject", name="subject_key_subject"),
)

# Signed notes on the first `size` lines of a log; `frontier` has the roots of its full subtrees, so that the next one
# is made without reading the log again.
checkpoint = Table(
    "checkpoint",
    metadata,
    _key(),
    Column("log", Text, nullable=False),
    Column("size", _Number, nullable=False),
    Column("at", _Number, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    UniqueConstraint("log", "size", name="checkpoint_log_size"),
)

# What must not be forgotten while somebody says so: a person's, a run's, or all there is.
hold = Table(
    "hold",
    metadata,
    _key(),
    Column("hold_id", _Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("about", _Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("hold_id", name="hold_hold_id"),
    CheckConstraint("kind IN ('subject', 'run', 'all')", name="hold_kind"),
    CheckConstraint("state IN ('active', 'released')", name="hold_state"),
)
_partial("hold_active", hold.c.about, "state = 'active'")

policy_set = Table(
    "policy_set",
    metadata,
    _key(),
    Column("digest", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", _Number, nullable=False),
    UniqueConstraint("digest", name="policy_set_digest"),
)

# Remembered permissions. `used` and `spent` are counted in the transaction of the step that uses one. Sums of money are
# decimal numbers written as text: no database rounds them.
permission = Table(
    "permission",
    metadata,
    _key(),
    Column("grant_id", _Id, nullable=False),
    Column("tool", _Id, nullable=False),
    Column("agent", _Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("uses", _Number, nullable=False),
    Column("used", _Number, nullable=False),
    Column("until", _Number, nullable=False),
    Column("budget", Text, nullable=False),
    Column("spent", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("grant_id", name="permission_grant_id"),
    CheckConstraint("state IN ('active', 'revoked')", name="permission_state"),
)
Index("permission_tool_agent", permission.c.tool, permission.c.agent, permission.c.until)

# Each gate of a call that one of them passed: what a call says of its grants before it starts is held against these.
permission_use = Table(
    "permission_use",
    metadata,
    _key(),
    Column("grant_id", _Id, nullable=False),
    Column("run_id", _Id, nullable=False),
    Column("call_id", _Id, nullable=False),
    Column("gate", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("execution", _Number, nullable=False),
)
Index("permission_use_call", permission_use.c.run_id, permission_use.c.call_id)
Index("permission_use_grant_id", permission_use.c.grant_id)

# Gates that one person passed alone; open until somebody else has looked at it.
override = Table(
    "override",
    metadata,
    _key(),
    Column("requirement_id", _Id, nullable=False),
    Column("run_id", _Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("requirement_id", name="override_requirement_id"),
    CheckConstraint("state IN ('open', 'reviewed')", name="override_state"),
)
_partial("override_open", override.c.requirement_id, "state = 'open'")

# Who may speak for whom, as people themselves said.
delegation = Table(
    "delegation",
    metadata,
    _key(),
    Column("delegation_id", _Id, nullable=False),
    Column("giver", _Id, nullable=False),
    Column("taker", _Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("until", _Number, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("delegation_id", name="delegation_delegation_id"),
    CheckConstraint("state IN ('active', 'ended')", name="delegation_state"),
)
_partial("delegation_active", delegation.c.taker, "state = 'active'")

# How far each reader of the record has come.
cursor = Table(
    "cursor",
    metadata,
    _key(),
    Column("name", _Id, nullable=False),
    Column("seq", _Number, nullable=False),
    UniqueConstraint("name", name="cursor_name"),
)

# What is to be told to somebody, or handed to an outside system, because of one line of the record.
delivery = Table(
    "delivery",
    metadata,
    _key(),
    Column("delivery_id", _Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target", _Id, nullable=False),
    Column("about", _Id, nullable=False),
    Column("run_id", _Id, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", _Number, nullable=False),
    Column("due_at", _Number, nullable=False),
    Column("owner", Text, nullable=False),
    Column("claimed_until", _Number, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("delivery_id", name="delivery_delivery_id"),
    CheckConstraint("kind IN ('notice', 'dispatch')", name="delivery_kind"),
    CheckConstraint("state IN ('waiting', 'sending', 'sent', 'dropped', 'unknown', 'dead')", name="delivery_state"),
)
_partial("delivery_due", delivery.c.due_at, "state IN ('waiting', 'sending')")
# Those that somebody has to look at.
_partial("delivery_stranded", delivery.c.delivery_id, "state IN ('unknown', 'dead')")
Index("delivery_about", delivery.c.about)
