"""The stores that the kill tests run against, with a clock that the test moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from hitl_fsm.adapters.store.sqlite import SqliteStore
from hitl_fsm.adapters.store.url import parse
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import loop_is_private


def clocked_store(url: str, clock: Callable[[], int]) -> Store:
    """As `Engine(store=url)` opens it, but leases end by `clock`."""
    return SqliteStore(parse(url), clock=clock, may_block=loop_is_private)


def stored_rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """A look past the product."""
    path = parse(url).path
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()
