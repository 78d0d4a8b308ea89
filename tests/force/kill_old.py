"""Databases as an older program left them: a schema made by its own script, with rows as it would have written them."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
from kill_stores import SQLITE

from hitl_fsm.adapters.store.postgres import location
from hitl_fsm.adapters.store.postgres import migrating as postgres
from hitl_fsm.adapters.store.sqlite import migrating as sqlite
from hitl_fsm.adapters.store.sqlite import opening

FIRST = "0001"
TABLES = ("run", "event", "call", "requirement", "record", "log_head", "policy_set")
"""Of the first schema, in which each column means what it means now."""


_one_at_a_time = threading.Lock()  # Alembic keeps what it works on in globals


def make_old(url: str) -> None:
    """Take a database back to the first schema; whoever used it has gone."""
    with _one_at_a_time:
        if url.startswith(SQLITE):
            _make_old_file(Path(url.removeprefix(SQLITE)))
        else:
            _make_old_schema(url)


def _make_old_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # what a dead worker left in the log beside it comes in
    current = path.rename(path.with_name("current.db"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {opening.PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {opening.APPLICATION_ID}")
        sqlite.upgrade(connection, FIRST)
        connection.execute("ATTACH ? AS current", (str(current),))
        for table in TABLES:
            names = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
            connection.execute(_copied("main", "current", table, names))
    current.unlink()


def _make_old_schema(url: str) -> None:
    found = location.parse(url)
    now, old = found.schema, f"{found.schema}_old"
    with closing(psycopg.connect(**found.parameters, autocommit=True)) as connection:  # type: ignore[arg-type]
        connection.execute(f"CREATE SCHEMA {old}".encode())
        postgres.upgrade(found._replace(schema=old), FIRST)
        query = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        for table in TABLES:
            names = [row[0] for row in connection.execute(query, (old, table))]
            connection.execute(_copied(old, now, table, names).encode())
        connection.execute(f"DROP SCHEMA {now} CASCADE".encode())
        connection.execute(f"ALTER SCHEMA {old} RENAME TO {now}".encode())


def _copied(into: str, out_of: str, table: str, names: list[str]) -> str:
    """Rows in their order, but for the numbers that a database gives them."""
    columns = ", ".join(f'"{name}"' for name in names if name != "id")
    order = "id" if "id" in names else names[0]
    return f'INSERT INTO {into}."{table}" ({columns}) SELECT {columns} FROM {out_of}."{table}" ORDER BY {order}'
