"""PostgreSQL goes away, comes back, does not answer, or its locks are held by others: never a guess or a traceback."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import psycopg
import pytest
from kinds import store_of
from postgres import Server
from postgres_proxy import Cut, Proxy
from steps import ALICE, T0, Story

from hitl_fsm.adapters.store import writer as writing
from hitl_fsm.adapters.store.postgres import database as database_module
from hitl_fsm.adapters.store.postgres import opening
from hitl_fsm.adapters.store.postgres.connection import PostgresConnection
from hitl_fsm.adapters.store.postgres.database import PostgresDatabase
from hitl_fsm.adapters.store.postgres.location import parse
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import Fenced, RunBusy, StoreBusy, StoreError
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Lease


async def whole(store: SqlStore) -> int:
    """How many records; all of them chained."""
    report = verify(await store.records(limit=10_000), Head(*await store.head()))
    assert report.findings == ()
    return report.count


@pytest.fixture
def url(postgres_server: Server, postgres_database: str) -> str:
    return postgres_server.url(postgres_database)


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


# -- the answer to a COMMIT is lost


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
        await _until(lambda: postgres_server.sql("SHOW synchronous_standby_names") == [("nobody",)])
        proxy.cuts = ["at once"]
        waiting = asyncio.create_task(wired.commit(Story("r2").create()))
        asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_xact_status%' AND pid <> pg_backend_pid()"
        await _until(lambda: postgres_server.sql(asked)[0][0] > 0)
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


# -- the server goes and comes back


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


async def test_a_server_that_is_not_there_at_first_is_told_at_once(url: str, postgres_server: Server) -> None:
    postgres_server.stop()
    store = store_of(url)
    began = asyncio.get_running_loop().time()
    with pytest.raises(StoreError, match="cannot be reached"):
        await store.commit(Story().create())
    assert asyncio.get_running_loop().time() - began < writing.AGAIN_S / 2
    postgres_server.start()
    assert await store.commit(Story().create()) == 1
    await store.close()


# -- others hold what is needed


async def test_a_row_that_is_held_too_long_is_busy_and_only_its_own_step_fails(
    store: SqlStore, postgres_server: Server, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stories = [Story(f"r{number}") for number in range(3)]
    for story in stories:
        await store.commit(story.create())
    await store._write(lambda connection: connection.execute("SET lock_timeout = '100ms'") and None)
    steps = [story.pause() for story in stories]
    with postgres_server.connect(postgres_database) as other, other.transaction():
        other.execute("SELECT 1 FROM run WHERE run_id = 'r1' FOR UPDATE")
        outcomes = await asyncio.gather(*(store.commit(step) for step in steps), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [int, StoreBusy, int]
        assert "another transaction holds" in str(outcomes[1])
        assert (await store.load("r1")) is not None  # reading goes on
    assert await store.commit(steps[1]) == 1
    assert await whole(store) == 6


async def test_a_head_that_is_held_too_long_fails_the_batch_and_writes_nothing(
    store: SqlStore, postgres_server: Server, postgres_database: str
) -> None:
    story = Story()
    await store.commit(story.create())
    await store._write(lambda connection: connection.execute("SET lock_timeout = '100ms'") and None)
    step = story.pause()
    with postgres_server.connect(postgres_database) as other, other.transaction():
        other.execute("SELECT 1 FROM log_head FOR UPDATE")
        with pytest.raises(StoreBusy):
            await store.commit(step)
    assert len(await store.requirements()) == 0
    assert await store.commit(step) == 1
    assert await whole(store) == 2


async def test_the_victim_of_a_deadlock_is_run_again(
    store: SqlStore, postgres_server: Server, postgres_database: str
) -> None:
    """Another program takes the log's head first and then the run: the wrong way round."""
    story = Story()
    await store.commit(story.create())
    step = story.pause()
    with postgres_server.connect(postgres_database) as other:
        other.execute("SET deadlock_timeout = '60s'")  # so that it is us who find out
        await store._write(lambda connection: connection.execute("SET deadlock_timeout = '100ms'") and None)
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM log_head FOR UPDATE")
        waiting = asyncio.create_task(store.commit(step))
        held = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        await _until(lambda: postgres_server.sql(held)[0][0] > 0)
        await asyncio.to_thread(other.execute, "SELECT 1 FROM run WHERE run_id = 'r1' FOR UPDATE")
        assert not waiting.done()
        other.execute("COMMIT")
    assert await waiting == 1
    assert await whole(store) == 2


async def test_a_statement_that_takes_too_long_is_ended(store: SqlStore) -> None:
    await store._write(lambda connection: connection.execute("SET statement_timeout = '50ms'") and None)
    with pytest.raises(StoreBusy, match="took too long"):
        await store._write(lambda connection: connection.execute("SELECT pg_sleep(10)") and None)
    assert await store.commit(Story().create()) == 1


async def test_a_worker_that_stood_still_inside_a_transaction_lost_it_and_does_it_again(store: SqlStore) -> None:
    await store._write(
        lambda connection: connection.execute("SET idle_in_transaction_session_timeout = '50ms'") and None
    )
    stood = threading.Event()
    calls = []

    def frozen(connection: object) -> int:
        calls.append(connection)
        if len(calls) == 1:
            stood.wait(0.5)
        return connection.execute("SELECT 7").fetchone()[0]  # type: ignore[attr-defined]

    assert await store._write(frozen) == 7
    assert len(calls) == 2


@pytest.mark.parametrize("code", ["53100", "23505", "XX000", "42501"])
async def test_law10_a_step_whose_record_fails_did_not_happen(
    store: SqlStore, postgres_server: Server, postgres_database: str, code: str
) -> None:
    story = Story()
    await store.commit(story.create())
    sql = postgres_server.sql
    body = f"BEGIN RAISE EXCEPTION 'no more' USING ERRCODE = '{code}'; END"
    sql(f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$", postgres_database)
    step = story.pause()
    for table, verb in (("record", "INSERT"), ("log_head", "UPDATE"), ("event", "INSERT"), ("requirement", "INSERT")):
        trigger = f"CREATE TRIGGER broken BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
        sql(trigger, postgres_database)
        before = await store.load("r1")
        steps = [step, Story(f"new-{table}").create()]
        outcomes = await asyncio.gather(*(store.commit(one) for one in steps), return_exceptions=True)
        assert "no more" in str(outcomes[0])
        assert isinstance(outcomes[0], StoreError)
        assert await store.load("r1") == before
        assert await store.requirements(state=None) == []
        sql(f"DROP TRIGGER broken ON {table}", postgres_database)
        assert await whole(store) == len(await store.runs())
    assert await store.commit(step) == 1


async def test_a_commit_that_the_server_turns_into_a_rollback_is_no_success(store: SqlStore) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK, and no error."""

    def fail(connection: object) -> None:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT nothing")  # type: ignore[attr-defined]

    with pytest.raises(StoreError, match="ROLLBACK"):
        await store._write(fail)
    assert await store.commit(Story().create()) == 1


async def test_the_lease_ends_by_the_servers_clock(store: SqlStore, postgres_server: Server) -> None:
    story = Story()
    ((before,),) = postgres_server.sql("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    await store.commit(story.create())
    ((after,),) = postgres_server.sql("SELECT ceil(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    stored = await store.load("r1")
    assert stored is not None
    assert before <= stored.leased_until - 60_000 <= after
    grab = msgspec.structs.replace(story.step(None, story.run.state, "take"), owner="other")
    with pytest.raises(RunBusy):
        await store.commit(grab)


async def _until(true: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    while not await asyncio.to_thread(true):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
