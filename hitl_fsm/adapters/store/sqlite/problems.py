"""From SQLite's errors to ours: what happened, to which file, and what to do next."""

from __future__ import annotations

import sqlite3

from hitl_fsm.errors import StoreBusy, StoreError

_PRIMARY = 0xFF

_KNOWN: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_READONLY: (
        "the database is read-only",
        "make the file and its directory writable; to look at it alone, copy it to where you may write",
    ),
    sqlite3.SQLITE_FULL: ("the disk, or the database's size limit, is full", "free some space and try again"),
    sqlite3.SQLITE_CANTOPEN: (
        "the database cannot be opened",
        "check that the path is a file, its directory exists, and both are readable and writable",
    ),
    sqlite3.SQLITE_NOTADB: ("the file is not a database", "name another file; nothing was changed in this one"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", "restore a backup; `sqlite3 FILE .recover` may read the rest"),
    sqlite3.SQLITE_IOERR: ("reading or writing the database failed", "check the disk and its free space"),
    sqlite3.SQLITE_PERM: ("access to the database was denied", "check the file's owner and permissions"),
    sqlite3.SQLITE_CONSTRAINT: ("the database refused a row", "this is a defect: please report it"),
    sqlite3.SQLITE_TOOBIG: ("a value is too big for the database", "store large values elsewhere"),
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def explain(error: Exception, where: str) -> StoreError:
    """The StoreError that tells of an error of SQLite's, or of text on a damaged page; `where` names the database."""
    if isinstance(error, UnicodeDecodeError):
        what, next_step = _KNOWN[sqlite3.SQLITE_CORRUPT]
        return StoreError(f"{what}: {where} (a text is not UTF-8)", help=next_step)
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & _PRIMARY if isinstance(code, int) else -1
    if primary in _BUSY:
        return StoreBusy(
            f"another program holds {where}", help="close programs that have it open for writing, and try again"
        )
    what, next_step = _KNOWN.get(primary, ("the database failed", "see the text of the error"))
    return StoreError(f"{what}: {where} ({error})", help=next_step)
