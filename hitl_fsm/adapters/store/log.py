"""The audit chain's tail: read the head, seal, write, move the head; all inside the caller's transaction (law 10)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.audit.chain import GENESIS, seal_encoded

LOG = "default"


def append(connection: sqlite3.Connection, records: Iterable[tuple[str, bytes]]) -> None:
    """Chain records, each as its run's id ("" for none) and its JSON."""
    first = seq = -1
    leaf = GENESIS
    for run_id, encoded in records:
        if seq < 0:
            first, leaf = read_head(connection)
            seq = first
        seq += 1
        body, leaf = seal_encoded(encoded, seq, leaf)
        connection.execute(sql.RECORD_INSERT, (seq, run_id, body, bytes.fromhex(leaf)))
    if seq > first:
        statement = sql.HEAD_UPDATE if first else sql.HEAD_INSERT
        connection.execute(statement, (seq, bytes.fromhex(leaf), LOG))


def read_head(connection: sqlite3.Connection) -> tuple[int, str]:
    """The last record's number and leaf (hex); (0, GENESIS) of an empty log."""
    row = connection.execute(sql.HEAD, (LOG,)).fetchone()
    return (row[0], row[1].hex()) if row else (0, GENESIS)
