"""The answer to a COMMIT is lost: whether it landed is looked up, never guessed, and never mixed up with another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from kinds import store_of, until, whole
from steps import ALICE, T0, Story

from hitl_fsm.adapters.store.postgres import database as database_module
from hitl_fsm.adapters.store.postgres import opening
from hitl_fsm.adapters.store.postgres.connection import PostgresConnection
from hitl_fsm.adapters.store.postgres.database import PostgresDatabase
from hitl_fsm.adapters.store.postgres.location import parse
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Fenced, StoreError
from hitl_fsm.model.record import Record
from postgres import Server
from postgres_proxy import Cut, Proxy


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    opened = store_of(url)
    await opened.append([])
    yield opened
    await opened.close()


@pytest.fixture
def proxy(postgres_server: Server) -> Iterator[Proxy]:
    made = Proxy(postgres_server)
    yield made
    made.close()


@pytest.fixture
async def wired(proxy: Proxy, url: str, postgres_server: Server) -> AsyncIterator[SqlStore]:
    """A store whose COMMITs can be cut."""
    opened = store_of(proxy.url(url, postgres_server))
    await opened.append([])
    yield opened
    await opened.close()


@pytest.mark.parametrize("cut", ["before", "after", "at once"])
async def test_law03_a_commit_that_was_not_answered_is_looked_up(
    wired: SqlStore, store: SqlStore, proxy: Proxy, cut: Cut
) -> None:
    story = Story()
    await wired.commit(story.create())
    proxy.cuts = [cut]
    step = story.pause()
    assert await wired.commit(step) == 1
    assert proxy.cuts == []
    assert await whole(store) == 2  # once, whether the first or the second time
    with pytest.raises(Fenced):
        await wired.commit(step)
    assert await wired.commit(story.answer()) == 1


@pytest.mark.parametrize("cuts", [["before", "after"], ["after", "after"], ["before", "before", "at once"]])
async def test_law03_a_wire_that_is_cut_again_and_again(
    wired: SqlStore, store: SqlStore, proxy: Proxy, cuts: list[Cut]
) -> None:
    stories = [Story(f"r{number}") for number in range(20)]
    proxy.cuts = cuts
    assert await asyncio.gather(*(wired.commit(story.create()) for story in stories)) == [1] * 20
    assert await asyncio.gather(*(wired.commit(story.pause()) for story in stories)) == [1] * 20
    assert proxy.cuts == []
    assert await whole(store) == 40


async def test_law03_an_unanswered_commit_whose_run_moved_on_is_still_known(
    wired: SqlStore, store: SqlStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker answers and starts before we ask: our step is there, though the row is not as we left it."""
    story = Story()
    await wired.commit(story.create())
    step = story.pause()
    follow, landed = [story.answer(), story.start()], PostgresDatabase.landed

    def later(self: PostgresDatabase, *args: object) -> bool | None:
        loop = asyncio.new_event_loop()
        for commit in follow:
            loop.run_until_complete(store.commit(commit))
        loop.close()
        return landed(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(PostgresDatabase, "landed", later)
    proxy.cuts = ["after"]
    assert await wired.commit(step) == 1
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.version, stored.fence) == (4, 2)
    assert await whole(store) == 4


async def test_law03_a_commit_that_is_still_in_progress_is_waited_for(
    wired: SqlStore, store: SqlStore, proxy: Proxy, postgres_server: Server
) -> None:
    """The server waits for a standby that is not there: the commit is neither done nor undone when we ask."""
    await wired.commit(Story().create())
    postgres_server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    postgres_server.sql("SELECT pg_reload_conf()")
    try:
        await until(lambda: postgres_server.sql("SHOW synchronous_standby_names") == [("nobody",)])
        proxy.cuts = ["at once"]
        waiting = asyncio.create_task(wired.commit(Story("r2").create()))
        asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_xact_status%' AND pid <> pg_backend_pid()"
        await until(lambda: postgres_server.sql(asked)[0][0] > 0)
        assert not waiting.done()
    finally:
        postgres_server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        postgres_server.sql("SELECT pg_reload_conf()")
    assert await waiting == 1
    assert await whole(store) == 2


async def test_law03_what_cannot_be_known_is_told_as_such(
    wired: SqlStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresDatabase, "landed", lambda *_: None)
    proxy.cuts = ["after"]
    with pytest.raises(StoreError, match="whether it was written is not known"):
        await wired.commit(Story().create())


def _ours(url: str) -> tuple[PostgresDatabase, PostgresConnection]:
    database = PostgresDatabase(parse(url))
    return database, opening.open_writer(parse(url))


async def test_law03_another_workers_transaction_of_the_same_number_is_not_taken_for_ours(
    store: SqlStore, url: str
) -> None:
    """After a crash the server gives numbers out again that it had not written yet; here it is as if it had."""
    await store.append([Record("theirs", T0, ALICE)])
    database, connection = _ours(url)
    ((number,),) = connection.execute("SELECT xmin::text FROM record WHERE seq = 1").fetchall()
    ((leaf,),) = connection.execute("SELECT leaf FROM record WHERE seq = ?", (1,)).fetchall()
    assert database.landed(connection, number, (1, leaf)) is True
    assert database.landed(connection, number, (1, b"ours")) is False
    assert database.landed(connection, number, (2, leaf)) is False
    connection.close()


async def test_law03_a_transaction_that_a_crash_swallowed_has_not_landed(url: str, store: SqlStore) -> None:
    server = Server()
    try:
        mine = server.url(server.create_database())
        database, connection = _ours(mine)
        number = database.begin(connection)
        connection.execute("INSERT INTO policy_set (digest, text, at) VALUES ('d', 't', 1)")
        server.kill()
        server.start()
        other = store_of(mine)
        for run in range(3):  # the same number again, if the server lost it
            await other.commit(Story(f"r{run}").create())
        again, fresh = _ours(mine)
        assert again.landed(fresh, number, (1, b"ours")) is False
        connection.close()
        fresh.close()
        await other.close()
    finally:
        server.destroy()


async def test_what_became_of_a_transaction(store: SqlStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.append([])
    database, one = _ours(url)
    _, other = _ours(url)
    number = database.begin(one)
    monkeypatch.setattr(database_module, "LANDING_S", 0.1)
    assert database.landed(other, number, None) is None  # in progress
    one.execute("ROLLBACK")
    assert database.landed(other, number, None) is False
    number = database.begin(one)
    one.execute("COMMIT")
    assert database.landed(other, number, None) is True
    assert database.landed(other, str(2**40 + 5000), None) is False  # not given out yet
    one.close()
    other.close()
