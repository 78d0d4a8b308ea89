"""SQLite takes a value of any type in any column: what is of another type is not read, and does not verify.

What every store holds against somebody at the database stands in `test_contract_tampering`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from places import opened
from steps import Story

from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import Tampered


def tamper(path: Path, statement: str) -> None:
    """What a person with the sqlite3 shell does."""
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


@pytest.mark.parametrize("value", ["'text'", "12", "1.5"])
async def test_a_log_with_a_value_of_another_type_is_not_read(path: Path, value: str) -> None:
    store = opened(path)
    story = Story()
    for commit in (story.create(), story.pause(), story.answer()):
        await store.commit(commit)
    tamper(path, f"UPDATE event SET body = {value} WHERE seq = 2")
    with pytest.raises(Tampered, match="r1"):
        await store.load("r1")
    await store.close()


@pytest.mark.parametrize("column", ["body", "leaf"])
async def test_law10_a_record_with_a_value_of_another_type_does_not_verify(path: Path, column: str) -> None:
    store = opened(path)
    story = Story()
    for commit in (story.create(), story.pause(), story.answer()):
        await store.commit(commit)
    tamper(path, f"UPDATE record SET {column} = 'text' WHERE seq = 2")
    assert not verify(await store.records(), Head(*await store.head())).intact
    await store.close()
