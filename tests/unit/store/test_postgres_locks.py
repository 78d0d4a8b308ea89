"""Others hold what is needed, too long or the wrong way round; and what the server refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import psycopg
import pytest
from kinds import store_of, until, whole
from steps import ALICE, ME, T0, Story

from hitl_fsm.adapters.store.postgres import opening, terms
from hitl_fsm.adapters.store.postgres.location import parse
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import RunBusy, StoreBusy, StoreError
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Lease
from postgres import Server
from receiver import wait_for


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    opened = store_of(url)
    await opened.append([])
    yield opened
    await opened.close()


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


async def test_a_frozen_worker_keeps_its_locks_shorter_than_others_wait(
    store: SqlStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terms.IDLE_S < terms.LOCK_WAIT_S
    monkeypatch.setattr(terms, "IDLE_S", 1)
    frozen = opening.open_writer(parse(url))
    await store.append([Record("first", T0, ALICE)])
    frozen.script("BEGIN; SELECT 1 FROM log_head FOR UPDATE")
    assert await store.commit(Story().create()) == 1
    assert await whole(store) == 2
    frozen.close()


async def test_the_victim_of_a_deadlock_is_run_again(
    store: SqlStore, postgres_server: Server, postgres_database: str
) -> None:
    """Another program takes the log's head first and then the run: the wrong way round."""
    story = Story()
    await store.commit(story.create())
    step = story.pause()
    with postgres_server.connect(postgres_database) as other:
        other.execute("SET deadlock_timeout = '60s'")  # so that it is us who find out
        await store._write(lambda connection: connection.execute("SET deadlock_timeout = '1s'") and None)
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM log_head FOR UPDATE")
        waiting = asyncio.create_task(store.commit(step))
        held = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        await until(lambda: postgres_server.sql(held)[0][0] > 0)
        await asyncio.to_thread(other.execute, "SELECT 1 FROM run WHERE run_id = 'r1' FOR UPDATE")
        assert not waiting.done()
        other.execute("COMMIT")
    assert await waiting == 1
    assert await whole(store) == 2


async def test_batches_of_several_stores_lock_their_runs_in_one_order(
    store: SqlStore, url: str, postgres_server: Server
) -> None:
    """Met the other way round, they would be deadlocks, which the server ends after a second each."""
    stores = [store, store_of(url), store_of(url)]
    for number in range(30):
        await store.commit(Story(f"r{number:02}").create())
    before = postgres_server.log.count("deadlock detected")
    for turn in range(3):
        names = [f"r{number:02}" for number in range(30)]
        jobs = [
            one.renew(name, Lease(ME, 1))
            for place, one in enumerate(stores)
            for name in (names if (turn + place) % 2 else names[::-1])
        ]
        assert all(await asyncio.gather(*jobs))
    assert postgres_server.log.count("deadlock detected") == before
    for one in stores[1:]:
        await one.close()


async def test_a_statement_that_takes_too_long_is_ended(store: SqlStore) -> None:
    def long(connection: Any) -> None:
        connection.execute("SET LOCAL statement_timeout = '50ms'")
        connection.execute("SELECT pg_sleep(600)")

    with pytest.raises(StoreBusy, match="took too long"):
        await store._write(long)
    assert await store.commit(Story().create()) == 1


async def test_a_worker_that_stood_still_inside_a_transaction_lost_it_and_does_it_again(
    store: SqlStore, postgres_server: Server
) -> None:
    calls = []

    def frozen(connection: Any) -> int:
        calls.append(connection)
        if len(calls) == 1:
            (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            wait_for(lambda: not postgres_server.sql(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}"))
        found: int = connection.execute("SELECT 7").fetchone()[0]
        return found

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
