"""SQLite as `SqlStore` needs it: one file in WAL mode, or a database in memory."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from hitl_fsm.adapters.store.database import Connection, Facts, Fate, Reading
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.adapters.store.sqlite.lock import FileLock, NoLock
from hitl_fsm.adapters.store.sqlite.problems import explain
from hitl_fsm.adapters.store.sqlite.reserve import NoReserve, Reserve
from hitl_fsm.adapters.store.url import Location
from hitl_fsm.errors import StoreError
from hitl_fsm.model.owner import Owner


class SqliteDatabase:
    """See `database.Database`. Touches no file before `hold` or `open_…`."""

    def __init__(self, location: Location, headroom: int = 0) -> None:
        self._location = location
        self._reserve = Reserve(location.path, headroom) if headroom and location.path else NoReserve()
        self.url = location.url
        self.shown = location.url
        self.reading: Reading = "writer" if location.path is None else "here"
        # Text that is not UTF-8, on a damaged page, is no error of SQLite's.
        self.error: tuple[type[Exception], ...] = (sqlite3.Error, UnicodeDecodeError)
        self._file: tuple[int, int] | None = None
        self.lock = NoLock() if location.path is None else FileLock(location.path)

    def hold(self, *, patient: bool = True) -> AbstractContextManager[None]:
        """The lock file, between processes."""
        return self.lock if patient else self.lock.at_once()

    def open_writer(self) -> Connection:
        """Call it with the lock held."""
        connection = opening.open_writer(self._location)
        self.check_place()
        self._reserve.prepare()
        return connection

    def open_reader(self, *, patient: bool) -> Connection | None:
        """Read-only, so it cannot checkpoint when it is closed, which would be a write outside the file lock."""
        path = self._location.path
        connection = None if path is None else opening.open_reader(path, opening.BUSY_WAIT_MS if patient else 0)
        if connection is not None or self._file is not None:
            self.check_place()
        return connection

    def open_any(self) -> Connection | None:
        """Read-only, of whatever schema."""
        path = self._location.path
        return None if path is None else opening.open_any(path)

    def check_place(self) -> None:
        """By device and inode. Whoever went on in a file that nobody finds again would do everything twice."""
        path = self._location.path
        if path is None:
            return
        there = opening.file_at(path)
        if self._file is None:
            self._file = there
        elif there != self._file:
            message = f"{path} was replaced or removed while it was in use"
            raise StoreError(message, help="nothing was written; restart this process, or restore the file and restart")

    def begin(self, connection: Connection, *, patient: bool = True) -> object:
        """IMMEDIATE: a transaction that begins by reading could be refused the right to write later."""
        self.check_place()
        if patient:
            connection.execute("BEGIN IMMEDIATE")
            return None
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        finally:
            connection.execute(f"PRAGMA busy_timeout = {opening.BUSY_WAIT_MS}")
        return None

    def landed(
        self,
        connection: Connection,  # noqa: ARG002 - never asked
        transaction: object,  # noqa: ARG002
        head: tuple[int, bytes] | None,  # noqa: ARG002
    ) -> bool | None:
        """A file answers every COMMIT."""
        return None

    def fate(self, connection: Connection, error: Exception) -> Fate:
        """After some errors (a full disk, say) SQLite has rolled everything back by itself; if not, it is to be."""
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        return "job" if connection.in_transaction and not full else "transaction"

    def require_room(self) -> None:
        """A file beside the database keeps it (`reserve`)."""
        self._reserve.require()

    def give_room(self, error: Exception) -> bool:
        """See `reserve`."""
        return self._reserve.give(error)

    def explain(self, error: Exception) -> Exception:
        """Names the file, and what to do."""
        where = self._location.path or self._location.url
        return explain(error, where) if isinstance(error, self.error) else error

    def clock_ms(self, connection: Connection) -> int:  # noqa: ARG002 - it has no clock of its own
        """SQLite has no clock but the machine's."""
        return time.time_ns() // 1_000_000

    def schema(self, connection: Connection) -> str | None:
        """The stamped revision."""
        return opening.schema_version(cast("sqlite3.Connection", connection))

    def facts(self, connection: Connection | None) -> Facts:
        """Sizes are those of the file; what is in memory has none."""
        synchronous, path = self._location.synchronous, self._location.path
        if path is None or connection is None:
            return Facts(synchronous, 0, None, 0)
        free_pages = connection.execute("PRAGMA freelist_count").fetchone()[0]
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
        free = shutil.disk_usage(Path(path).resolve().parent).free
        return Facts(synchronous, Path(path).stat().st_size, free, free_pages * page_size)

    def owner(self, connection: Connection) -> Owner:  # noqa: ARG002 - the file's owner is
        """By user number: whoever owns the file could write to it with any program."""
        user = f"uid {os.geteuid()}"
        path = self._location.path
        return Owner(user if path is None else f"uid {Path(path).stat().st_uid}", user)

    def scrub(self, connection: Connection) -> bool:
        """The file is as large as what it holds, and the WAL is empty; it needs that much free space for a moment."""
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(busy == 0)

    def close(self) -> None:
        """Give the lock file back."""
        self._reserve.close()
        self.lock.close()
