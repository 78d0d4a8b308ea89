"""The audit chain's tail: lock the head, seal, write, move the head; all inside the caller's transaction (law 10)."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.audit.chain import GENESIS, seal_encoded

LOG = "default"

_COLUMNS = 4
_ROWS = 64  # of one INSERT; SQLite takes 32,766 parameters at least


def append(connection: Connection, records: Sequence[tuple[str, bytes]]) -> tuple[int, bytes] | None:
    """Chain records, each as its run's id ("" for none) and its JSON. Returns the new head, None without records."""
    if not records:
        return None
    first, leaf = _lock_head(connection)
    values: list[object] = []
    for seq, (run_id, encoded) in enumerate(records, first + 1):
        body, leaf = seal_encoded(encoded, seq, leaf)
        values += (seq, run_id, body, bytes.fromhex(leaf))
    for start in range(0, len(values), _COLUMNS * _ROWS):
        rows = values[start : start + _COLUMNS * _ROWS]
        connection.execute(sql.RECORD_INSERT + sql.RECORD_MORE * (len(rows) // _COLUMNS - 1), rows)
    head = first + len(records), bytes.fromhex(leaf)
    connection.execute(sql.HEAD_UPDATE, (*head, LOG))
    return head


def read_head(connection: Connection) -> tuple[int, str]:
    """The last record's number and leaf (hex); (0, GENESIS) of an empty log."""
    row = connection.execute(sql.HEAD, (LOG,)).fetchone()
    return (row[0], row[1].hex()) if row else (0, GENESIS)


def _lock_head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(sql.HEAD_LOCKED, (LOG,)).fetchone()
    if row is None:
        connection.execute(sql.HEAD_INSERT, (0, bytes.fromhex(GENESIS), LOG))
        row = connection.execute(sql.HEAD_LOCKED, (LOG,)).fetchone()
    return row[0], row[1].hex()
