"""Three descriptions of PostgreSQL's schema, held equal; and from every revision, with its rows, to the current one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from kinds import all_at_once, spawn, store_of
from steps import ME, T0, Story

from hitl_fsm.adapters.store import schema
from hitl_fsm.adapters.store import statements as sql
from hitl_fsm.adapters.store.postgres import migrating, opening
from hitl_fsm.adapters.store.postgres.location import parse
from hitl_fsm.adapters.store.revisions import HEAD, REVISIONS
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.core.table import TABLES
from hitl_fsm.errors import StoreError
from postgres import Server, sql_at

END = T0 + 14_400_000
FIRST_TABLES = ("run", "event", "call", "requirement", "record", "log_head", "policy_set")
FIRST_COLUMNS = {"requirement": "id, requirement_id, run_id, call_id, kind, state, digest, bound, body"}
"""Of the tables that were given more columns since."""

CATALOGUE = {
    "columns": (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity,"
        " character_maximum_length FROM information_schema.columns WHERE table_schema = '{schema}' ORDER BY 1, 2"
    ),
    "indexes": "SELECT tablename, replace(indexdef, '{schema}.', '') FROM pg_indexes WHERE schemaname = '{schema}'"
    " ORDER BY 1, 2",
    "constraints": (
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = '{schema}'::regnamespace AND contype <> 'n' ORDER BY 1, 2"
    ),
    "version": "SELECT version_num FROM {schema}.alembic_version",
}


def build(url: str, revision: str) -> None:
    """A database as the program of that revision had made it."""
    connection = opening.connect(parse(url))
    connection.script(f"CREATE SCHEMA IF NOT EXISTS {parse(url).schema}")
    connection.close()
    migrating.upgrade(parse(url), revision)


@pytest.fixture
def both(url: str) -> Iterator[tuple[str, str]]:
    """A migrated database and a fresh one."""
    migrated, fresh = f"{url}&schema=migrated", f"{url}&schema=fresh"
    build(migrated, REVISIONS[0])
    opening.open_writer(parse(migrated)).close()
    opening.open_writer(parse(fresh)).close()
    return migrated, fresh  # type: ignore[return-value]


def test_a_migrated_database_is_a_fresh_one(
    both: tuple[str, str], postgres_server: Server, postgres_database: str
) -> None:
    for what, query in CATALOGUE.items():
        migrated, fresh = (
            [
                tuple(str(value).replace(f"{name}.", "") for value in row)
                for row in postgres_server.sql(query.format(schema=name), postgres_database)
            ]
            for name in ("migrated", "fresh")
        )
        assert migrated == fresh, what
        assert migrated


@pytest.mark.parametrize("revision", REVISIONS[: REVISIONS.index("0005")])
async def test_every_released_schema_takes_calls_in_every_state_once_it_is_current(url: str, revision: str) -> None:
    build(url, revision)
    put = "INSERT INTO call (run_id, call_id, tool, state, digest) VALUES ('r', '{0}', 't', '{0}', 'd')"
    with pytest.raises(Exception, match="call_state"):
        sql_at(url, put.format("substituted"))
    opening.open_writer(parse(url)).close()
    for state in ("in_review", "withheld", "substituted"):
        sql_at(url, put.format(state))
    with pytest.raises(Exception, match="call_state"):
        sql_at(url, put.format("reviewed"))


@pytest.mark.parametrize("which", [0, 1])
def test_alembic_finds_nothing_left_to_migrate(both: tuple[str, str], which: int) -> None:
    with migrating.engine(parse(both[which])).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.parametrize("machine", sorted(TABLES))
def test_the_checks_are_the_states_of_the_machines(
    both: tuple[str, str], postgres_server: Server, postgres_database: str, machine: str
) -> None:
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
    for (text,) in postgres_server.sql(query, postgres_database, (f"{machine}_state",)):
        assert {part.strip("'") for part in text.split("'")[1::2]} == {str(state) for state in TABLES[machine].states}


def test_ids_are_compared_by_their_bytes(
    both: tuple[str, str], postgres_server: Server, postgres_database: str
) -> None:
    query = "SELECT DISTINCT collation_name FROM information_schema.columns WHERE column_name IN %s"
    names = "('run_id', 'call_id', 'requirement_id', 'about')"
    assert postgres_server.sql(query.replace("%s", names), postgres_database) == [("C",)]


def test_hot_queries_use_an_index(both: tuple[str, str]) -> None:
    connection = opening.connect(parse(both[1]))
    connection.script("SET enable_seqscan = off")
    queries: list[tuple[str, tuple[Any, ...]]] = [
        (sql.RUN_HEAD, ("r",)), (sql.RUN_AND_LOG, (0, "r")), (sql.CALL_ROW, ("r", "c")), (sql.REQUIREMENT_ROW, ("q",)),
        (sql.REQUIREMENTS_OF_CALL, ("r", "c")), (sql.RECORDS, (0, 1)), (sql.RECORDS_OF_RUN, ("r", 0, 1)),
        (sql.HEAD_LOCKED, ("x",)), (sql.RUNS_ADVANCING, ("", 10)), (sql.TIMERS_DUE, (1, 1, 10)), (sql.LEASES, ()),
        (sql.REQUIREMENTS + " WHERE requirement_id > ? AND state = 'open' ORDER BY requirement_id LIMIT 1", ("",)),
    ]  # fmt: skip
    for query, values in queries:
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}", values).fetchall())
        assert "Index" in plan, (query, plan)
        assert "Seq Scan" not in plan, (query, plan)
    connection.close()


# -- with rows


async def old_database(server: Server, url: str, runs: int = 6) -> None:
    """Schema 0001, made by its script, with the rows of open, answered and ended runs; every second question ends."""
    current = f"{url}&schema=current"
    store = store_of(current)
    for number in range(runs):
        story = Story(f"r{number:03}")
        if number % 2:
            story.requirement = msgspec.structs.replace(story.requirement, expires_at=END + number)
        for commit in story.all()[: (2, 2, 3, 6)[number % 4]]:
            await store.commit(commit)
    await store.close()
    await asyncio.to_thread(build, url, "0001")
    for table in FIRST_TABLES:
        columns = FIRST_COLUMNS.get(table, "*")
        sql_at(url, f"INSERT INTO {table} SELECT {columns} FROM current.{table} ORDER BY 1")


def content(server: Server, url: str) -> list[list[tuple[Any, ...]]]:
    return [sql_at(url, f"SELECT {FIRST_COLUMNS.get(table, '*')} FROM {table} ORDER BY 1") for table in FIRST_TABLES]


@pytest.mark.parametrize("reading", [True, False])
async def test_an_old_database_becomes_a_current_one_with_all_its_rows(
    url: str, postgres_server: Server, reading: bool
) -> None:
    await old_database(postgres_server, url)
    before = content(postgres_server, url)
    store = store_of(url)
    assert (await store.info()).schema == "0001"  # looking migrates nothing
    await (store.load("r000") if reading else store.append([]))
    assert content(postgres_server, url) == before
    assert (await store.info()).schema == HEAD
    assert verify(await store.records(), Head(*await store.head())).intact
    timers_set = [(one.run_id, one.due_at) for one in await store.claim_timers(END * 2, ME)]
    assert timers_set == [("r001", END + 1), ("r005", END + 5)]
    assert [row.run_id for row in await store.ready()] == ["r002"]
    await store.close()


OPEN = """
import asyncio
from hitl_fsm.adapters.store import open_store
async def main():
    store = open_store(sys.argv[1])
    print("ready", flush=True); sys.stdin.readline()
    await store.append([])
    print((await store.info()).schema)
    await store.close()
asyncio.run(main())
"""


async def test_processes_that_migrate_at_once_do_it_once(url: str, postgres_server: Server) -> None:
    await old_database(postgres_server, url)
    racers = [spawn(OPEN, url) for _ in range(3)]
    assert await all_at_once(racers) == [HEAD] * 3
    store = store_of(url)
    assert len(await store.claim_timers(END * 2, ME)) == 2
    await store.close()


async def test_a_migration_that_fails_leaves_the_old_database(url: str, postgres_server: Server) -> None:
    await old_database(postgres_server, url)
    before = content(postgres_server, url)
    sql_at(url, "CREATE INDEX run_advancing ON run (run_id)")  # what the migration makes last but one
    store = store_of(url)
    with pytest.raises(StoreError, match="run_advancing"):
        await store.append([])
    await store.close()
    assert content(postgres_server, url) == before
    assert sql_at(url, "SELECT version_num FROM alembic_version") == [("0001",)]
    assert sql_at(url, "SELECT 1 FROM pg_tables WHERE tablename = 'timer' AND schemaname = 'hitl_fsm'") == []
    sql_at(url, "DROP INDEX run_advancing")
    store = store_of(url)
    await store.append([])
    assert (await store.info()).schema == HEAD
    await store.close()
