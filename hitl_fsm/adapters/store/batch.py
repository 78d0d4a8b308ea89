"""One writing transaction of several jobs. Each succeeds or fails alone, in a savepoint of its own.

The audit records of the jobs that succeeded are chained at the end, together: the log's head is locked last and
shortest, and moved once. That is the same transaction still (law 10): if the records cannot be written, no job was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hitl_fsm.adapters.store import log
from hitl_fsm.adapters.store.database import Connection, Database


class Written(NamedTuple):
    """What a job returns: its value, and its records, each as its run's id ("" for none) and its JSON."""

    value: Any
    records: Sequence[tuple[str, bytes]] = ()


class Job(NamedTuple):
    """`work` is a function of the connection alone: it may be run again after a conflict.

    Jobs of one transaction are done in order of `run_id` ("" for none), so that two processes lock rows in one order;
    those of one run in the order in which they came.
    """

    run_id: str
    work: Callable[[Connection], Written]


class Outcome(NamedTuple):
    """Of one job."""

    value: Any
    error: Exception | None
    records: Sequence[tuple[str, bytes]] = ()


class CommitUnansweredError(Exception):
    """The connection was lost in COMMIT: whether the transaction landed is to be asked."""

    def __init__(self, transaction: object, head: tuple[int, bytes] | None, outcomes: list[Outcome]) -> None:
        super().__init__("the connection was lost in COMMIT")
        self.transaction = transaction
        self.head = head
        self.outcomes = outcomes


class Open(NamedTuple):
    """A transaction whose jobs are done and whose COMMIT is to come; None in `connection`: nothing is left to do."""

    connection: Connection | None
    transaction: object
    head: tuple[int, bytes] | None
    outcomes: list[Outcome]


def transact(database: Database, connection: Connection, jobs: Sequence[Job]) -> list[Outcome]:
    """All or nothing on disk: committed on the way out, or rolled back and an exception raised, or every job failed."""
    return commit(database, begin(database, connection, jobs, patient=True))


def begin(database: Database, connection: Connection, jobs: Sequence[Job], *, patient: bool) -> Open:
    """Do the jobs. On an exception the transaction is rolled back. `patient`: see `Database.begin`."""
    _undo(connection)  # what an interrupt left open, between two statements of an earlier one
    try:
        transaction = database.begin(connection, patient=patient)
        if len(jobs) == 1:
            outcomes = [_alone(database, connection, jobs[0])]
        else:
            outcomes = [_one(database, connection, job) for job in jobs]
        head = log.append(connection, [record for outcome in outcomes for record in outcome.records])
        if all(outcome.error is not None for outcome in outcomes):
            connection.execute("ROLLBACK")
            return Open(None, transaction, head, outcomes)
    except BaseException:
        _undo(connection)
        raise
    return Open(connection, transaction, head, outcomes)


def commit(database: Database, opened: Open) -> list[Outcome]:
    """Put it on disk, or undo it and raise."""
    connection = opened.connection
    if connection is None:
        return opened.outcomes
    try:
        connection.execute("COMMIT")
    except BaseException as error:
        if isinstance(error, Exception) and database.fate(connection, error) == "connection":
            raise CommitUnansweredError(opened.transaction, opened.head, opened.outcomes) from error
        _undo(connection)
        raise
    return opened.outcomes


def _alone(database: Database, connection: Connection, job: Job) -> Outcome:
    """Nobody else is in this transaction: it needs no savepoint."""
    try:
        written = job.work(connection)
    except Exception as error:
        if database.fate(connection, error) != "job":
            raise
        return Outcome(None, database.explain(error))
    return Outcome(written.value, None, written.records)


def _one(database: Database, connection: Connection, job: Job) -> Outcome:
    connection.execute("SAVEPOINT job")
    outcome = _alone(database, connection, job)
    if outcome.error is not None:
        connection.execute("ROLLBACK TO SAVEPOINT job")
    connection.execute("RELEASE SAVEPOINT job")
    return outcome


def _undo(connection: Connection) -> None:
    # SQLite has rolled back by itself after some errors (a full disk, say); with a connection its transaction is gone.
    if connection.in_transaction:
        connection.execute("ROLLBACK")
