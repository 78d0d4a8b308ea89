"""Who writes: it takes the waiting jobs, runs them in one transaction, and hands each its own outcome.

Committing together is what makes a commit that waits for the disk cheap under load: one flush for all that wait. Three
ways lead there:

- a caller that may block and is alone writes in its own thread;
- where a statement takes microseconds, the event loop runs the statements of all jobs that came in one round, and the
  thread only commits: a thread that runs them itself gives the interpreter away at each statement, and waits for a busy
  loop to give it back (measured: under a quarter of the throughput);
- else, and whenever somebody else holds the database, the thread does it all, patiently.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

from hitl_fsm.adapters.store.batch import CommitUnansweredError, Job, Open, Outcome, begin, commit, to_sign, transact
from hitl_fsm.adapters.store.database import Connection, Database
from hitl_fsm.adapters.store.ledger import Ledger
from hitl_fsm.adapters.store.uninterrupted import uninterrupted
from hitl_fsm.errors import HitlError, StoreBusy, StoreError
from hitl_fsm.ports import Landed, Watcher

QUEUE_LIMIT = 10_000
"""Jobs that may wait; the next one is refused."""

BATCH_LIMIT = 64
"""Jobs of one transaction: bounds how long the lock is held."""

AGAIN_S = 5.0
"""How long a transaction that met a conflict, or lost its connection, is tried again."""

CLOSE_WAIT_S = 15.0
"""How long `stop` waits for the jobs that are under way."""

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.25


class _Waiting(NamedTuple):
    job: Job
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    context: contextvars.Context


class _Batch(NamedTuple):
    """Jobs for the thread: to be committed, where their statements are done (`opened`), or to be done whole."""

    waiting: list[_Waiting]
    opened: Open | None
    hold: ExitStack


def never() -> bool:
    """The thread of an event loop that others share must not wait for a disk."""
    return False


class Writer:
    """Owns the writing connection, opened when first needed.

    `may_block` says whether the calling thread may wait for the disk itself: then a write that is alone is done there,
    since handing it to the thread and back costs more than a small commit.
    """

    def __init__(self, database: Database, ledger: Ledger, may_block: Callable[[], bool] = never) -> None:
        self._database = database
        self._ledger = ledger
        self._may_block = may_block
        self._waiting: list[_Waiting] = []  # guarded by _start, like the three after it
        self._flying = False  # a batch is under way; one at a time
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._start = threading.Lock()
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._turn = threading.Lock()  # held by whoever uses the connection
        self._connection: Connection | None = None
        self.watcher: Watcher | None = None

    async def submit(self, job: Job) -> Any:
        """Run a job inside a writing transaction and return its value once that is on disk.

        A waiter that is cancelled meanwhile only stops waiting: what it asked for may still be written.
        """
        if len(self._waiting) >= QUEUE_LIMIT:
            message = f"{QUEUE_LIMIT} writes are waiting for {self._database.shown}"
            raise StoreBusy(message, help="slow down, or look why the disk is slow")
        if not self._waiting and self._may_block() and (outcome := self._written_here(job)) is not None:
            if outcome.error is not None:
                raise outcome.error
            self._tell(outcome)
            return outcome.value
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        with self._start:
            if self._stopped:
                raise self._closed()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hitl-fsm-writer", daemon=True)
                self._thread.start()
            self._waiting.append(_Waiting(job, done, loop, contextvars.copy_context()))
        if self._database.reading == "here":
            loop.call_soon(self._begin_here)
        else:
            self._hand_over()
        return await done

    def _written_here(self, job: Job) -> Outcome | None:
        """None when somebody else is writing."""
        with uninterrupted():
            if not self._turn.acquire(blocking=False):
                return None
            try:
                if self._stopped:
                    raise self._closed()
                return self._write([job])[0]
            finally:
                self._turn.release()

    def _next(self) -> list[_Waiting]:
        """The jobs of the next batch, in order of their runs; none while another one is under way."""
        with self._start:
            if self._flying or not self._waiting:
                return []
            self._flying = True
            batch, self._waiting = self._waiting[:BATCH_LIMIT], self._waiting[BATCH_LIMIT:]
        batch.sort(key=_run_id)
        return batch

    # -- in an event loop

    def _begin_here(self) -> None:
        """Run the statements of what came in this round, and have the thread commit them."""
        with uninterrupted():
            batch = self._next()
            if not batch:
                return
            opened, hold = None, ExitStack()
            try:
                opened = self._opened(batch, hold)
            finally:
                self._batches.put(_Batch(batch, opened, hold))

    def _opened(self, batch: list[_Waiting], hold: ExitStack) -> Open | None:
        """None where that would wait for somebody, or went wrong: then the thread does it, and says what is wrong."""
        if self._connection is None or not self._turn.acquire(blocking=False):
            return None
        hold.callback(self._turn.release)
        try:
            hold.enter_context(self._database.hold(patient=False))
            return begin(self._database, self._connection, self._ledger, [one.job for one in batch], patient=False)
        except Exception:  # noqa: BLE001 - not swallowed: the thread meets it again, and tells who waits
            hold.close()
            return None
        except BaseException:
            hold.close()
            raise

    def _hand_over(self) -> None:
        """Have the thread do it all."""
        if batch := self._next():
            self._batches.put(_Batch(batch, None, ExitStack()))

    def _closed(self) -> StoreError:
        message = f"the store {self._database.shown} is closed"
        return StoreError(message, help="open it again")

    def stop(self) -> None:
        """Finish what waits, close the connection, end the thread. Repeatable."""
        with self._start:
            self._stopped = True
            thread = self._thread
            if thread is not None:
                self._batches.put(None)
        if thread is None:
            with self._turn:
                self._sign_off()
                self._close()
        elif thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S)

    def scrub(self) -> bool:
        """See `Database.scrub`; nothing is written meanwhile."""
        with self._turn:
            if self._stopped:
                raise self._closed()
            try:
                with self._database.hold():
                    return self._database.scrub(self._open())
            except self._database.error as error:
                raise self._database.explain(error) from error

    # -- in the thread

    def _run(self) -> None:
        stopping = False
        while not (stopping and self._is_idle()):
            batch = self._batches.get()
            if batch is None:
                stopping = True
                self._hand_over()
            else:
                self._land(batch, stopping=stopping)
            del batch  # a job kept here while waiting would keep its store alive
        with self._turn:
            self._sign_off()
            self._close()

    def _is_idle(self) -> bool:
        with self._start:
            return not self._flying and not self._waiting

    def _land(self, batch: _Batch, *, stopping: bool) -> None:
        """Put a batch on disk and tell who waits; then the next one may begin."""
        waiting, opened, hold = batch
        with hold:
            outcomes = None if opened is None else self._committed(opened, [one.job for one in waiting])
        if outcomes is None:
            with self._turn:
                outcomes = self._write([one.job for one in waiting])
        with self._start:
            self._flying = False
            loops = {one.loop for one in self._waiting}
        for one, outcome in zip(waiting, outcomes, strict=True):
            one.context.run(self._tell, outcome)
        _deliver(waiting, outcomes)
        if stopping or self._database.reading != "here":
            self._hand_over()
            return
        for loop in loops:  # each of them: one that stopped meanwhile must not hold up the others
            with suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(self._begin_here)

    def _tell(self, outcome: Outcome) -> None:
        """Tell the watcher of what was committed."""
        if self.watcher is not None and outcome.records and outcome.error is None:
            numbered = enumerate(outcome.records, outcome.first)
            self.watcher([Landed(seq, record.event, record.line) for seq, record in numbered])

    def _committed(self, opened: Open, jobs: list[Job]) -> list[Outcome] | None:
        """None: there is room for an outcome now, so that all of it is to be done once more."""
        try:
            return commit(self._database, opened)
        except Exception as error:  # noqa: BLE001 - as in _write
            if self._has_room(error, jobs):
                return None
            return [Outcome(None, self._database.explain(error))] * len(opened.outcomes)

    # -- one batch

    def _write(self, jobs: list[Job]) -> list[Outcome]:
        """Never raises: whatever went wrong is each job's outcome."""
        try:
            return self._persist(jobs)
        except Exception as error:  # noqa: BLE001 - not swallowed: the waiters get it; the thread must go on
            return [Outcome(None, self._database.explain(error))] * len(jobs)

    def _persist(self, jobs: list[Job]) -> list[Outcome]:
        """Tries again after a conflict or a lost connection, for AGAIN_S: what was not committed did not happen."""
        deadline: float | None = None
        pause = _FIRST_PAUSE_S
        unanswered: CommitUnansweredError | None = None
        while True:
            try:
                with self._database.hold():
                    connection = self._open()
                    if unanswered is not None:
                        if self._landed(connection, unanswered):
                            return unanswered.outcomes
                        unanswered = None
                    return transact(self._database, connection, self._ledger, jobs)
            except CommitUnansweredError as error:
                unanswered = error
                self._drop()
            except Exception as error:
                if self._has_room(error, jobs):
                    continue
                fate = self._fate(error, reconnecting=deadline is not None)
                if fate == "connection":
                    self._drop()
                late = deadline is not None and time.monotonic() > deadline
                if late or fate not in {"again", "connection"}:
                    if unanswered is not None:
                        raise self._unknown() from error
                    raise
            deadline = deadline or time.monotonic() + AGAIN_S
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _has_room(self, error: Exception, jobs: list[Job]) -> bool:
        """Whether room was made for an outcome among these, which met a full disk."""
        return any(job.room == "ends" for job in jobs) and self._database.give_room(error)

    def _landed(self, connection: Connection, unanswered: CommitUnansweredError) -> bool:
        landed = self._database.landed(connection, unanswered.transaction, unanswered.head)
        if landed is None:
            raise self._unknown()
        return landed

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.open_writer()
        return self._connection

    def _fate(self, error: Exception, *, reconnecting: bool) -> str:
        if self._connection is not None:
            return self._database.fate(self._connection, error)
        # Opening failed: while its server restarts, a database that was just lost may be back in a moment.
        return "connection" if reconnecting and isinstance(error, StoreError) else "transaction"

    def _unknown(self) -> StoreError:
        message = f"the connection to {self._database.shown} was lost in a commit: whether it was written is not known"
        return StoreError(message, help="read the run again before anything else; it tells what is written")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is broken already; there is nothing to learn from how
                connection.close()

    def _sign_off(self) -> None:
        """Sign the last lines. Where that fails they stay as they are, and are signed with the next ones."""
        if self._connection is not None and self._ledger.is_behind:
            self._write([to_sign(self._ledger)])

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with self._database.hold():  # the last connection to a SQLite file writes the WAL back
                    connection.close()
        except Exception as error:
            # What was committed stays committed; the next opening reads it.
            if not isinstance(self._database.explain(error), HitlError):
                raise
        finally:
            self._database.close()


def _run_id(waiting: _Waiting) -> str:
    return waiting.job.run_id


def _deliver(batch: list[_Waiting], outcomes: list[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        try:
            waiting.loop.call_soon_threadsafe(_settle, waiting.done, outcome)
        except RuntimeError:  # that event loop is closed: nobody waits any more
            continue


def _settle(done: asyncio.Future[Any], outcome: Outcome) -> None:
    if done.done():  # cancelled meanwhile
        return
    if outcome.error is None:
        done.set_result(outcome.value)
    else:
        done.set_exception(outcome.error)
