"""PostgreSQL as `SqlStore` needs it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import psycopg

from hitl_fsm.adapters.store.database import Connection, Facts, Fate, Reading
from hitl_fsm.adapters.store.postgres import opening
from hitl_fsm.adapters.store.postgres.connection import PostgresConnection
from hitl_fsm.adapters.store.postgres.location import Location
from hitl_fsm.adapters.store.postgres.problems import explain, fate
from hitl_fsm.model.owner import Owner

LANDING_S = 10.0
"""How long a COMMIT whose answer was lost may still be in progress at the server."""

_LANDING_PAUSE_S = 0.05
_BEGIN = "BEGIN; SELECT pg_current_xact_id()::text, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_CLOCK = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_OUTCOME = "SELECT pg_xact_status(?::text::xid8)"
_WROTE = "SELECT 1 FROM record WHERE seq = ? AND leaf = ? AND xmin = ?::text::xid8::xid"
_FACTS = (
    "SELECT current_setting('fsync'),"
    " (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
    "  WHERE c.relnamespace = to_regnamespace(?) AND c.relkind = 'r'),"
    " (SELECT coalesce(sum(pg_relation_size(relid) * n_dead_tup / (n_live_tup + n_dead_tup)), 0)::bigint"
    "  FROM pg_stat_user_tables WHERE schemaname = ? AND n_dead_tup > 0)"
)
# Of the record, which nobody may write to in somebody's name; a table that is not there yet is about to be made.
_OWNER = (
    "SELECT coalesce((SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.relnamespace = to_regnamespace(?)"
    " AND c.relname = 'record' AND c.relkind IN ('r', 'p')), current_user)::text, current_user::text"
)


class PostgresDatabase:
    """See `database.Database`. Connects when it is first used."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self.url = location.shown
        self.shown = location.shown
        self.reading: Reading = "threads"
        self.error: tuple[type[Exception], ...] = (psycopg.Error,)

    def check_place(self) -> None:
        """A server keeps its databases in their places."""

    def hold(self, *, patient: bool = True) -> AbstractContextManager[None]:  # noqa: ARG002 - it never waits
        """The server sees to it: rows are locked one by one, in order of their runs, the log's head last."""
        return nullcontext()

    def open_writer(self) -> Connection:
        """READ COMMITTED: what must not change under a step is locked by it first."""
        return opening.open_writer(self._location)

    def open_reader(self, *, patient: bool) -> Connection | None:  # noqa: ARG002 - nobody locks a reader out
        """REPEATABLE READ, and read-only."""
        return opening.open_reader(self._location)

    def open_any(self) -> Connection | None:
        """Read-only, of whatever schema."""
        return opening.connect(self._location, read_only=True)

    def begin(self, connection: Connection, *, patient: bool = True) -> object:  # noqa: ARG002 - it never waits
        """The transaction's own number, and the clock with it: one message."""
        mine = cast("PostgresConnection", connection)
        ((transaction, mine.now),) = mine.script(_BEGIN)
        return transaction

    def landed(self, connection: Connection, transaction: object, head: tuple[int, bytes] | None) -> bool | None:
        """What became of the transaction, as the server tells; and whether the last record is this transaction's.

        A server that crashed forgets the numbers of transactions that it had not written yet, and gives them out again:
        by its number alone, another worker's commit could be taken for this one.
        """
        deadline = time.monotonic() + LANDING_S
        while (outcome := _outcome(connection, transaction)) == "in progress":
            if time.monotonic() > deadline:
                return None
            time.sleep(_LANDING_PAUSE_S)
        if outcome == "aborted":
            return False
        if head is None:
            return True if outcome == "committed" else None
        wrote = connection.execute(_WROTE, (*head, transaction)).fetchone() is not None
        return wrote or (False if outcome == "committed" else None)

    def fate(self, connection: Connection, error: Exception) -> Fate:
        """See `problems.fate`."""
        return fate(error, lost=cast("PostgresConnection", connection).lost)

    def explain(self, error: Exception) -> Exception:
        """Names the database, never the password."""
        return explain(error, self.shown) if isinstance(error, psycopg.Error) else error

    def require_room(self) -> None:
        """The server's disk is its operator's: a commit that finds no room is refused, and nothing begins."""

    def give_room(self, error: Exception) -> bool:  # noqa: ARG002 - none is kept
        """There is none to give."""
        return False

    def clock_ms(self, connection: Connection) -> int:
        """The server's clock; in a writing transaction, that of its beginning.

        It may stand back by the wait for a lock, which errs to the side of an older claim that is still respected.
        """
        mine = cast("PostgresConnection", connection)
        return mine.now if mine.in_transaction else int(mine.execute(_CLOCK).fetchone()[0])

    def schema(self, connection: Connection) -> str | None:
        """The stamped revision."""
        return opening.schema_version(cast("PostgresConnection", connection))

    def facts(self, connection: Connection | None) -> Facts:
        """Of the store's own tables; free space is known to the server's host alone.

        What can be reclaimed is estimated from the server's statistics.
        """
        synchronous, schema = self._location.synchronous, self._location.schema
        if connection is None:
            return Facts(synchronous, 0, None, 0)
        fsync, size, reclaimable = connection.execute(_FACTS, (schema, schema)).fetchone()
        return Facts(synchronous if fsync == "on" else "off", size, None, reclaimable)

    def owner(self, connection: Connection) -> Owner:
        """By role: that which owns the tables, against that which this connection acts as (`SET ROLE` counts)."""
        tables, user = connection.execute(_OWNER, (self._location.schema,)).fetchone()
        return Owner(f"role {tables}", f"role {user}")

    def scrub(self, connection: Connection) -> bool:  # noqa: ARG002 - nothing is done
        """VACUUM FULL takes the owner's rights and locks every table: the operator says when."""
        return False

    def close(self) -> None:
        """Nothing is held outside of connections."""


def _outcome(connection: Connection, transaction: object) -> str | None:
    """None when the server does not remember it any more."""
    try:
        row = connection.execute(_OUTCOME, (transaction,)).fetchone()
    except psycopg.errors.InvalidParameterValue:
        return "aborted"  # a number that is yet to be given out: the server crashed and lost this transaction
    return None if row is None else row[0]
