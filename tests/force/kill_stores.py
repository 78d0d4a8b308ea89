"""The stores that the kill tests run against, with a clock that the test moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from hitl_fsm.adapters.store import open_store
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import loop_is_private

SQLITE = "sqlite:///"


def clocked_store(url: str, clock: Callable[[], int]) -> Store:
    """As `Engine(store=url)` opens it, but the database's clock, by which leases end, is `clock`."""
    store = open_store(url, loop_is_private)
    assert hasattr(store, "_clock")
    store._clock = lambda _: clock()
    return store


def stored_rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """A look past the product."""
    if url.startswith(SQLITE):
        with closing(sqlite3.connect(url.removeprefix(SQLITE))) as connection:
            return connection.execute(query).fetchall()
    import psycopg

    from hitl_fsm.adapters.store.postgres import location

    parameters, _, schema, _ = location.parse(url)
    options = f"-c search_path={schema}"
    with closing(psycopg.connect(**parameters, options=options)) as connection:  # type: ignore[arg-type]
        return connection.execute(query.encode()).fetchall()
