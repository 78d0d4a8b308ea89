"""The one thread that writes: it takes the waiting jobs, runs them in one transaction, and hands each its own outcome.

Committing together is what makes `synchronous=FULL` cheap under load: one flush of the disk for all that wait. Each job
still succeeds or fails alone, in a savepoint of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from hitl_fsm.adapters.store.lock import FileLock, NoLock
from hitl_fsm.adapters.store.problems import explain
from hitl_fsm.errors import HitlError, StoreBusy, StoreError

QUEUE_LIMIT = 10_000
"""Jobs that may wait; the next one is refused."""

BATCH_LIMIT = 64
"""Jobs of one transaction: bounds how long the lock is held."""

CLOSE_WAIT_S = 15.0
"""How long `stop` waits for the jobs that are under way."""

Work = Callable[[sqlite3.Connection], Any]


class _Job(NamedTuple):
    work: Work
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class _Outcome(NamedTuple):
    value: Any
    error: Exception | None


def never() -> bool:
    """The thread of an event loop that others share must not wait for a disk."""
    return False


class Writer:
    """Owns the writing connection. `open_connection` is called with `lock` held, when first needed.

    `may_block` says whether the calling thread may wait for the disk itself: then a write that is alone is done there,
    since handing it to the thread and back costs more than a small commit.
    """

    def __init__(
        self,
        where: str,
        open_connection: Callable[[], sqlite3.Connection],
        lock: FileLock | NoLock,
        may_block: Callable[[], bool] = never,
    ) -> None:
        self._where = where
        self._open = open_connection
        self._lock = lock
        self._may_block = may_block
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._turn = threading.Lock()  # held by whoever uses the connection
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._connection: sqlite3.Connection | None = None

    async def submit(self, work: Work) -> Any:
        """Run `work` inside a writing transaction and return its value once that is on disk.

        A waiter that is cancelled meanwhile only stops waiting: what it asked for may still be written.
        """
        if self._queue.qsize() >= QUEUE_LIMIT:
            message = f"{QUEUE_LIMIT} writes are waiting for {self._where}"
            raise StoreBusy(message, help="slow down, or look why the disk is slow")
        if self._may_block() and self._queue.empty() and self._turn.acquire(blocking=False):
            try:
                if self._stopped:
                    raise self._closed()
                (outcome,) = self._write([work])
            finally:
                self._turn.release()
            if outcome.error is not None:
                raise outcome.error
            return outcome.value
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        with self._start:
            if self._stopped:
                raise self._closed()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hitl-fsm-writer", daemon=True)
                self._thread.start()
            self._queue.put(_Job(work, done, loop))
        return await done

    def _closed(self) -> StoreError:
        message = f"the store {self._where} is closed"
        return StoreError(message, help="open it again")

    def stop(self) -> None:
        """Finish what waits, close the connection, end the thread. Repeatable."""
        with self._start:
            self._stopped = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is None:
            with self._turn:
                self._close()
        elif thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S)

    def _run(self) -> None:
        ending = False
        while not ending:
            batch, ending = self._take()
            if batch:
                with self._turn:
                    outcomes = self._write([job.work for job in batch])
                _deliver(batch, outcomes)
            batch.clear()  # a job kept here while waiting would keep its store alive
        with self._turn:
            self._close()

    def _take(self) -> tuple[list[_Job], bool]:
        batch: list[_Job] = []
        try:
            job = self._queue.get()
            while job is not None:
                batch.append(job)
                if len(batch) == BATCH_LIMIT:
                    return batch, False
                job = self._queue.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _write(self, works: list[Work]) -> list[_Outcome]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._open()
                return self._transaction(self._connection, works)
        except HitlError as error:
            return [_Outcome(None, error)] * len(works)
        except sqlite3.Error as error:
            return [_Outcome(None, explain(error, self._where))] * len(works)
        except Exception as error:  # noqa: BLE001 - not swallowed: the waiters get it; the thread must go on
            return [_Outcome(None, error)] * len(works)

    def _transaction(self, connection: sqlite3.Connection, works: list[Work]) -> list[_Outcome]:
        """All or nothing on disk: on the way out the transaction is committed, or rolled back and every job failed."""
        alone = len(works) == 1
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._one(connection, work, alone=alone) for work in works]
            if alone and outcomes[0].error is not None:
                connection.execute("ROLLBACK")
            else:
                connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after some errors (a full disk, say); then there is nothing to undo.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes

    def _one(self, connection: sqlite3.Connection, work: Work, *, alone: bool) -> _Outcome:
        if not alone:
            connection.execute("SAVEPOINT job")
        try:
            value = work(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise  # the whole transaction is gone, and the other jobs with it
            if not alone:
                connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            return _Outcome(None, explain(error, self._where) if isinstance(error, sqlite3.Error) else error)
        if not alone:
            connection.execute("RELEASE job")
        return _Outcome(value, None)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with self._lock:  # the last connection to close writes the WAL back
                    connection.close()
        except (HitlError, sqlite3.Error):
            return  # the WAL stays and is read at the next opening; nothing is lost
        finally:
            self._lock.close()


def _deliver(batch: list[_Job], outcomes: list[_Outcome]) -> None:
    for job, outcome in zip(batch, outcomes, strict=True):
        try:
            job.loop.call_soon_threadsafe(_settle, job.done, outcome)
        except RuntimeError:  # that event loop is closed: nobody waits any more
            continue


def _settle(done: asyncio.Future[Any], outcome: _Outcome) -> None:
    if done.done():  # cancelled meanwhile
        return
    if outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)
