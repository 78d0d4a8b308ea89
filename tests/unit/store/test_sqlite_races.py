"""Who is first: tasks, threads and processes on one version of one run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from places import opened, spawn, whole
from steps import Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Fenced, HitlError

RACERS = 6


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqlStore]:
    made = opened(path)
    yield made
    await made.close()


async def test_law02_many_tasks_on_one_version_have_one_winner(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.pause())
    answer = story.answer()
    outcomes = await asyncio.gather(*(store.commit(answer) for _ in range(20)), return_exceptions=True)
    assert [o for o in outcomes if not isinstance(o, Fenced)] == [1]
    assert await whole(store) == 3


async def test_law02_threads_with_stores_of_their_own_have_one_winner(store: SqlStore, path: Path) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.pause())
    answer, outcomes, gate = story.answer(), [], threading.Barrier(RACERS)

    async def race() -> None:
        mine = opened(path)
        await mine.load("r1")
        gate.wait()
        try:
            outcomes.append(await mine.commit(answer))
        except HitlError as error:
            outcomes.append(type(error))
        await mine.close()

    threads = [threading.Thread(target=lambda: asyncio.run(race())) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(["1", *[str(Fenced)] * (RACERS - 1)])
    assert await whole(store) == 3


RACE = """
import asyncio
from places import opened, spawn, whole
from steps import Story
from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import HitlError
async def main():
    story = Story(); story.create(); story.pause(); answer = story.answer()
    store = open_store("sqlite:///" + sys.argv[1])
    await store.load("r1")
    print("ready", flush=True); sys.stdin.readline()
    try:
        print(await store.commit(answer))
    except HitlError as error:
        print(error.code)
    for number in range(10):
        await store.commit(Story(f"r{sys.argv[2]}-{number}").create())
    await store.close()
asyncio.run(main())
"""


async def test_law02_processes_on_one_version_have_one_winner_and_nobody_meets_a_locked_database(
    store: SqlStore, path: Path
) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.pause())
    racers = [spawn(RACE, path, str(number)) for number in range(RACERS)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    answers = [await asyncio.to_thread(racer.communicate, "go\n") for racer in racers]
    assert all(racer.returncode == 0 for racer in racers)
    assert sorted(out.strip() for out, _ in answers) == ["1", *["HF306"] * (RACERS - 1)]
    assert await whole(store) == 3 + 10 * RACERS


PRESS = """
import asyncio
from pathlib import Path
from places import opened
from steps import Story
from hitl_fsm.errors import HitlError
async def one(store, name):
    for number in range(3):
        for commit in Story(f"r{sys.argv[2]}-{name:02}-{number}").all():
            await store.commit(commit)
    for _ in range(3):
        await store.runs(limit=5); await store.requirements(); await store.ready(); await store.health(0)
async def main():
    store = opened(Path(sys.argv[1]))
    await store.load("r1")
    print("ready", flush=True); sys.stdin.readline()
    done = await asyncio.gather(*(one(store, name) for name in range(20)), return_exceptions=True)
    print([str(error) for error in done if error is not None])
    await store.close()
asyncio.run(main())
"""


async def test_four_processes_that_write_and_read_at_once_meet_no_error(store: SqlStore, path: Path) -> None:
    await store.append([])
    writers = [spawn(PRESS, path, str(number)) for number in range(4)]
    for one in writers:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    told = await asyncio.gather(*(asyncio.to_thread(one.communicate, "go\n") for one in writers))
    assert [out for out, _ in told] == ["[]\n"] * 4
    assert await whole(store) == 4 * 20 * 3 * 6
