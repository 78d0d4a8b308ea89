"""What a database must offer so that `SqlStore` can stand on it: SQLite's is `sqlite/`, another's a folder beside it.

Everything else is written once, over these Protocols: `store` (the port), `writer` (the queue, the thread), `batch`
(one transaction of several jobs), `readers` (connections that read), and the SQL: `commit`, `approvals`, `log`,
`timers`, `retention`, `reading`, `statements`.

Their SQL is portable, and a dialect translates two things in `execute`, nothing more:

- `?` is a parameter. No statement holds a `?` or a `%` that is not one.
- `statements.LOCK` and `statements.LOCK_FREE`, comments to SQLite, stand where `FOR UPDATE` and
  `FOR UPDATE SKIP LOCKED` belong if several transactions write at the same time.

`COMMIT`, `ROLLBACK`, `SAVEPOINT job`, `ROLLBACK TO SAVEPOINT job` and `RELEASE SAVEPOINT job` are sent as text: the
driver must be in autocommit mode. Rows are tuples, blobs are `bytes`, times are integers (ms since the epoch).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

from hitl_fsm.model.owner import Owner


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """`sqlite3.Connection` is one as it is."""

    @property
    def in_transaction(self) -> bool:
        """Between BEGIN and its end, also when an error has doomed it."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor: ...

    def close(self) -> None: ...


Fate = Literal["job", "transaction", "again", "connection"]
"""How far an error reaches: `job`, its savepoint can be rolled back to and the other jobs go on; `transaction`, all of
it is lost; `again`, so too, by a conflict with another transaction (deadlock, serialisation), and it may work the next
time; `connection`, the connection is gone, and what was not committed with it."""

Reading = Literal["here", "threads", "writer"]
"""Where a short read, and the statements of a write, are made: `here`, in the calling thread, since each takes
microseconds; `threads`, in a thread of the store's, unless the caller may block; `writer`, on the one connection that
there is."""


class Facts(NamedTuple):
    """What the database says of itself; see `StoreInfo` and `StoreHealth`."""

    synchronous: str
    bytes: int
    free_bytes: int | None
    reclaimable: int


class Database(Protocol):
    """One database: how to connect, how transactions begin and fail. No method is called by two threads at once,
    but `open_reader`, `open_any`, `schema`, `facts`, `owner`, `clock_ms`, `fate` and `explain`, which readers use too.
    """

    @property
    def url(self) -> str:
        """As it was given; `shown` is without its password."""
        ...

    @property
    def shown(self) -> str:
        """Names the database in an error's text."""
        ...

    @property
    def reading(self) -> Reading: ...

    @property
    def error(self) -> tuple[type[Exception], ...]:
        """The driver's errors."""
        ...

    def check_place(self) -> None:
        """StoreError when another database stands where this one was opened: a file can be replaced under its users.

        Asked before an open connection is used again, and by `begin`.
        """
        ...

    def hold(self, *, patient: bool = True) -> AbstractContextManager[None]:
        """Around each writing transaction, and around opening and closing the writing connection.

        Keeps other processes out where the database does not see to that itself. StoreBusy after a bounded wait, at
        once unless `patient`. It may be left in another thread than it was entered in.
        """
        ...

    def open_writer(self) -> Connection:
        """A writing connection to a database of the current schema: made, or migrated, first if need be.

        Raises SchemaTooNew, or a StoreError that tells why there is none.
        """
        ...

    def open_reader(self, *, patient: bool) -> Connection | None:
        """A connection that cannot write; None while there is no database of the current schema.

        `patient`: it may wait (bounded) for who has locked the database; otherwise that is StoreBusy at once.
        """
        ...

    def open_any(self) -> Connection | None:
        """A connection that cannot write, to a database of whatever schema; None when there is none at all."""
        ...

    def begin(self, connection: Connection, *, patient: bool = True) -> object:
        """Begin a writing transaction. Returns what `landed` needs to recognise it by, None where that is not asked.

        Unless `patient`, it does not wait for programs that have locked the database: that is an error at once.
        """
        ...

    def landed(self, connection: Connection, transaction: object, head: tuple[int, bytes] | None) -> bool | None:
        """Whether a transaction whose COMMIT was not answered is in the database; None when that cannot be told.

        Asked on a new connection, only after `fate` said `connection` of an error in COMMIT. It must tell this very
        transaction from an equal one of another worker: rows alone would not do, nor would the transaction's number
        where a crashed server gives it out again. `head`: number and leaf of the last record that it wrote, None
        without one; what writes no record can be done twice, or be believed done, without harm.
        """
        ...

    def fate(self, connection: Connection, error: Exception) -> Fate:
        """What `error`, raised by a job or by the driver, leaves of the transaction on `connection`."""
        ...

    def explain(self, error: Exception) -> Exception:
        """The StoreError that tells of a driver's error; any other error as it is."""
        ...

    def require_room(self) -> None:
        """NoHeadroom unless outcomes can still be written if the disk is full next. In a writing transaction."""
        ...

    def give_room(self, error: Exception) -> bool:
        """Whether `error` told of a full disk, and room was made for an outcome; then it is tried again."""
        ...

    def clock_ms(self, connection: Connection) -> int:
        """The database's clock, by which leases end."""
        ...

    def schema(self, connection: Connection) -> str | None:
        """The revision stamped on the database; None when it has none."""
        ...

    def facts(self, connection: Connection | None) -> Facts:
        """None: there is no database yet."""
        ...

    def owner(self, connection: Connection) -> Owner:
        """Whose the database is, and as whom this process uses it."""
        ...

    def scrub(self, connection: Connection) -> bool:
        """Write the database anew, outside a transaction, so that nothing of what was deleted is left in its files.

        False where that is the operator's to do, or where somebody still reads what was there before.
        """
        ...

    def close(self) -> None:
        """Give back what `hold` needs. No connection is open any more."""
        ...
