"""From PostgreSQL's errors to ours: what happened, where, and what to do next."""

from __future__ import annotations

from typing import NamedTuple

import psycopg

from hitl_fsm.adapters.store.database import Fate
from hitl_fsm.errors import StoreBusy, StoreError


class _Problem(NamedTuple):
    what: str
    next_step: str
    error: type[StoreError] = StoreError


_AGAIN = frozenset({"40001", "40P01"})  # serialisation failure, deadlock
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25006"})  # shut down, timed out, or now a standby
_GONE_CLASS = "08"
_WHOLE = frozenset({"53100", "53200"})  # disk or memory full: the other jobs would meet it too

_PROBLEMS = {
    "28": _Problem("the login was refused", "check the user and the password in the store's URL"),
    "3D000": _Problem("there is no such database", "make it (`createdb`), or name another"),
    "53100": _Problem("the server's disk is full", "free some space there and try again"),
    "53300": _Problem("the server has no connection left", "raise max_connections, or run fewer processes"),
    "55P03": _Problem(
        "another transaction holds what this one needs", "try again; look for a stopped process", StoreBusy
    ),
    "57014": _Problem("a statement took too long and was ended", "try again; look at the server's load", StoreBusy),
    "40": _Problem("transactions kept meeting each other", "try again", StoreBusy),
    "42501": _Problem("the user may not do that", "grant it CREATE on the database, or all on the store's schema"),
    "42P01": _Problem("tables of the store are missing", "restore a backup; nothing was changed"),
    "25006": _Problem("the server takes no writes", "name the primary (`?target_session_attrs=read-write`)"),
    "23": _Problem("the database refused a row", "this is a defect: please report it"),
    "22021": _Problem("a text cannot be stored", "PostgreSQL cannot hold the character NUL"),
    "57P": _Problem("the server is starting or stopping", "try again in a moment"),
    "08": _Problem("the connection was lost", "look whether the server runs, and try again"),
    "XX": _Problem("the database failed inside", "look at the server's log"),
}
_OTHER = _Problem("the database failed", "see the text of the error")
_UNREACHED = _Problem("the server cannot be reached", "look whether it runs, and takes connections there")
_NO_TEXT = _PROBLEMS["22021"]
# libpq tells no code of a connection that was refused, only the server's words.
_REFUSALS = {
    "authentication failed": "28",
    "no password supplied": "28",
    "no pg_hba.conf entry": "28",
    'role "': "28",
    'database "': "3D000",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "is starting up": "57P",
    "is shutting down": "57P",
}


def explain(error: psycopg.Error, where: str) -> StoreError:
    """The StoreError that tells of `error`; `where` names the database."""
    problem = _problem(error)
    first = str(error).strip().splitlines()
    return problem.error(
        f"{problem.what}: {where} ({first[0] if first else type(error).__name__})", help=problem.next_step
    )


def fate(error: Exception, *, lost: bool) -> Fate:
    """How far an error reaches; `lost`: the connection is closed or broken."""
    if not isinstance(error, psycopg.Error):
        return "job"
    state = error.sqlstate or ""
    if lost or state in _GONE or state.startswith(_GONE_CLASS):
        return "connection"
    if state in _AGAIN:
        return "again"
    return "transaction" if state in _WHOLE else "job"


def _problem(error: psycopg.Error) -> _Problem:
    state = error.sqlstate
    if state is not None:
        found = (_PROBLEMS.get(state[:length]) for length in (5, 3, 2))
        return next(filter(None, found), _OTHER)
    if isinstance(error, psycopg.DataError):
        return _NO_TEXT
    if isinstance(error, psycopg.OperationalError):
        text = str(error)
        return next((_PROBLEMS[state] for words, state in _REFUSALS.items() if words in text), _UNREACHED)
    return _OTHER
