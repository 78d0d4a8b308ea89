"""PostgreSQL goes away and comes back: nothing is lost or done twice, and there are words meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from kinds import store_of, whole
from steps import Story

from hitl_fsm.adapters.store import writer as writing
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import StoreError
from hitl_fsm.ports import Lease
from moments import HUNG_S
from postgres import Server


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    opened = store_of(url)
    await opened.append([])
    yield opened
    await opened.close()


@pytest.mark.parametrize("how", ["fast", "immediate", "kill", "disconnect"])
async def test_work_goes_on_when_the_server_is_back(
    store: SqlStore, postgres_server: Server, postgres_database: str, how: str
) -> None:
    story = Story()
    await store.commit(story.create())
    assert await store.load("r1") is not None
    _hit(postgres_server, postgres_database, how)
    assert await store.load("r1") is not None
    assert await store.commit(story.pause()) == 1
    assert len(await store.requirements()) == 1
    assert await whole(store) == 2


def _hit(server: Server, name: str, how: str) -> None:
    match how:
        case "disconnect":
            server.disconnect_all(name)
        case "kill":
            server.kill()
            server.start()
        case _:
            server.stop(how)
            server.start()


@pytest.mark.parametrize("how", ["fast", "immediate", "kill", "disconnect"])
async def test_law03_in_the_middle_of_many_commits_nothing_is_lost_or_done_twice(
    store: SqlStore, url: str, postgres_server: Server, postgres_database: str, how: str
) -> None:
    other = store_of(url)
    done: Counter[str] = Counter()
    under_way = asyncio.Event()

    async def live(number: int) -> None:
        for commit in Story(f"r{number:03}").all():
            await (store if number % 2 else other).commit(commit)
            done[commit.run.run_id] = commit.run.version
            if done.total() > 200:
                under_way.set()

    tasks = [asyncio.create_task(live(number)) for number in range(100)]
    await under_way.wait()
    await asyncio.to_thread(_hit, postgres_server, postgres_database, how)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes == [None] * 100
    for run_id, version in done.items():
        stored = await store.load(run_id)
        assert stored is not None
        assert stored.version == version == 6
    assert await whole(store) == 600
    await other.close()


async def test_while_it_is_down_there_are_words_and_then_it_works_again(
    store: SqlStore, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AGAIN_S", 0.2)
    story = Story()
    await store.commit(story.create())
    step = story.pause()
    postgres_server.stop()
    for attempt in (store.commit(step), store.load("r1"), store.runs(), store.info(), store.renew("r1", Lease("x", 1))):
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            await attempt
        assert "look whether it runs" in str(caught.value.help)
    postgres_server.start()
    assert await store.commit(step) == 1
    assert (await store.info()).runs == 1
    assert await whole(store) == 2


async def test_a_server_that_is_not_there_at_first_is_told_at_once(
    url: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "AGAIN_S", 10 * HUNG_S)
    postgres_server.stop()
    store = store_of(url)
    with pytest.raises(StoreError, match="cannot be reached"):
        await asyncio.wait_for(store.commit(Story().create()), HUNG_S)
    postgres_server.start()
    assert await store.commit(Story().create()) == 1
    await store.close()
