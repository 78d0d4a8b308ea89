"""Where a database is read: in a thread, so that a shared event loop goes on; here, where nobody else waits."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from steps import Story

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.readers import Readers
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.url import parse


@pytest.mark.parametrize("may_block", [False, True])
async def test_a_page_is_read_here_only_where_nobody_else_waits(tmp_path: Path, *, may_block: bool) -> None:
    url = f"sqlite:///{tmp_path}/hitl.db"
    store = open_store(url)
    await store.commit(Story().create())
    readers = Readers(SqliteDatabase(parse(url)), lambda: may_block)
    for _ in range(2):
        assert (await readers.long(lambda _: threading.get_ident()) == threading.get_ident()) is may_block
        assert await readers.short(lambda _: threading.get_ident()) == threading.get_ident()
    assert await readers.long(lambda connection: connection.execute("SELECT run_id FROM run").fetchall()) == [("r1",)]
    readers.close()
    await store.close()


async def test_a_page_of_a_locked_database_is_waited_for_in_a_thread(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hitl.db"
    store = open_store(url)
    await store.commit(Story().create())
    await store.close()
    readers = Readers(SqliteDatabase(parse(url)), lambda: True)
    with closing(sqlite3.connect(tmp_path / "hitl.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        freed = threading.Timer(0.3, other.close)
        freed.start()
        assert await readers.long(lambda _: threading.get_ident()) != threading.get_ident()
        freed.join()
    readers.close()
