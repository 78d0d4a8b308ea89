"""The audit chain's tail: lock the head, seal, write, move the head; all inside the caller's transaction (law 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.audit.chain import GENESIS, sealed
from hitl_fsm.errors import Tampered

LOG = "default"

_COLUMNS = 4
_ROWS = 64  # of one INSERT; SQLite takes 32,766 parameters at least


class Chained(NamedTuple):
    """What was added to the log: where it ended before, where it ends now (number and leaf), and the leaves."""

    before: tuple[int, bytes]
    head: tuple[int, bytes]
    leaves: list[bytes]


def append(connection: Connection, records: Sequence[tuple[str, bytes]]) -> Chained:
    """Chain records, each as its run's id ("" for none) and its JSON. The head stays locked, also without records."""
    first, found = lock_head(connection)
    leaf = bytes.fromhex(found)
    before = first, leaf
    values: list[object] = []
    leaves: list[bytes] = []
    for seq, (run_id, encoded) in enumerate(records, first + 1):
        body, leaf = sealed(encoded, seq, leaf)
        leaves.append(leaf)
        values += (seq, run_id, body, leaf)
    for start in range(0, len(values), _COLUMNS * _ROWS):
        rows = values[start : start + _COLUMNS * _ROWS]
        connection.execute(sql.RECORD_INSERT + sql.RECORD_MORE * (len(rows) // _COLUMNS - 1), rows)
    if not leaves:
        return Chained(before, before, leaves)
    head = first + len(records), leaves[-1]
    connection.execute(sql.HEAD_UPDATE, (*head, LOG))
    return Chained(before, head, leaves)


def read_head(connection: Connection) -> tuple[int, str]:
    """The last record's number and leaf (hex); (0, GENESIS) of an empty log."""
    row = connection.execute(sql.HEAD, (LOG,)).fetchone()
    return _head(row[0], row[1]) if row else (0, GENESIS)


def lock_head(connection: Connection) -> tuple[int, str]:
    """Number and leaf (hex) of the last record; until the transaction ends nobody else writes one."""
    row = connection.execute(sql.HEAD_LOCKED, (LOG,)).fetchone()
    if row is None:
        connection.execute(sql.HEAD_INSERT, (0, bytes.fromhex(GENESIS), LOG))
        row = connection.execute(sql.HEAD_LOCKED, (LOG,)).fetchone()
    return _head(row[0], row[1])


def _head(seq: Any, leaf: Any) -> tuple[int, str]:
    """SQLite keeps in a cell whatever somebody puts there."""
    if type(seq) is not int or type(leaf) is not bytes:
        message = "the head of the log is not a number and a hash"
        raise Tampered(message, help="nothing was written; `hitl-fsm audit verify` tells more")
    return seq, leaf.hex()
