"""One writing transaction of several jobs. Each succeeds or fails alone, in a savepoint of its own.

The audit records of the jobs that succeeded are chained at the end, together: the log's head is locked last and
shortest, and moved once. That is the same transaction still (law 10): if the records cannot be written, no job was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from hitl_fsm.adapters.store.database import Connection, Database
from hitl_fsm.adapters.store.ledger import Ledger
from hitl_fsm.adapters.store.recording import Encoded
from hitl_fsm.model.actor import ENGINE, Actor

Room = Literal["", "begins", "ends"]


class Written(NamedTuple):
    """What a job returns: its value, and its records."""

    value: Any
    records: Sequence[Encoded] = ()


class Job(NamedTuple):
    """`work` is a function of the connection alone: it may be run again after a conflict.

    Jobs of one transaction are done in order of `run_id` ("" for none), so that two processes lock rows in one order;
    those of one run in the order in which they came. `room`: one that `begins` something needs the room that is kept
    for outcomes, and one that `ends` something may use it.
    """

    run_id: str
    work: Callable[[Connection], Written]
    room: Room = ""


class Outcome(NamedTuple):
    """Of one job; `first` is the number of the first of its records."""

    value: Any
    error: Exception | None
    records: Sequence[Encoded] = ()
    first: int = 0


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


def to_sign(ledger: Ledger, by: Actor = ENGINE) -> Job:
    """Ends its transaction with a signed checkpoint of all lines."""

    def work(_: Connection) -> Written:
        ledger.ask(by)
        return Written(None)

    return Job("", work)


def transact(database: Database, connection: Connection, ledger: Ledger, jobs: Sequence[Job]) -> list[Outcome]:
    """All or nothing on disk: committed on the way out, or rolled back and an exception raised, or every job failed."""
    return commit(database, begin(database, connection, ledger, jobs, patient=True))


def begin(database: Database, connection: Connection, ledger: Ledger, jobs: Sequence[Job], *, patient: bool) -> Open:
    """Do the jobs. On an exception the transaction is rolled back. `patient`: see `Database.begin`."""
    _undo(connection)  # what an interrupt left open, between two statements of an earlier one
    try:
        transaction = database.begin(connection, patient=patient)
        if len(jobs) == 1:
            outcomes = [_alone(database, connection, jobs[0])]
        else:
            outcomes = [_one(database, connection, job) for job in jobs]
        records = [record for outcome in outcomes for record in outcome.records]
        landed = ledger.append(connection, records)
        head = None if landed is None else landed.head
        if landed is not None:
            outcomes = _numbered(outcomes, landed.first, landed.own)
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


def _numbered(outcomes: list[Outcome], first: int, own: Sequence[Encoded]) -> list[Outcome]:
    """Each with the number of its first record; the last one that has any has the ledger's `own` ones, too."""
    numbered: list[Outcome] = []
    for outcome in outcomes:
        numbered.append(Outcome(outcome.value, outcome.error, outcome.records, first))
        first += len(outcome.records)
    if own:
        last = max((at for at, one in enumerate(outcomes) if one.records), default=len(outcomes) - 1)
        numbered[last] = numbered[last]._replace(records=(*numbered[last].records, *own))
    return numbered


def _alone(database: Database, connection: Connection, job: Job) -> Outcome:
    """Nobody else is in this transaction: it needs no savepoint."""
    try:
        if job.room == "begins":
            database.require_room()
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
