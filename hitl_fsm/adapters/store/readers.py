"""Connections that only read. Readers never wait for the writer, nor it for them (WAL)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from hitl_fsm.adapters.store import opening
from hitl_fsm.adapters.store.problems import explain
from hitl_fsm.errors import StoreBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 4
"""Long reads at the same time."""

IDLE_CONNECTIONS = 4
"""Kept open for the next read."""

T = TypeVar("T")
Query = Callable[[sqlite3.Connection], T]


class NotReadyError(Exception):
    """There is no database of the current schema yet; opening it for writing makes one or says why not."""


class Readers:
    """Reads of one database file, from any thread."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._threads: ThreadPoolExecutor | None = None

    async def short(self, query: Query[T]) -> T:
        """Read here and now: what takes some 15 µs is not worth the 150 µs of a thread.

        Only where another program has locked the file does a thread wait for it.
        """
        try:
            return self._run(query)
        except StoreBusy:
            return await self.in_thread(lambda: self._run_once(query))

    async def long(self, query: Query[T]) -> T:
        """Read in a thread, for pages of many rows, and wait there for a program that has locked the file."""

        def work() -> T:
            try:
                return self._run(query)
            except StoreBusy:
                return self._run_once(query)

        return await self.in_thread(work)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Any blocking work in one of the reading threads."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="hitl-fsm-reader")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Wait for what is under way and let go of the file."""
        if self._threads is not None:
            self._threads.shutdown(wait=True)
        while self._idle:
            self._idle.pop().close()

    def _run(self, query: Query[T]) -> T:
        with self._explained():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open(0)
            try:
                return query(connection)
            finally:
                if len(self._idle) < IDLE_CONNECTIONS:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _run_once(self, query: Query[T]) -> T:
        with self._explained(), closing(self._open(opening.BUSY_WAIT_MS)) as connection:
            return query(connection)

    def _open(self, busy_wait_ms: int) -> sqlite3.Connection:
        connection = opening.open_reader(self._path, busy_wait_ms)
        if connection is None:
            raise NotReadyError
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
