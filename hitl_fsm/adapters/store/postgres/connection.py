"""A psycopg connection in the words of `database.Connection`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from hitl_fsm.adapters.store.database import Cursor
from hitl_fsm.adapters.store.statements import LOCK, LOCK_FREE

_CACHED = 512  # statements; the longest list is that of INSERTs with 1 to 64 rows
_OPEN = frozenset({TransactionStatus.ACTIVE, TransactionStatus.INTRANS, TransactionStatus.INERROR})


class PostgresConnection:
    """`now` is the server's clock when the transaction began (ms), 0 outside of one."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw
        self.now = 0

    @property
    def in_transaction(self) -> bool:
        """False of a lost connection too: it has nothing left to undo."""
        return self.raw.info.transaction_status in _OPEN

    @property
    def lost(self) -> bool:
        return self.raw.closed

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """One statement of `statements`."""
        if parameters:
            return self.raw.execute(translated(sql), parameters, binary=True)
        cursor = self.raw.execute(translated(sql), prepare=False)
        # PostgreSQL answers the COMMIT of a transaction that has failed with a ROLLBACK, and calls that a success.
        if sql == "COMMIT" and cursor.statusmessage != sql:
            message = f"COMMIT was answered with {cursor.statusmessage}"
            raise psycopg.InternalError(message)
        return cursor

    def script(self, sql: str) -> list[Any]:
        """Several statements in one message, without parameters; the rows of the last."""
        cursor = self.raw.execute(sql.encode())
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Repeatable."""
        self.raw.close()


@lru_cache(_CACHED)
def translated(sql: str) -> bytes:
    """`?` as `$1`, `$2`, …, and the locks that SQLite does not need."""
    first, *rest = sql.replace(LOCK_FREE, " FOR UPDATE SKIP LOCKED").replace(LOCK, " FOR UPDATE").split("?")
    return (first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))).encode()
