"""Opening a database: make a fresh schema, accept a current one, migrate an older one, refuse the rest.

Making and migrating are each one transaction under an advisory lock, so any number of processes may start at once. Only
a migration needs SQLAlchemy and Alembic.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.postgres.connection import PostgresConnection
from hitl_fsm.adapters.store.postgres.location import Location
from hitl_fsm.adapters.store.postgres.problems import explain
from hitl_fsm.adapters.store.postgres.terms import STAMPED, is_older, lock, session
from hitl_fsm.adapters.store.revisions import HEAD
from hitl_fsm.errors import StoreError

OLDEST_SERVER = 14
"""The oldest major version that is tested."""

_SQL_FILE = Path(__file__).with_name("schema.sql")
_SYNCHRONOUS = {
    # Whatever else the server is set to (`remote_apply`, say) waits for the disk as well, and is left alone.
    "full": "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    "normal": "SET synchronous_commit = off",
}


def open_writer(location: Location) -> PostgresConnection:
    """A connection that writes, to a database with the current schema."""
    connection = connect(location)
    try:
        _check_server(connection, location)
        if schema_version(connection) != HEAD:
            _bring_up_to_date(connection, location)
        connection.script(_SYNCHRONOUS[location.synchronous])
    except psycopg.Error as error:
        connection.close()
        raise explain(error, location.shown) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(location: Location) -> PostgresConnection | None:
    """A connection that cannot write; None when there is no database of the current schema yet."""
    connection = connect(location, read_only=True)
    try:
        current = schema_version(connection) == HEAD
    except BaseException:
        connection.close()
        raise
    if current:
        return connection
    connection.close()
    return None


def connect(location: Location, *, read_only: bool = False) -> PostgresConnection:
    """A connection with our settings; StoreError when there is none to be had."""
    parameters: dict[str, Any] = dict(location.parameters)
    try:
        raw = psycopg.connect(**parameters, autocommit=True, cursor_factory=psycopg.RawCursor)
    except psycopg.Error as error:
        raise explain(error, location.shown) from error
    connection = PostgresConnection(raw)
    try:
        connection.script(session(location, read_only=read_only))
    except psycopg.Error as error:
        connection.close()
        raise explain(error, location.shown) from error
    return connection


def schema_version(connection: PostgresConnection) -> str | None:
    """The revision stamped on the database; None when it has none."""
    if connection.execute(STAMPED).fetchone() is None:
        return None
    row = connection.execute(sql.VERSION).fetchone()
    return str(row[0]) if row else ""


def _check_server(connection: PostgresConnection, location: Location) -> None:
    version = connection.raw.info.server_version // 10_000
    if version < OLDEST_SERVER:
        message = f"{location.shown} is PostgreSQL {version}; {OLDEST_SERVER} is the oldest that is known to work"
        raise StoreError(message, help="upgrade the server, or name another")
    encoding = connection.raw.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        message = f"{location.shown} is encoded in {encoding}, which cannot hold every text"
        raise StoreError(message, help="make a database with ENCODING 'UTF8' TEMPLATE template0")


def _bring_up_to_date(connection: PostgresConnection, location: Location) -> None:
    connection.script(f"BEGIN; {lock(location.schema)}")
    try:
        version = schema_version(connection)
        if version is None:
            _create(connection, location)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if version is not None and is_older(version, location):
        from hitl_fsm.adapters.store.postgres.migrating import upgrade  # noqa: PLC0415 - imports Alembic

        upgrade(location)


def _create(connection: PostgresConnection, location: Location) -> None:
    if connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = ? LIMIT 1", (location.schema,)).fetchone():
        message = f"the schema {location.schema} of {location.shown} belongs to another program"
        raise StoreError(message, help="name another (`?schema=`); nothing was changed in this one")
    there = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (location.schema,)).fetchone()
    make = "" if there else f"CREATE SCHEMA {location.schema};\n"  # who may not make one may be given one
    connection.script(make + _SQL_FILE.read_text(encoding="utf-8"))
