"""Where runs are kept. `open_store` is the way in."""

from __future__ import annotations

from collections.abc import Callable

from hitl_fsm.ports import Store


def open_store(url: str, may_block: Callable[[], bool] | None = None) -> Store:
    """The store of a URL (`sqlite:///file.db`, `sqlite:////abs/file.db`, `sqlite:///:memory:`).

    Touches no file yet: the first use makes or migrates the database. Raises StoreError for any other URL.
    `may_block`: whether the calling thread, at that moment, may itself wait for the disk (default: never).
    """
    from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase  # noqa: PLC0415 - threads cost start-up time
    from hitl_fsm.adapters.store.store import SqlStore  # noqa: PLC0415
    from hitl_fsm.adapters.store.url import parse  # noqa: PLC0415

    database = SqliteDatabase(parse(url))
    return SqlStore(database) if may_block is None else SqlStore(database, may_block)
