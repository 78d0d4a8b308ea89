"""Connections that only read. Readers never wait for the writer, nor it for them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from hitl_fsm.adapters.store.database import Connection, Database
from hitl_fsm.errors import StoreBusy

THREADS = 4
"""Long reads at the same time."""

IDLE_CONNECTIONS = 4
"""Kept open for the next read."""

T = TypeVar("T")
Query = Callable[[Connection], T]


class NotReadyError(Exception):
    """There is no database of the current schema yet; opening it for writing makes one or says why not."""


class _LostError(Exception):
    """The connection is gone."""

    def __init__(self, told: Exception) -> None:
        super().__init__(told)
        self.told = told


class Readers:
    """Reads of one database, from any thread. `may_block`: whether the calling thread may wait for the database."""

    def __init__(self, database: Database, may_block: Callable[[], bool]) -> None:
        self._database = database
        self._may_block = may_block
        self._idle: deque[Connection] = deque()
        self._threads: ThreadPoolExecutor | None = None

    async def short(self, query: Query[T]) -> T:
        """Read here and now if that takes some 15 µs, which are not worth the 150 µs of a thread.

        Only where another program has locked the database does a thread wait for it.
        """
        if self._database.reading != "here" and not self._may_block():
            return await self._elsewhere(query)
        return await self._here(query)

    async def long(self, query: Query[T]) -> T:
        """Read in a thread, for pages of many rows; here, where that keeps nobody else waiting."""
        if self._database.reading == "here" and self._may_block():
            return await self._here(query)
        return await self._elsewhere(query)

    async def _here(self, query: Query[T]) -> T:
        try:
            return self._run(query)
        except StoreBusy:
            return await self.in_thread(lambda: self._run_patiently(query))

    async def _elsewhere(self, query: Query[T]) -> T:
        """In a thread, which waits for a program that has locked the database."""

        def work() -> T:
            try:
                return self._run(query)
            except StoreBusy:
                return self._run_patiently(query)

        return await self.in_thread(work)

    async def look(self, query: Callable[[Connection | None], T]) -> T:
        """Read, in a thread, a database of whatever schema; None when there is none."""

        def work() -> T:
            try:
                connection = self._database.open_any()
                if connection is None:
                    return query(None)
                with closing(connection):
                    return query(connection)
            except self._database.error as error:
                raise self._database.explain(error) from error

        return await self.in_thread(work)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Any blocking work in one of the reading threads."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="hitl-fsm-reader")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Wait for what is under way and let go of the database."""
        if self._threads is not None:
            self._threads.shutdown(wait=True)
        self.let_go()

    def let_go(self) -> None:
        """Close the connections that nobody reads on."""
        while self._idle:
            self._idle.pop().close()

    def _run(self, query: Query[T]) -> T:
        try:
            idle = self._idle.pop()
        except IndexError:
            return self._on_new(query)
        try:
            self._database.check_place()
        except BaseException:
            idle.close()
            raise
        try:
            return self._on(idle, query)
        except _LostError:  # while it was idle: a new one tells whether the database is there
            return self._on_new(query)

    def _on_new(self, query: Query[T]) -> T:
        try:
            return self._on(self._open(patient=False), query)
        except _LostError as lost:
            raise lost.told from lost.__cause__

    def _on(self, connection: Connection, query: Query[T]) -> T:
        lost = False
        try:
            return query(connection)
        except self._database.error as error:
            told = self._database.explain(error)
            lost = self._database.fate(connection, error) == "connection"
            raise (_LostError(told) if lost else told) from error
        finally:
            if not lost and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
            else:
                connection.close()

    def _run_patiently(self, query: Query[T]) -> T:
        with closing(self._open(patient=True)) as connection:
            try:
                return query(connection)
            except self._database.error as error:
                raise self._database.explain(error) from error

    def _open(self, *, patient: bool) -> Connection:
        try:
            connection = self._database.open_reader(patient=patient)
        except self._database.error as error:
            raise self._database.explain(error) from error
        if connection is None:
            raise NotReadyError
        return connection
