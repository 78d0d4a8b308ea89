"""`ports.Store` on SQLite: reads on read-only connections beside the loop, writes through the one writer thread."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hitl_fsm.adapters.store import commit as committing
from hitl_fsm.adapters.store import log, opening, reading
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.lock import FileLock, NoLock
from hitl_fsm.adapters.store.problems import explain
from hitl_fsm.adapters.store.readers import NotReadyError, Query, Readers
from hitl_fsm.adapters.store.revisions import HEAD
from hitl_fsm.adapters.store.url import Location
from hitl_fsm.adapters.store.writer import Work, Writer, never
from hitl_fsm.audit.chain import encode_record
from hitl_fsm.errors import StoreError
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.text import is_whole
from hitl_fsm.ports import Commit, Lease, RecordLine, RunRow, StoredRun, StoreInfo

T = TypeVar("T")


def clock_ms() -> int:
    """The database's clock: SQLite has none but the machine's. Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class SqliteStore:
    """Opening is lazy: the first use makes or migrates the file, `info` never does. Usable from any event loop."""

    def __init__(
        self, location: Location, clock: Callable[[], int] = clock_ms, may_block: Callable[[], bool] = never
    ) -> None:
        self._location = location
        self._clock = clock
        self._pid = os.getpid()
        self._readers = None if location.path is None else Readers(location.path)
        self._closed = False
        lock = NoLock() if location.path is None else FileLock(location.path)
        self._writer = Writer(location.url, partial(opening.open_writer, location), lock, may_block)
        self._finalizer = weakref.finalize(self, _stop, self._writer, self._pid)

    async def commit(self, commit: Commit) -> int:
        """See `ports.Store`."""
        prepared = committing.prepare(commit)
        fence: int = await self._write(lambda connection: committing.apply(connection, prepared, self._clock()))
        return fence

    async def renew(self, run_id: str, lease: Lease) -> bool:
        """See `ports.Store`."""
        held: bool = await self._write(
            lambda connection: committing.renew(connection, run_id, lease.owner, lease.fence, self._clock())
        )
        return held

    async def release(self, run_id: str, lease: Lease) -> None:
        """See `ports.Store`."""
        await self._write(lambda connection: committing.release(connection, run_id, lease.owner, lease.fence))

    async def load(self, run_id: str) -> StoredRun | None:
        """See `ports.Store`. Tampered when the log is not whole."""
        if not is_whole(run_id):
            return None  # no database can hold such an id
        return await self._read(lambda connection: reading.load(connection, run_id))

    async def requirement(self, requirement_id: str) -> Requirement | None:
        """See `ports.Store`."""
        if not is_whole(requirement_id):
            return None
        return await self._read(lambda connection: reading.requirement(connection, requirement_id))

    async def requirements(
        self, *, run_id: str | None = None, state: str | None = "open", after: str = "", limit: int = 100
    ) -> Sequence[Requirement]:
        """See `ports.Store`."""
        return await self._read(
            lambda connection: reading.requirements(connection, run_id, state, after, limit), long=True
        )

    async def runs(self, *, state: str | None = None, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        """See `ports.Store`."""
        return await self._read(lambda connection: reading.runs(connection, state, after, limit), long=True)

    async def append(self, records: Sequence[Record]) -> None:
        """See `ports.Store`."""
        encoded = [(record.run, encode_record(record)) for record in records]
        await self._write(lambda connection: log.append(connection, encoded))

    async def records(self, *, after: int = 0, limit: int = 1000, run_id: str | None = None) -> Sequence[RecordLine]:
        """See `ports.Store`."""
        return await self._read(lambda connection: reading.records(connection, after, limit, run_id), long=True)

    async def head(self) -> tuple[int, str]:
        """Number and leaf of the last record, as kept apart from the records: what `verify` should reach."""
        return await self._read(log.read_head)

    async def save_policies(self, digest: str, text: str, record: Record) -> bool:
        """See `ports.Store`."""
        encoded = [(record.run, encode_record(record))]

        def work(connection: sqlite3.Connection) -> bool:
            if connection.execute(sql.POLICIES, (digest,)).fetchone() is not None:
                return False
            connection.execute(sql.POLICIES_INSERT, (digest, text, record.at))
            log.append(connection, encoded)
            return True

        saved: bool = await self._write(work)
        return saved

    async def policies(self, digest: str) -> str | None:
        """See `ports.Store`."""
        return await self._read(lambda connection: reading.policies(connection, digest))

    async def info(self) -> StoreInfo:
        """See `ports.Store`. Makes nothing: on a missing or foreign file `schema` is None and the counts are 0."""
        location = self._location
        if location.path is None or self._readers is None:
            info: StoreInfo = await self._write(lambda connection: self._info(connection, 0))
            return info
        self._check_usable()
        return await self._readers.in_thread(partial(self._file_info, location.path))

    async def close(self) -> None:
        """Finish what waits and let go of the file. Repeatable; a later use is an error."""
        self._closed = True
        if os.getpid() != self._pid:
            return
        if self._readers is not None:
            await asyncio.to_thread(self._readers.close)
        await asyncio.to_thread(self._writer.stop)

    async def _write(self, work: Work) -> Any:
        self._check_usable()
        return await self._writer.submit(work)

    async def _read(self, query: Query[T], *, long: bool = False) -> T:
        self._check_usable()
        readers = self._readers
        if readers is None:
            value: T = await self._write(query)
            return value
        read = readers.long if long else readers.short
        try:
            return await read(query)
        except NotReadyError:
            await self._write(_nothing)
        return await read(query)

    def _info(self, connection: sqlite3.Connection | None, size: int) -> StoreInfo:
        location = self._location
        schema = None if connection is None else opening.schema_version(connection)
        counts = reading.counts(connection) if connection is not None and schema == HEAD else (0, 0, 0)
        return StoreInfo(location.url, schema, HEAD, location.synchronous, *counts, size)

    def _file_info(self, path: str) -> StoreInfo:
        """On a connection of its own: this one may look at a database of any schema."""
        if not Path(path).is_file():
            return self._info(None, 0)
        try:
            with closing(opening.connect(path, "ro")) as connection:
                return self._info(connection, Path(path).stat().st_size)
        except sqlite3.Error as error:
            raise explain(error, path) from error

    def _check_usable(self) -> None:
        if os.getpid() != self._pid:
            message = f"the store {self._location.url} was opened before this process was forked"
            raise StoreError(message, help="open a store (an Engine) of its own in each process")
        if self._closed:
            message = f"the store {self._location.url} is closed"
            raise StoreError(message, help="open it again")


def _nothing(connection: sqlite3.Connection) -> None:
    """Write nothing; opening for writing makes or migrates the database."""


def _stop(writer: Writer, pid: int) -> None:
    """When the store is forgotten, or at the interpreter's end; a forked child has no such thread to stop."""
    if os.getpid() == pid:
        writer.stop()
