"""What everybody who opens or migrates a database keeps to: the settings of a session, the lock, the stamp."""

from __future__ import annotations

import zlib

from hitl_fsm.adapters.store.postgres.location import Location
from hitl_fsm.adapters.store.revisions import HEAD, REVISIONS
from hitl_fsm.errors import SchemaTooNew

STATEMENT_S = 30
"""How long one statement may take before the server ends it."""

LOCK_WAIT_S = 10
"""How long a statement waits for a row that another transaction holds."""

IDLE_S = 5
"""How long a worker may stand still inside a transaction before the server takes its locks away. Less than LOCK_WAIT_S:
so nobody who waits for a frozen worker has to give up."""

MIGRATION_WAIT_S = 300
"""How long a start waits for another process that makes or migrates the schema."""

_LOCK_SPACE = 0x6869746C  # `hitl`
# From the tables of the catalogue: what resolves a name by itself (`to_regclass`) may not have heard yet of a schema
# that another process made a moment ago.
STAMPED = "SELECT 1 FROM pg_tables WHERE schemaname = current_setting('search_path') AND tablename = 'alembic_version'"
_SESSION = (
    "SET statement_timeout = '{statement}s'; SET lock_timeout = '{lock}s';"
    " SET idle_in_transaction_session_timeout = '{idle}s'; SET search_path = {schema};"
    " SET default_transaction_isolation = '{isolation}'; SET default_transaction_read_only = {read_only};"
)


def session(location: Location, *, read_only: bool = False) -> str:
    """What each connection is told first."""
    return _SESSION.format(
        statement=STATEMENT_S,
        lock=LOCK_WAIT_S,
        idle=IDLE_S,
        schema=location.schema,
        isolation="repeatable read" if read_only else "read committed",
        read_only="on" if read_only else "off",
    )


def lock(schema: str) -> str:
    """Statements for the beginning of a transaction that makes or changes the tables: one process at a time."""
    return (
        f"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{MIGRATION_WAIT_S}s';"
        f" SELECT pg_advisory_xact_lock({_LOCK_SPACE}, {zlib.crc32(schema.encode()) - 2**31})"
    )


def is_older(version: str, location: Location) -> bool:
    """Whether our scripts lead on from it; SchemaTooNew when it is not one of ours."""
    if version in REVISIONS or not version:
        return version != HEAD
    message = f"{location.shown} has schema {version}, this program knows up to {HEAD}"
    raise SchemaTooNew(message, help="upgrade hitl-fsm, or name another database")
