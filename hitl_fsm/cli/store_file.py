"""What a store's URL says: which file it means, and what of it may be shown."""

from __future__ import annotations

from pathlib import Path

from hitl_fsm.errors import StoreError


def store_file(url: str) -> Path | None:
    """The file of a SQLite store; None for one in memory or on a server. StoreError for a URL that is none."""
    from hitl_fsm.adapters.store.url import POSTGRESQL, parse  # noqa: PLC0415 - not for --help

    if url.startswith(POSTGRESQL):
        return None
    path = parse(url).path
    return None if path is None else Path(path)


def is_there(path: Path) -> bool:
    """Whether a store may stand there; StoreError where a folder on the way cannot be looked into.

    An empty file is none, though SQLite would make one of it: a look at it would say that an emptied store is whole.
    """
    try:
        return path.exists() and (not path.is_file() or any(_has_bytes(path, end) for end in ("", "-wal", "-journal")))
    except OSError as error:
        msg = f"the store cannot be looked at: {path} ({error.strerror})"
        raise StoreError(msg, help="check the owner and the permissions of the folders on the way to it") from error


def _has_bytes(path: Path, end: str) -> bool:
    beside = path.with_name(path.name + end)
    return beside.is_file() and beside.stat().st_size > 0


def shown(url: str) -> str:
    """The URL without the password that it may carry."""
    from hitl_fsm.adapters.store.url import POSTGRESQL  # noqa: PLC0415 - as above

    if not url.startswith(POSTGRESQL):
        return url
    from hitl_fsm.adapters.store.postgres.location import parse  # noqa: PLC0415 - with psycopg

    return parse(url).shown
