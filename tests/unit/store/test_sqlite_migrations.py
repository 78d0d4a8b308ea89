"""From every released schema, with rows in it, to the current one: whole, once, and by one process at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from places import opened, spawn, whole
from steps import ME, T0, Story

from hitl_fsm.adapters.store.revisions import HEAD, REVISIONS
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.adapters.store.sqlite.migrating import upgrade
from hitl_fsm.errors import StoreError
from hitl_fsm.model.timer import Timer

HERE = Path(__file__).parent
FIRST = "0001"
FIRST_TABLES = ("run", "event", "call", "requirement", "record", "log_head", "policy_set")
FIRST_COLUMNS = {"requirement": "id, requirement_id, run_id, call_id, kind, state, digest, bound, body"}
"""Of the tables that were given more columns since."""
END = T0 + 14_400_000
RUNS = 6
LINES = 17
"""Of the record, and of the logs, of six such runs."""
PROCESSES = 4
STATEMENTS = 120
"""More than a migration sends."""


async def old_database(path: Path, runs: int = RUNS) -> None:
    """A database of schema 0001, made by its script, with rows that a program wrote: open, answered and ended runs.

    Every second question that is open ends by itself.
    """
    current = path.with_name("current.db")
    store = opened(current)
    for number in range(runs):
        story = Story(f"r{number:03}")
        if number % 2:
            story.requirement = msgspec.structs.replace(story.requirement, expires_at=END + number)
        for commit in story.all()[: (2, 2, 3, 6)[number % 4]]:
            await store.commit(commit)
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {opening.PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {opening.APPLICATION_ID}")
        upgrade(connection, FIRST)
        connection.execute("ATTACH ? AS current", (str(current),))
        for table in FIRST_TABLES:
            columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})"))
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM current.{table}")
    current.unlink()


def look(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def content(path: Path) -> list[list[tuple[object, ...]]]:
    """Every row of the tables of schema 0001, in the columns of that schema."""
    return [look(path, f"SELECT {FIRST_COLUMNS.get(table, '*')} FROM {table} ORDER BY 1") for table in FIRST_TABLES]


def objects(path: Path) -> set[str]:
    return {" ".join(str(text).split()) for (text,) in look(path, "SELECT sql FROM sqlite_master")}


async def test_the_old_database_is_one(path: Path) -> None:
    await old_database(path)
    assert look(path, "SELECT version_num FROM alembic_version") == [(FIRST,)]
    assert look(path, "SELECT name FROM sqlite_master WHERE name IN ('timer', 'run_advancing')") == []
    assert [len(rows) for rows in content(path)] == [RUNS, LINES, RUNS, RUNS, LINES, 1, 0]


@pytest.mark.parametrize("reading", [True, False])
async def test_an_old_database_becomes_a_fresh_one_with_all_its_rows(path: Path, tmp_path: Path, reading: bool) -> None:
    await old_database(path)
    before = content(path)
    store = opened(path)
    assert (await store.info()).schema == FIRST  # looking migrates nothing
    await (store.load("r000") if reading else store.append([]))
    assert content(path) == before
    fresh = opened(tmp_path / "fresh.db")
    await fresh.append([])
    assert objects(path) == objects(tmp_path / "fresh.db")
    assert (await store.info()).schema == HEAD
    assert await whole(store) == LINES
    assert look(path, "PRAGMA integrity_check") == [("ok",)]
    await fresh.close()
    await store.close()


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_every_released_schema_becomes_the_current_one(path: Path, tmp_path: Path, revision: str) -> None:
    await old_database(path)
    before = content(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        upgrade(connection, revision)
        upgrade(connection)
    fresh = opened(tmp_path / "fresh.db")
    await fresh.append([])
    assert objects(path) == objects(tmp_path / "fresh.db")
    assert content(path) == before
    await fresh.close()


async def test_a_call_can_be_under_review_in_a_migrated_database_and_in_no_state_of_its_own(path: Path) -> None:
    await old_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="call_state"):
            connection.execute("UPDATE call SET state = 'in_review'")
        upgrade(connection)
        for state in ("in_review", "withheld", "substituted"):
            assert connection.execute("UPDATE call SET state = ?", (state,)).rowcount == RUNS
        with pytest.raises(sqlite3.IntegrityError, match="call_state"):
            connection.execute("UPDATE call SET state = 'reviewed'")
        taken = connection.execute(
            "INSERT INTO call SELECT NULL, 'new', call_id, tool, state, digest FROM call LIMIT 1"
        )
        assert taken.lastrowid == RUNS + 1


async def test_questions_that_are_open_get_the_timer_of_their_end(path: Path) -> None:
    await old_database(path, 1100)  # more than a page of them
    store = opened(path)
    assert await store.next_timer() == END + 1
    expected = [Timer(f"r{n:03}", f"r{n:03}-1", "expiry", END + n) for n in range(1, 1000, 4)]
    expected += [Timer(f"r{n}", f"r{n}-1", "expiry", END + n) for n in range(1001, 1100, 4)]
    assert await store.claim_timers(END + 10_000, ME, limit=1000) == expected
    await store.close()


async def test_a_damaged_question_does_not_stop_the_migration(path: Path) -> None:
    await old_database(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE requirement SET body = x'ff00' WHERE run_id = 'r001'")
        connection.execute("UPDATE requirement SET body = 7 WHERE run_id = 'r000'")
        connection.execute("UPDATE requirement SET body = '[]' WHERE run_id = 'r004'")
    store = opened(path)
    assert [one.run_id for one in await store.claim_timers(END * 2, ME)] == ["r005"]
    await store.close()


async def test_a_run_of_the_old_database_goes_on(path: Path) -> None:
    await old_database(path)
    store = opened(path)
    story = Story("r002")
    story.all()
    assert [row.run_id for row in await store.ready()] == ["r002"]
    story = Story("r002")
    for step in (story.create, story.pause, story.answer):
        step()
    for step in (story.start, story.result, story.done):
        await store.commit(step())
    stored = await store.load("r002")
    assert stored is not None
    assert stored.state == "done"
    await store.close()


OPEN = """
import asyncio
from pathlib import Path
from places import opened
from steps import Story
from hitl_fsm.adapters.store.sqlite import migrating
migrated = []
upgrade = migrating.upgrade
migrating.upgrade = lambda *args: (migrated.append(1), upgrade(*args))
async def main():
    store = opened(Path(sys.argv[1]))
    print("ready", flush=True); sys.stdin.readline()
    await store.commit(Story("new" + sys.argv[2]).create())
    await store.close()
    print(len(migrated), flush=True)
