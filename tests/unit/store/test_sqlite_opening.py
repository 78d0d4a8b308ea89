"""Opening: fresh, current, older, newer, foreign, damaged, missing; each says what it is and what to do."""

# ruff: noqa: ASYNC240 - the files of a test are small

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from steps import Story

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.revisions import HEAD
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.errors import SchemaTooNew, StoreError

HEAVY = "sqlalchemy", "alembic", "pydantic", "structlog", "litellm", "rfc8785", "hypothesis"


async def use(path: Path, query: str = "") -> None:
    """Open, write one run, close."""
    store = open_store(f"sqlite:///{path}{query}")
    try:
        await store.commit(Story(f"r{os.urandom(4).hex()}").create())
    finally:
        await store.close()


async def fails(path: Path) -> str:
    """The same error for reading and for writing, and nothing else."""
    texts = []
    for reading in (True, False):
        store = open_store(f"sqlite:///{path}")
        with pytest.raises(StoreError) as caught:
            await (store.load("r1") if reading else store.commit(Story().create()))
        assert caught.value.help
        texts.append(str(caught.value))
        await store.close()
    assert texts[0] == texts[1]
    return texts[0]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mysql://u:secret@host/db", "is not the URL of a store"),
        ("hitl.db", "is not the URL of a store"),
        ("", "is not the URL of a store"),
        ("sqlite://hitl.db", "is not the URL of a store"),
        ("sqlite:///", "names no file"),
        ("sqlite:///a\0b", "names no file"),
        ("sqlite:///a.db?synchronous=off", "unknown option"),
        ("sqlite:///a.db?x=1", "unknown option"),
    ],
)
def test_a_url_of_no_store_is_refused_with_the_forms(url: str, text: str) -> None:
    with pytest.raises(StoreError, match=text) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)
    assert "synchronous" in str(caught.value.help)


async def test_opening_touches_nothing_and_info_makes_nothing(path: Path) -> None:
    store = open_store(f"sqlite:///{path}")
    info = await store.info()
    assert (info.schema, info.expected_schema, info.runs, info.bytes) == (None, HEAD, 0, 0)
    await store.close()
    assert list(path.parent.iterdir()) == []


async def test_a_fresh_database_is_made_whole(path: Path) -> None:
    await use(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA page_size").fetchone() == (opening.PAGE_SIZE,)
        assert connection.execute("PRAGMA application_id").fetchone() == (opening.APPLICATION_ID,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    await use(path)
    store = open_store(f"sqlite:///{path}")
    info = await store.info()
    keys = sum(b'"event":"key_added"' in line.body for line in await store.records())
    await store.close()
    assert (info.schema, info.runs, info.records - keys, info.synchronous) == (HEAD, 2, 2, "full")
    assert keys == 1, "the second opening goes on with the key of the first"


@pytest.mark.parametrize(("query", "level"), [("", 2), ("?synchronous=full", 2), ("?synchronous=normal", 1)])
async def test_synchronous_is_as_the_url_says(path: Path, query: str, level: int) -> None:
    store = open_store(f"sqlite:///{path}{query}")
    await store.append([])
    row = await store._write(lambda connection: connection.execute("PRAGMA synchronous").fetchone())  # type: ignore[attr-defined]
    await store.close()
    assert row == (level,)


async def test_relative_and_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("plain.db", "with space.db", "per%20cent.db", "ha#sh.db", "ünï.db"):
        await use(Path(name))
        assert (tmp_path / name).is_file()


async def test_a_directory(tmp_path: Path) -> None:
    assert "is a directory" in await fails(tmp_path)


async def test_a_missing_directory(tmp_path: Path) -> None:
    assert "there is no directory" in await fails(tmp_path / "no" / "hitl.db")


async def test_a_directory_that_takes_no_file() -> None:
    assert "cannot write beside the database" in await fails(Path("/proc/self/hitl.db"))


async def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"# notes\n" * 100)
    assert "not a database" in await fails(path)
    assert path.read_bytes() == b"# notes\n" * 100


async def test_another_programs_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    assert "database of another program" in await fails(path)
    assert path.read_bytes() == before


async def test_a_damaged_database(path: Path) -> None:
    await use(path)
    data = bytearray(path.read_bytes())
    data[100:3000] = b"\xff" * 2900
    path.write_bytes(data)
    assert "HF501" in await fails(path)


async def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    await use(path)


@pytest.mark.parametrize("version", [f"{int(HEAD) + 1:04}", "9999", "zzz"])
async def test_a_newer_schema_is_refused(path: Path, version: str) -> None:
    await use(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    text = await fails(path)
    assert SchemaTooNew.code in text
    assert version in text
    store = open_store(f"sqlite:///{path}")
    assert (await store.info()).schema == version
    await store.close()


async def test_an_older_schema_is_migrated_when_first_used(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    await use(path)
    store = open_store(f"sqlite:///{path}")
    assert (await store.info()).schema == HEAD
    await store.close()


async def test_eight_openings_at_once_make_one_database(path: Path) -> None:
    await asyncio.gather(*(use(path) for _ in range(8)))
    store = open_store(f"sqlite:///{path}")
    assert (await store.info()).runs == 8
    await store.close()


def test_a_current_or_fresh_database_needs_no_heavy_import(path: Path) -> None:
    code = f"""
import asyncio, sys
from hitl_fsm.adapters.store import open_store
async def main():
    store = open_store("sqlite:///{path}")
    await store.load("x"); await store.append([]); await store.close()
asyncio.run(main())
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", done.stderr


async def test_a_restored_copy_that_left_wal_mode_is_brought_back_to_it(path: Path) -> None:
    """As VACUUM INTO makes it."""
    store = open_store(f"sqlite:///{path}")
    await store.append([])
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    again = open_store(f"sqlite:///{path}")
    await again.append([])
    await again.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
