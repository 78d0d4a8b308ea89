"""Where runs are kept. `open_store` is the way in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hitl_fsm.ports import Store

if TYPE_CHECKING:
    from hitl_fsm.adapters.store.database import Database
    from hitl_fsm.adapters.store.ledger import KeySource


def open_store(
    url: str, may_block: Callable[[], bool] | None = None, keys: KeySource | None = None, headroom: int = 0
) -> Store:
    """The store of a URL: `sqlite:///file.db`, `sqlite:////abs/file.db`, `sqlite:///:memory:`, `postgresql://host/db`.

    Touches nothing yet: the first use makes or migrates the database. Raises StoreError for any other URL.
    `may_block`: whether the calling thread, at that moment, may itself wait for the database (default: never).
    `keys`: those of its record; without it, where the settings, or such a store, have them (`adapters.keys`).
    `headroom`: bytes on its disk that are kept for outcomes, where the database is a file.
    """
    from hitl_fsm.adapters.keys import key_source  # noqa: PLC0415 - as it is used
    from hitl_fsm.adapters.redaction import read_redactor  # noqa: PLC0415 - as above
    from hitl_fsm.adapters.settings import settings  # noqa: PLC0415 - as above
    from hitl_fsm.adapters.store.store import SqlStore  # noqa: PLC0415 - threads cost start-up time
    from hitl_fsm.adapters.store.writer import never  # noqa: PLC0415 - as above

    database, found = _database(url, headroom), settings()
    redactor = partial(read_redactor, found.record_redact)
    return SqlStore(database, may_block or never, keys or key_source(url, found.record_keys), redactor)


def _database(url: str, headroom: int) -> Database:
    from hitl_fsm.adapters.store.url import POSTGRESQL, parse  # noqa: PLC0415 - each database imports its own driver

    if not url.startswith(POSTGRESQL):
        from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase  # noqa: PLC0415

        return SqliteDatabase(parse(url), headroom)
    from hitl_fsm.adapters.store.postgres import location  # noqa: PLC0415

    found = location.parse(url)
    from hitl_fsm.adapters.store.postgres.database import PostgresDatabase  # noqa: PLC0415 - after `parse` found psycopg

    return PostgresDatabase(found)
