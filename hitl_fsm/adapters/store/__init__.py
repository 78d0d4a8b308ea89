"""Where runs are kept. `open_store` is the way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hitl_fsm.ports import Store

if TYPE_CHECKING:
    from hitl_fsm.adapters.store.database import Database


def open_store(url: str, may_block: Callable[[], bool] | None = None) -> Store:
    """The store of a URL: `sqlite:///file.db`, `sqlite:////abs/file.db`, `sqlite:///:memory:`, `postgresql://host/db`.

    Touches nothing yet: the first use makes or migrates the database. Raises StoreError for any other URL.
    `may_block`: whether the calling thread, at that moment, may itself wait for the database (default: never).
    """
    from hitl_fsm.adapters.store.store import SqlStore  # noqa: PLC0415 - threads cost start-up time

    database = _database(url)
    return SqlStore(database) if may_block is None else SqlStore(database, may_block)


def _database(url: str) -> Database:
    from hitl_fsm.adapters.store.url import POSTGRESQL, parse  # noqa: PLC0415 - each database imports its own driver

    if not url.startswith(POSTGRESQL):
        from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase  # noqa: PLC0415

        return SqliteDatabase(parse(url))
    from hitl_fsm.adapters.store.postgres import location  # noqa: PLC0415

    found = location.parse(url)
    from hitl_fsm.adapters.store.postgres.database import PostgresDatabase  # noqa: PLC0415 - after `parse` found psycopg

    return PostgresDatabase(found)
