"""From a SQLite store's URL to where it lives, and which URLs are PostgreSQL's (`postgres/location`)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hitl_fsm.errors import StoreError

Synchronous = Literal["full", "normal"]

FORMS = (
    "sqlite:///relative.db, sqlite:////absolute.db, sqlite:///:memory: or postgresql://user@host/database,"
    " with ?synchronous=normal for speed"
)
MEMORY = ":memory:"
POSTGRESQL = ("postgresql://", "postgresql+psycopg://", "postgres://")
_PREFIX = "sqlite:///"


class Location(NamedTuple):
    """`path` is None in memory.

    `full` syncs the disk at every commit; with `normal` a power cut may undo the last commits, never half of one.
    """

    url: str
    path: str | None
    synchronous: Synchronous


def parse(url: str) -> Location:
    """Raises StoreError for a URL that names no SQLite database."""
    if not url.startswith(_PREFIX):
        message = f"{_shown(url)!r} is not the URL of a store"
        raise StoreError(message, help=f"use {FORMS}")
    path, _, query = url.removeprefix(_PREFIX).partition("?")
    if not path or "\0" in path:
        message = f"{_shown(url)!r} names no file"
        raise StoreError(message, help=f"use {FORMS}")
    return Location(url, None if path == MEMORY else path, _synchronous(query))


def _synchronous(query: str) -> Synchronous:
    match query:
        case "" | "synchronous=full":
            return "full"
        case "synchronous=normal":
            return "normal"
        case _:
            message = f"the store's URL has an unknown option: {query!r}"
            raise StoreError(message, help="the only option is synchronous=full or synchronous=normal")


def _shown(url: str) -> str:
    """A URL without the password that it may carry."""
    front, at, back = url.rpartition("@")
    return f"{front.partition(':')[0]}://…@{back}" if at else url
