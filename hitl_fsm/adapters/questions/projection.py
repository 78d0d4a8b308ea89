"""The file of facts: where it is, that nobody else reads it, and how it follows the record, hash by hash."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hitl_fsm.adapters.questions.fold import Fold
from hitl_fsm.adapters.questions.fold_around import ALL
from hitl_fsm.adapters.questions.schema import DDL, PROJECTION
from hitl_fsm.adapters.store.sqlite.problems import explain
from hitl_fsm.audit.chain import GENESIS, head, leaf_of
from hitl_fsm.errors import StoreError
from hitl_fsm.ports import RecordLine

WAIT_S = 60.0
"""Seconds that one who asks waits for another who is reading the record on."""
FACTS_AT_HAND = 150_000
"""Runs, calls and questions that are kept in memory while the record is read."""
CACHE_KIB = 65_536
"""KiB of the facts' pages that SQLite keeps in memory."""

_PRIMARY = 0xFF
_AWAY = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM),
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
}


class Place(NamedTuple):
    """How far the facts follow: the last line's number and leaf, and the first one's leaf, which names the record.

    `bare`: the last line that had no body; `pruned`: up to where the record says that bodies were pruned.
    """

    seq: int
    leaf: str
    first: str
    bare: int
    pruned: int


class Projection:
    """Facts in a file (None: in memory). Used by one thread at a time."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.connection = _open(path)
        self._fold: Fold | None = None
        self._came_to = -1

    def place(self) -> Place:
        """How far the facts follow."""
        found = dict(self.connection.execute("SELECT key, value FROM meta"))
        return Place(
            found.get("seq", 0),
            found.get("leaf", GENESIS),
            found.get("first", ""),
            found.get("bare", 0),
            found.get("pruned", 0),
        )

    def take(self, place: Place, lines: Sequence[RecordLine]) -> tuple[Place, str]:
        """Lines in their order, from the one after `place` on, in one transaction; and what is wrong, if anything is.

        What follows on a line that does not fit is not taken up. Where somebody else was faster, nothing is.
        """
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            if self.place() != place:
                return self.place(), ""
            fold = self._fold_at(place.seq)
            fold.bare = place.bare
            wrong, seq, leaf, bare = "", place.seq, place.leaf, place.bare
            for line in lines:
                begin = head(seq + 1, leaf)
                wrong = _unlinked(line, seq, begin)
                if wrong:
                    break
                seq, leaf = line.seq, line.leaf
                if line.body:
                    fold.line(seq, _event(line.body, len(begin)), line.body, bytes.fromhex(leaf))
                else:
                    bare = fold.bare = seq
            first = place.first or (lines[0].leaf if seq else "")
            place = Place(seq, leaf, first, bare, max(place.pruned, fold.pruned_to))
            fold.flush()
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", place._asdict().items())
            connection.execute("COMMIT")
            self._came_to = place.seq
            if len(fold) > FACTS_AT_HAND:
                fold.forget()
            return place, wrong
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
                self._fold = None

    def empty(self) -> None:
        """Begin anew."""
        self.connection.close()
        if self.path is not None:
            _remove(self.path)
        self.connection = _open(self.path)
        self._fold = None

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def _fold_at(self, seq: int) -> Fold:
        """What is at hand is of use only where nobody else went on meanwhile."""
        if self._fold is None or self._came_to != seq:
            self._fold = Fold(self.connection, ALL)
        return self._fold


def _unlinked(line: RecordLine, seq: int, begin: bytes) -> str:
    """What keeps a line from following on line `seq`; one whose body was pruned is told by its leaf alone."""
    if line.seq != seq + 1:
        return f"line {seq + 1} should follow, and {line.seq} does: lines are missing or out of order"
    if not line.body:
        return ""
    if leaf_of(line.body) != line.leaf:
        return f"line {line.seq} does not have the hash that is stored beside it"
    return "" if line.body.startswith(begin) else f"line {line.seq} does not name the hash of the line before it"


def _event(body: bytes, begin: int) -> str:
    """The event of a line that is linked: it is the first of the record's own members."""
    if not body.startswith(b'"event":"', begin):
        return ""
    return body[begin + 9 : body.find(b'"', begin + 9)].decode("utf-8", "replace")


def _open(path: Path | None) -> sqlite3.Connection:
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if path is None or is_away(error):
            raise not_kept(error, path) from error
        _remove(path)  # damaged: they are made again
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        raise not_kept(error, path) from error


def is_away(error: sqlite3.Error) -> bool:
    """Whether the disk or another program is what is wrong: then the facts stay, which know what was read before."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _AWAY


def not_kept(error: sqlite3.Error, path: Path | None) -> StoreError:
    """For whoever asks."""
    return explain(error, f"the facts of the record{'' if path is None else f' at {path}'}")


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        _own(path)
    connection = sqlite3.connect(
        ":memory:" if path is None else path, timeout=WAIT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, PROJECTION):
            msg = "of another version"
            raise sqlite3.DatabaseError(msg)
        if version == 0:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in filter(str.strip, DDL.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {PROJECTION}")
            connection.execute("COMMIT")
        connection.execute("SELECT count(*) FROM meta").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _own(path: Path) -> None:
    """A file that only its owner reads, made before SQLite opens it, and no link to another place."""
    try:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        msg = f"the facts of the record cannot be kept at {path}: {error.strerror}"
        raise StoreError(msg) from error
    try:
        os.fchmod(made, 0o600)
    except OSError as error:
        msg = f"the facts of the record at {path} are somebody else's: {error.strerror}"
        raise StoreError(msg) from error
    finally:
        os.close(made)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).unlink()
