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
    job: _Job
    value: Any
    error: Exception | None


class Writer:
    """Owns the writing connection. `open_connection` is called in the thread, with `lock` held, when first needed."""

    def __init__(self, where: str, open_connection: Callable[[], sqlite3.Connection], lock: FileLock | NoLock) -> None:
        self._where = where
        self._open = open_connection
        self._lock = lock
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
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
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        with self._start:
            if self._stopped:
                message = f"the store {self._where} is closed"
                raise StoreError(message, help="open it again")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hitl-fsm-writer", daemon=True)
                self._thread.start()
            self._queue.put(_Job(work, done, loop))
        return await done

    def stop(self) -> None:
        """Finish what waits, close the connection, end the thread. Repeatable."""
        with self._start:
            self._stopped = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S)

    def _run(self) -> None:
        ending = False
        while not ending:
            batch, ending = self._take()
            if batch:
                _deliver(self._write(batch))
            batch.clear()  # a job kept here while waiting would keep its store alive
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

    def _write(self, batch: list[_Job]) -> list[_Outcome]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._open()
                return self._transaction(self._connection, batch)
        except HitlError as error:
            return _all_failed(batch, error)
        except sqlite3.Error as error:
            return _all_failed(batch, explain(error, self._where))
        except Exception as error:  # noqa: BLE001 - not swallowed: the waiters get it; this thread must go on
            return _all_failed(batch, error)

    def _transaction(self, connection: sqlite3.Connection, batch: list[_Job]) -> list[_Outcome]:
        """All or nothing on disk: on the way out the transaction is committed, or rolled back and every job failed."""
        alone = len(batch) == 1
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._one(connection, job, alone=alone) for job in batch]
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

    def _one(self, connection: sqlite3.Connection, job: _Job, *, alone: bool) -> _Outcome:
        if not alone:
            connection.execute("SAVEPOINT job")
        try:
            value = job.work(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise  # the whole transaction is gone, and the other jobs with it
            if not alone:
                connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
            known = explain(error, self._where) if isinstance(error, sqlite3.Error) else error
            return _Outcome(job, None, known)
        if not alone:
            connection.execute("RELEASE job")
        return _Outcome(job, value, None)

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


def _all_failed(batch: list[_Job], error: Exception) -> list[_Outcome]:
    return [_Outcome(job, None, error) for job in batch]


def _deliver(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        try:
            outcome.job.loop.call_soon_threadsafe(_settle, outcome)
        except RuntimeError:  # that event loop is closed: nobody waits any more
            continue


def _settle(outcome: _Outcome) -> None:
    done = outcome.job.done
    if done.done():  # cancelled meanwhile
        return
    if outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)