asyncio.run(main())
"""


async def test_processes_that_open_an_old_database_at_once_migrate_it_once(path: Path) -> None:
    await old_database(path)
    others = [spawn(OPEN, path, str(number)) for number in range(PROCESSES)]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
    told = await asyncio.gather(*(asyncio.to_thread(other.communicate, "go\n") for other in others))
    assert [other.returncode for other in others] == [0] * PROCESSES
    assert sorted(out.strip() for out, _ in told) == ["0"] * (PROCESSES - 1) + ["1"]
    store = opened(path)
    assert await whole(store) == LINES + PROCESSES
    await store.close()


async def test_threads_that_open_two_old_databases_at_once_migrate_each(path: Path, tmp_path: Path) -> None:
    paths = [path, tmp_path / "other.db"]
    for one in paths:
        await old_database(one)
    gate = threading.Barrier(len(paths))

    def use(one: Path) -> int:
        store = opened(one)
        gate.wait()
        asyncio.run(store.append([]))
        count = asyncio.run(whole(store))
        asyncio.run(store.close())
        return count

    assert await asyncio.gather(*(asyncio.to_thread(use, one) for one in paths)) == [LINES, LINES]
    assert objects(paths[0]) == objects(paths[1])


DIE = """
import os, signal, sqlite3
from sqlalchemy import event
from hitl_fsm.adapters.store.sqlite import migrating
count, stop = 0, int(sys.argv[2])
make = migrating.engine
def engine(connection):
    made = make(connection)
    @event.listens_for(made, "before_cursor_execute")
    def count_down(*_):
        global count
        count += 1
        if count == stop:
            os.kill(os.getpid(), signal.SIGKILL)
    return made
migrating.engine = engine
migrating.upgrade(sqlite3.connect(sys.argv[1], isolation_level=None))
print(count)
"""


async def killed_at(path: Path, statement: int) -> bool:
    """Whether the migration was killed there; either way the old rows are whole, and the next opening has all."""
    before = content(path)
    victim = spawn(DIE, path, str(statement))
    await asyncio.to_thread(victim.communicate)
    killed = victim.returncode == -signal.SIGKILL
    assert killed or victim.returncode == 0
    assert look(path, "SELECT version_num FROM alembic_version") == [(FIRST if killed else HEAD,)]
    assert (look(path, "SELECT name FROM sqlite_master WHERE name IN ('timer', 'run_advancing')") == []) == killed
    assert content(path) == before
    return killed


@pytest.mark.parametrize("statement", [4, 9])
async def test_a_kill_during_the_migration_leaves_the_old_schema_whole(path: Path, statement: int) -> None:
    await old_database(path)
    assert await killed_at(path, statement)
    store = opened(path)
    assert [one.run_id for one in await store.claim_timers(END * 2, ME)] == ["r001", "r005"]
    assert await whole(store) == LINES
    await store.close()


@pytest.mark.slow
async def test_a_kill_at_any_statement_of_the_migration_leaves_the_old_schema_whole(path: Path) -> None:
    await old_database(path)
    for statement in range(1, STATEMENTS):
        if not await killed_at(path, statement):
            break
    assert 8 < statement < STATEMENTS - 1


async def test_a_migration_that_meets_a_full_disk_says_so_and_leaves_the_old_schema(path: Path) -> None:
    await old_database(path, 400)
    before = content(path)
    store = opened(path)
    connect = opening.connect

    def small(name: str, mode: str, busy_wait_ms: int = opening.BUSY_WAIT_MS) -> sqlite3.Connection:
        connection = connect(name, mode, busy_wait_ms)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "connect", small)
        with pytest.raises(StoreError, match="full") as caught:
            await store.append([])
    assert caught.value.help
    assert look(path, "SELECT version_num FROM alembic_version") == [(FIRST,)]
    assert content(path) == before
    await store.append([])
    assert (await store.info()).schema == HEAD
    await store.close()


def test_a_current_database_is_not_migrated_again(path: Path) -> None:
    asyncio.run(old_database(path))
    code = f"""
import asyncio, sys
from hitl_fsm.adapters.store import open_store
async def main():
    store = open_store("sqlite:///{path}")
    await store.append([]); await store.close()
asyncio.run(main())
print("alembic" in sys.modules)
"""
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ).stdout
        for _ in range(2)
    ]
    assert said == ["True\n", "False\n"]
