"""Opening a database: make a fresh one, accept a current one, migrate an older one, refuse the rest.

A fresh or current database needs neither SQLAlchemy nor Alembic, which cost some 0.4 s to import.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.revisions import HEAD, REVISIONS
from hitl_fsm.adapters.store.sqlite.problems import explain
from hitl_fsm.adapters.store.url import MEMORY, Location
from hitl_fsm.errors import SchemaTooNew, StoreError

PAGE_SIZE = 1024
"""Bytes a page of a new database. A commit writes whole pages: a cycle of six writes 78 KiB so, and 126 KiB or 224 KiB
with pages of 2 or 4 KiB (bench/store_bytes.py)."""

BUSY_WAIT_MS = 5000
"""How long SQLite itself waits for programs that do not know our lock file."""

CHECKPOINT_PAGES = 4096
"""Pages of the write-ahead log before they are copied into the database: 4 MiB at our page size, as SQLite's own."""

APPLICATION_ID = 0x6869746C
"""Marks the file as ours (`hitl`)."""

_FOR_A_WRITER = frozenset(
    {sqlite3.SQLITE_READONLY_ROLLBACK, sqlite3.SQLITE_READONLY_RECOVERY, sqlite3.SQLITE_READONLY_CANTINIT}
)
_SQL_FILE = Path(__file__).with_name("schema.sql")


def open_writer(location: Location) -> sqlite3.Connection:
    """A connection that writes, to a database with the current schema. Call it with the file lock held."""
    if location.path is None:
        connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
        _create(connection)
        return connection
    path = location.path
    try:
        connection = connect(path, "rwc")
        try:
            _bring_up_to_date(connection, path)
            # What VACUUM INTO or a restore made may be in another mode; in this one it is a look at the header.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {location.synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return connection


def open_reader(path: str, busy_wait_ms: int = BUSY_WAIT_MS) -> sqlite3.Connection | None:
    """A connection that cannot write; None when there is no database of the current schema yet.

    Being read-only, it cannot checkpoint when it is closed, which would be a write outside the file lock.
    """
    connection = open_any(path, busy_wait_ms)
    if connection is None:
        return None
    try:
        current = schema_version(connection) == HEAD
    except BaseException:
        connection.close()
        raise
    if current:
        return connection
    connection.close()
    return None


def open_any(path: str, busy_wait_ms: int = BUSY_WAIT_MS) -> sqlite3.Connection | None:
    """A connection that cannot write, to a database of whatever schema; None when there is none.

    So it is, too, while only a writer can read it: it must first take back what a process left half done that was
    killed while it made the database.
    """
    if not is_there(path):
        return None
    connection = connect(path, "ro", busy_wait_ms)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        if error.sqlite_errorcode in _FOR_A_WRITER:
            return None
        raise
    return connection


def schema_version(connection: sqlite3.Connection) -> str | None:
    """The revision stamped on the database; None when it has none."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = connection.execute(sql.VERSION).fetchone()
    return str(row[0]) if row else ""


def connect(path: str, mode: str, busy_wait_ms: int = BUSY_WAIT_MS) -> sqlite3.Connection:
    """A bare connection; `mode` is SQLite's own (`ro`, `rw`, `rwc`)."""
    connection = sqlite3.connect(
        f"file:{quote(path)}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA busy_timeout = {busy_wait_ms}")
    return connection


def is_there(path: str) -> bool:
    """Whether a file stands there; StoreError where a folder on the way cannot be looked into."""
    try:
        return Path(path).is_file()
    except OSError as error:
        message = f"the database cannot be looked at: {path} ({error.strerror})"
        raise StoreError(message, help="check the owner and the permissions of the folders on the way to it") from error


def file_at(path: str) -> tuple[int, int] | None:
    """Device and inode of what stands there; None when nothing does."""
    try:
        found = os.stat(path)  # noqa: PTH116 - at each read and write, and half as dear as a Path
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _bring_up_to_date(connection: sqlite3.Connection, path: str) -> None:
    version = schema_version(connection)
    if version == HEAD:
        return
    if version is None:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            message = f"{path} is a database of another program"
            raise StoreError(message, help="name another file; nothing was changed in this one")
        _create(connection)
    elif version in REVISIONS or not version:
        from hitl_fsm.adapters.store.sqlite.migrating import upgrade  # noqa: PLC0415 - imports Alembic

        upgrade(connection)
    else:
        message = f"{path} has schema {version}, this program knows up to {HEAD}"
        raise SchemaTooNew(message, help="upgrade hitl-fsm, or name another database")


def _create(connection: sqlite3.Connection) -> None:
    """The whole schema in one transaction: a crash leaves an empty file, which is fresh again."""
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for statement in _SQL_FILE.read_text(encoding="utf-8").split(";\n"):
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
