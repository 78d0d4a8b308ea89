"""What can go wrong, and where: inside SQLite's own calls, on the way to the store, and in a whole process.

The promise that is tested is that of `synchronous=full`: what a commit acknowledged survives everything. A commit that
ended in an error may be there or not; a failed fsync, a full disk and a lost connection differ only in the moment.
With `normal` a power cut may undo the last commits, whole (`Weather.normal`); then what was acknowledged, or acted on,
since is not promised to be known, and only what the store itself says is checked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.url import parse

Where = Literal["begin", "inside", "commit_lost", "commit_unknown"]

_CODES = {
    "busy": (sqlite3.SQLITE_BUSY, "database is locked"),
    "full": (sqlite3.SQLITE_FULL, "database or disk is full"),
    "io": (sqlite3.SQLITE_IOERR, "disk I/O error"),
    "fsync": (sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"),
}
LAST_STATEMENT = 14
"""A fault inside a transaction strikes at one of so many statements, or not at all when there are fewer."""


@dataclass
class Strike:
    """One fault of the next transaction."""

    where: Where
    code: str
    statement: int = 0


class FaultyConnection(sqlite3.Connection):
    """SQLite, with a fault where it was told to have one."""

    strike: Strike | None = None
    statements = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
        strike = self.strike
        if strike is None:
            return super().execute(sql, *values)
        if sql.startswith("BEGIN"):
            self.statements = 0
            if strike.where == "begin":
                self._fail(strike)
        elif sql == "COMMIT":
            self.strike = None
            if strike.where == "commit_unknown":
                super().execute(sql)
                self._fail(strike)
            if strike.where == "commit_lost":
                self._fail(strike)
        elif strike.where == "inside" and sql != "ROLLBACK":
            self.statements += 1
            if self.statements > strike.statement:
                self._fail(strike)
        return super().execute(sql, *values)

    def _fail(self, strike: Strike) -> None:
        self.strike = None
        code, text = _CODES[strike.code]
        error = sqlite3.OperationalError(text)
        error.sqlite_errorcode = code
        raise error


class SimDatabase(SqliteDatabase):
    """SQLite in memory with the product's schema, on such a connection, by the world's clock."""

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__(parse("sqlite:///:memory:"))
        self._now = now
        self.connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, factory=FaultyConnection
        )
        opening._create(self.connection)

    def open_writer(self) -> Connection:
        return self.connection

    def clock_ms(self, connection: Connection) -> int:
        return self._now()


@dataclass
class Weather:
    """How likely each fault is in one history. Rates are for one store call, one tool call, one model call."""

    store: float
    crash: float
    freeze: float
    tool: float
    model: float
    clocks: bool
    cuts: int
    normal: bool
    known_dead: bool

    @classmethod
    def of(cls, rng: Random) -> Weather:
        """Some histories are calm, some have one kind of trouble, some all of it."""

        def rate(*choices: float) -> float:
            return rng.choice(choices)

        return cls(
            store=rate(0, 0, 0.01, 0.05),
            crash=rate(0, 0.005, 0.02),
            freeze=rate(0, 0, 0.01),
            tool=rate(0, 0.1, 0.4),
            model=rate(0, 0.1, 0.3),
            clocks=rng.random() < 0.3,
            cuts=rng.choice((0, 0, 0, 1, 2)),
            normal=rng.random() < 0.1,
            known_dead=rng.random() < 0.7,
        )

    def strike(self, rng: Random) -> Strike | None:
        if rng.random() >= self.store:
            return None
        where: Where = rng.choice(("begin", "inside", "inside", "commit_lost", "commit_unknown"))
        code = "busy" if where == "begin" else rng.choice(("full", "io", "fsync"))
        return Strike(where, code, rng.randrange(LAST_STATEMENT))


CALM = Weather(0, 0, 0, 0, 0, clocks=False, cuts=0, normal=False, known_dead=True)
"""After the faults: everything works, and everybody tells the truth."""
