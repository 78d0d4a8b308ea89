"""The writer among others: threads, processes, failures of the disk, death."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from places import opened, whole
from steps import ALICE, T0, Story

from hitl_fsm.adapters.store import commit as committing
from hitl_fsm.adapters.store import writer as writing
from hitl_fsm.adapters.store.batch import Job, Written
from hitl_fsm.adapters.store.database import Connection
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.sqlite.lock import SUFFIX, FileLock
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import StoreBusy, StoreError
from hitl_fsm.model.record import Record
from moments import HUNG_S


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    made = opened(path)
    yield made
    await made.close()


# -- one transaction


@pytest.mark.parametrize("table", ["record", "log_head", "event", "call", "requirement"])
async def test_law10_a_step_whose_record_fails_did_not_happen(store: SqlStore, path: Path, table: str) -> None:
    story = Story()
    await store.commit(story.create())
    with closing(sqlite3.connect(path)) as other, other:
        verb = "UPDATE" if table == "log_head" else "INSERT"
        other.execute(f"CREATE TRIGGER broken BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'no more'); END")
    step = story.pause()
    before = await store.load("r1")
    with pytest.raises(StoreError, match="no more"):
        await store.commit(step)
    assert await store.load("r1") == before
    assert await store.requirements(state=None) == []
    assert await whole(store) == 1
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("DROP TRIGGER broken")
    assert await store.commit(step) == 1
    assert await whole(store) == 2


async def test_a_job_that_fails_late_takes_back_only_its_own(store: SqlStore, path: Path) -> None:
    await store.append([])
    with closing(sqlite3.connect(path)) as other, other:
        when = "WHEN new.run_id = 'r3' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        other.execute(f"CREATE TRIGGER broken BEFORE INSERT ON event {when}")
    steps = [Story(f"r{number}").create() for number in range(6)]
    outcomes = await asyncio.gather(*(store.commit(step) for step in steps), return_exceptions=True)
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1] * 5
    assert "not this one" in str(outcomes[3])
    assert await store.load("r3") is None
    assert [row.run_id for row in await store.runs()] == ["r5", "r4", "r2", "r1", "r0"]
    assert await whole(store) == 5


async def test_law10_records_that_cannot_be_chained_undo_all_jobs_of_the_transaction(
    store: SqlStore, path: Path
) -> None:
    await store.append([])
    with closing(sqlite3.connect(path)) as other, other:
        when = "WHEN new.run_id = 'r3' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        other.execute(f"CREATE TRIGGER broken BEFORE INSERT ON record {when}")
    jobs = [Job(f"r{number}", _created(number)) for number in range(6)]
    outcomes = await asyncio.to_thread(store._writer._write, jobs)
    assert all("not this one" in str(outcome.error) for outcome in outcomes)
    assert await store.runs() == []
    assert await whole(store) == 0
    outcomes = await asyncio.to_thread(store._writer._write, jobs[:3] + jobs[4:])
    assert [outcome.value for outcome in outcomes] == [1] * 5
    assert await whole(store) == len(await store.runs()) == 5


def _created(number: int) -> Callable[[Connection], Written]:
    prepared = committing.prepare(Story(f"r{number}").create())
    return lambda connection: committing.apply(connection, prepared, T0)


async def test_waiting_commits_share_a_transaction(store: SqlStore) -> None:
    begun: list[str] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(lambda text: begun.append(text) if text.startswith("BEGIN") else None)

    await store._write(watch)
    await asyncio.gather(*(store.commit(Story(f"r{number}").create()) for number in range(40)))
    assert len(begun) < 20
    assert await whole(store) == 40


async def test_a_full_disk_fails_the_whole_batch_and_keeps_nothing(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())

    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 40}")

    await store._write(fill)
    big = Record("big", T0, ALICE, data={"x": "y" * 100_000})
    steps = [msgspec.structs.replace(Story(f"r{number}").create(), records=(big,)) for number in range(2, 5)]
    outcomes = await asyncio.gather(*(store.commit(step) for step in steps), return_exceptions=True)
    assert all(isinstance(outcome, StoreError) and "full" in str(outcome) for outcome in outcomes)
    assert [row.run_id for row in await store.runs()] == ["r1"]
    assert await store.commit(story.pause()) == 1  # what still fits goes on
    assert await whole(store) == 2


async def test_a_commit_that_fails_at_the_end_is_undone(store: SqlStore) -> None:
    await store.append([])

    def tables(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE one (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE two (id REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED)")

    await store._write(tables)
    connection = store._writer._connection
    assert connection is not None
    connection.execute("PRAGMA foreign_keys = ON")
    broken = store._write(lambda c: c.execute("INSERT INTO two VALUES (9)") and None)
    outcomes = await asyncio.gather(broken, store.commit(Story("r2").create()), return_exceptions=True)
    assert isinstance(outcomes[0], StoreError)
    assert not connection.in_transaction
    rows = [row.run_id for row in await store.runs()]
    assert rows == ([] if isinstance(outcomes[1], StoreError) else ["r2"])
    assert await store.commit(Story("r3").create()) == 1
    assert await whole(store) == len(rows) + 1


# -- others at the file


async def test_a_lock_held_too_long_is_busy_not_locked(store: SqlStore, path: Path) -> None:
    await store.append([])
    assert isinstance(store._database, SqliteDatabase)
    assert isinstance(store._database.lock, FileLock)
    store._database.lock._wait_s = 0.05
    file = os.open(f"{path}{SUFFIX}", os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    with pytest.raises(StoreBusy, match="another process has been writing"):
        await store.commit(Story().create())
    assert await store.load("r1") is None  # reading goes on
    os.close(file)
    assert await store.commit(Story().create()) == 1


async def test_a_program_without_our_lock_makes_us_busy_too(
    store: SqlStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AGAIN_S", 0.1)
    monkeypatch.setattr(opening, "BUSY_WAIT_MS", 50)
    await store.append([])
    await store._write(lambda connection: connection.execute("SELECT 1") and None)
    connection = store._writer._connection
    assert connection is not None
    connection.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another program holds"):
            await store.commit(Story().create())
    assert await store.commit(Story().create()) == 1


# -- waiters


def test_one_store_serves_several_event_loops_even_closed_ones(path: Path) -> None:
    store = opened(path)

    async def leave() -> None:
        asyncio.get_running_loop().create_task(store.commit(Story("r0").create())).add_done_callback(lambda _: None)
        await asyncio.sleep(0)

    asyncio.run(leave())
    for number in range(1, 4):
        assert asyncio.run(store.commit(Story(f"r{number}").create())) == 1
    assert asyncio.run(whole(store)) >= 3
    asyncio.run(store.close())


async def test_a_defect_in_a_job_reaches_its_waiter_and_the_thread_lives(store: SqlStore) -> None:
    with pytest.raises(ZeroDivisionError):
        await store._write(lambda _: 1 / 0)
    assert await store.commit(Story().create()) == 1


async def test_too_many_waiting_writes_are_refused(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "QUEUE_LIMIT", 3)
    outcomes = await asyncio.gather(
        *(store.commit(Story(f"r{number}").create()) for number in range(200)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} <= {int, StoreBusy}
    assert sum(isinstance(outcome, int) for outcome in outcomes) == len(await store.runs(limit=300)) > 0


def test_a_forgotten_store_ends_its_thread(path: Path) -> None:
    before = set(threading.enumerate())
    store = opened(path)
    asyncio.run(store.commit(Story().create()))
    (writer,) = (one for one in threading.enumerate() if one not in before and one.name == "hitl-fsm-writer")
    del store
    writer.join(HUNG_S)  # it may itself be the one that forgets the store last
    assert not writer.is_alive()
    assert not path.with_name(path.name + "-wal").exists()
