"""Opening on PostgreSQL: fresh, current, newer, foreign, forbidden, missing; each says what it is and what to do."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from kinds import all_at_once, spawn, store_of
from steps import Story

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.postgres import opening, terms
from hitl_fsm.adapters.store.postgres.location import parse
from hitl_fsm.adapters.store.revisions import HEAD
from hitl_fsm.errors import SchemaTooNew, StoreBusy, StoreError
from hitl_fsm.ports import StoreInfo
from moments import HUNG_S
from postgres import Server

SECRET = "s3cr3t"
HEAVY = "sqlalchemy", "alembic", "pydantic", "structlog", "litellm", "rfc8785", "hypothesis"


async def use(url: str, run_id: str = "r1") -> StoreInfo:
    """Open, write one run, close."""
    store = store_of(url)
    try:
        await store.commit(Story(run_id).create())
        return await store.info()
    finally:
        await store.close()


async def fails(url: str) -> StoreError:
    """The same error for reading and for writing."""
    found = []
    for reading in (True, False):
        store = store_of(url)
        with pytest.raises(StoreError) as caught:
            await (store.load("r1") if reading else store.commit(Story().create()))
        assert caught.value.help
        assert SECRET not in str(caught.value)
        found.append(caught.value)
        await store.close()
    assert str(found[0]) == str(found[1])
    return found[0]


# -- the URL


@pytest.mark.parametrize("scheme", ["postgresql://", "postgresql+psycopg://", "postgres://"])
def test_a_url_means_what_it_means_to_libpq(scheme: str) -> None:
    found = parse(f"{scheme}me:{SECRET}@db.example.com:6543/pay%20ments?sslmode=require&connect_timeout=3")
    expected = {
        "user": "me", "password": SECRET, "host": "db.example.com", "port": "6543", "dbname": "pay ments",
        "sslmode": "require", "connect_timeout": "3",
    }  # fmt: skip
    assert {name: found.parameters[name] for name in expected} == expected
    assert (found.schema, found.synchronous) == ("hitl_fsm", "full")
    assert found.shown == "postgresql://me@db.example.com:6543/pay%20ments"


@pytest.mark.parametrize("password", ["s?x=1&schema=no", "a#b", "a&&b", "%40%2F%25", "a=b"])
def test_odd_passwords_reach_libpq_whole(password: str) -> None:
    found = parse(f"postgresql://me:{password}@host/db?schema=other")
    assert found.parameters["password"] == unquote(password)
    assert (found.shown, found.schema) == ("postgresql://me@host/db", "other")


def test_a_server_that_vanished_is_noticed_in_bounded_time_unless_the_url_says_otherwise() -> None:
    found = parse("postgresql://host/db").parameters
    assert int(found["connect_timeout"]) == 10
    assert int(found["keepalives_idle"]) + int(found["keepalives_interval"]) * int(found["keepalives_count"]) <= 30
    assert int(found["tcp_user_timeout"]) <= 30_000
    assert parse("postgresql://host/db?tcp_user_timeout=1").parameters["tcp_user_timeout"] == "1"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"postgresql://u:{SECRET}@host/db?synchronous=off", "unknown option: 'synchronous=off'"),
        (f"postgresql://u:{SECRET}@host/db?schema=A-b", "impossible option"),
        (f"postgresql://u:{SECRET}@host/db?schema=x;drop", "impossible option"),
        (f"postgresql://u:{SECRET}@host/db?colour=red", "understands"),
        (f"postgresql://u:{SECRET}%zz@host/db", "understands"),
        (f"postgresql://u:{SECRET}@{SECRET}@host/db", "understands"),
        (f"postgresql://u:{SECRET}/{SECRET}@host/db", "understands"),
        (f"postgresql://u:{SECRET}", "understands"),
        (f"postgresql://u:{SECRET}/db", "understands"),
        (f"postgresql://u:{SECRET}\0@host/db", "understands"),
        (f"postgresql://u:{SECRET}\ud800@host/db", "understands"),
        (f"mysql://u:{SECRET}@host/db", "is not the URL of a store"),
        (f"postgresql:u:{SECRET}@host/db", "is not the URL of a store"),
    ],
    ids=ascii,
)
def test_a_url_of_no_database_is_refused_without_its_password(url: str, text: str) -> None:
    with pytest.raises(StoreError, match=text) as caught:
        open_store(url)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in repr(error) + str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert caught.value.help


def test_without_psycopg_it_says_which_extra_to_install() -> None:
    code = """
import sys
sys.modules["psycopg"] = None
from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import StoreError
try:
    open_store("postgresql://u:s3cr3t@host/db")
except StoreError as error:
    print(error, error.help)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "hitl-fsm[postgres]" in done.stdout
    assert SECRET not in done.stdout + done.stderr


def test_a_sqlite_store_does_not_import_psycopg(tmp_path: Path) -> None:
    code = f"""
import sys
from hitl_fsm.adapters.store import open_store
open_store("sqlite:///{tmp_path}/hitl.db")
print("psycopg" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- who may not, and where nothing is


async def test_the_password_is_in_no_error_no_log_and_no_info(
    url: str, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    postgres_server.sql("DROP ROLE IF EXISTS locked")
    postgres_server.sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
    wrong = url.replace("user=postgres", f"user=locked&password={SECRET}")
    assert "login was refused" in str(await fails(wrong))
    assert "cannot be reached" in str(await fails(f"postgresql://u:{SECRET}@127.0.0.1:1/db"))
    assert "cannot be reached" in str(await fails(f"postgresql://u:{SECRET}@/db?host=/nowhere"))
    store = store_of(url.replace("user=postgres", f"user=postgres&password={SECRET}"))
    assert SECRET not in repr(await store.info())
    await store.close()
    with pytest.raises(StoreError) as caught:
        await store.load("r1")
    assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text


async def test_a_database_that_is_not_there(postgres_server: Server) -> None:
    error = await fails(postgres_server.url("nowhere"))
    assert "there is no such database" in str(error)
    assert "createdb" in str(error.help)


async def test_a_user_who_may_make_no_schema(url: str, postgres_server: Server, postgres_database: str) -> None:
    postgres_server.sql("DROP ROLE IF EXISTS humble")
    postgres_server.sql("CREATE ROLE humble LOGIN")
    humble = url.replace("user=postgres", "user=humble")
    error = await fails(humble)
    assert "may not do that" in str(error)
    assert "CREATE" in str(error.help)
    postgres_server.sql("CREATE SCHEMA hitl_fsm AUTHORIZATION humble", postgres_database)
    assert (await use(humble)).runs == 1
    postgres_server.sql("REASSIGN OWNED BY humble TO postgres; DROP OWNED BY humble", postgres_database)
    postgres_server.sql("DROP ROLE humble")


async def test_a_database_that_cannot_hold_every_text(postgres_server: Server) -> None:
    name = "latin"
    postgres_server.sql(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    error = await fails(postgres_server.url(name))
    assert "encoded in LATIN1" in str(error)
    postgres_server.drop_database(name)


async def test_a_server_that_is_too_old(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "OLDEST_SERVER", 99)
    assert "99 is the oldest" in str(await fails(url))


async def test_another_programs_schema_is_left_alone(url: str, postgres_server: Server, postgres_database: str) -> None:
    postgres_server.sql("CREATE SCHEMA hitl_fsm", postgres_database)
    postgres_server.sql("CREATE TABLE hitl_fsm.theirs (x int)", postgres_database)
    assert "belongs to another program" in str(await fails(url))
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'hitl_fsm'"
    assert postgres_server.sql(tables, postgres_database) == [("theirs",)]


async def test_an_applications_own_tables_do_not_matter(
    url: str, postgres_server: Server, postgres_database: str
) -> None:
    """Also those that are called like ours, and its Alembic stamp."""
    for statement in ("CREATE TABLE run (x int)", "CREATE TABLE alembic_version (version_num text)"):
        postgres_server.sql(f"SET search_path = public; {statement}", postgres_database)
    postgres_server.sql("INSERT INTO public.alembic_version VALUES ('beef')", postgres_database)
    assert (await use(url)).schema == HEAD
    assert postgres_server.sql("SELECT version_num FROM public.alembic_version", postgres_database) == [("beef",)]


async def test_two_schemas_are_two_stores(url: str) -> None:
    one, other = url, f"{url}&schema=other"
    assert (await use(one)).runs == 1
    assert (await use(other)).runs == 1
    assert (await use(other, "r2")).runs == 2
    assert (await use(one, "r3")).records == 2


# -- fresh, current, newer


async def test_looking_makes_nothing(url: str, postgres_server: Server, postgres_database: str) -> None:
    store = store_of(url)
    info = await store.info()
    assert (info.schema, info.expected_schema, info.runs, info.bytes) == (None, HEAD, 0, 0)
    await store.close()
    assert postgres_server.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'hitl_fsm'", postgres_database) == []


async def test_a_fresh_database_is_made_when_first_used(url: str) -> None:
    info = await use(url)
    assert (info.schema, info.runs, info.records) == (HEAD, 1, 1)
    assert info.bytes > 0
    assert (await use(url, "r2")).runs == 2


@pytest.mark.parametrize("version", ["9999", "zzz"])
async def test_a_newer_schema_is_refused(
    url: str, postgres_server: Server, postgres_database: str, version: str
) -> None:
    await use(url)
    postgres_server.sql(f"UPDATE alembic_version SET version_num = '{version}'", postgres_database)
    error = await fails(url)
    assert isinstance(error, SchemaTooNew)
    assert version in str(error)
    store = store_of(url)
    assert (await store.info()).schema == version
    await store.close()


async def test_eight_openings_at_once_make_one_database(url: str) -> None:
    await asyncio.gather(*(use(url, f"r{number}") for number in range(8)))
    assert (await use(url, "last")).runs == 9


FIRST_USE = """
import asyncio
from steps import Story
from hitl_fsm.adapters.store import open_store
async def main():
    store = open_store(sys.argv[1])
    print("ready", flush=True); sys.stdin.readline()
    await store.commit(Story(sys.argv[2]).create())
    await store.close()
    print("done")
asyncio.run(main())
"""


async def test_processes_that_start_at_once_make_one_database(url: str) -> None:
    racers = [spawn(FIRST_USE, url, f"r{number}") for number in range(4)]
    assert await all_at_once(racers) == ["done"] * 4
    assert (await use(url, "last")).runs == 5


async def test_who_makes_or_changes_tables_does_it_alone(
    url: str, postgres_server: Server, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "MIGRATION_WAIT_S", 0.1)
    with postgres_server.connect(postgres_database) as other, other.transaction():
        other.execute(terms.lock("hitl_fsm"))
        error = await fails(url)
        assert isinstance(error, StoreBusy)
    assert (await use(url)).runs == 1


# -- the session


@pytest.mark.parametrize(
    ("query", "before", "after"),
    [
        ("", "on", "on"), ("", "off", "on"), ("", "remote_apply", "remote_apply"), ("", "local", "local"),
        ("&synchronous=full", "off", "on"), ("&synchronous=normal", "on", "off"),
    ],
)  # fmt: skip
async def test_synchronous_is_as_the_url_says(
    url: str, postgres_server: Server, postgres_database: str, query: str, before: str, after: str
) -> None:
    postgres_server.sql(f"ALTER DATABASE {postgres_database} SET synchronous_commit = {before}")
    store = store_of(url + query)
    shown = await store._write(lambda connection: connection.execute("SHOW synchronous_commit").fetchone())
    await store.close()
    assert shown == (after,)


async def test_info_tells_when_the_server_does_not_sync_at_all(url: str) -> None:
    assert (await use(url)).synchronous == "off"  # the tests' server runs with fsync=off


async def test_each_connection_has_its_limits(url: str) -> None:
    store = store_of(f"{url}&options=-c%20work_mem%3D1234kB&application_name=payments")
    await store.append([])
    names = {
        "statement_timeout": f"{terms.STATEMENT_S}s",
        "lock_timeout": f"{terms.LOCK_WAIT_S}s",
        "idle_in_transaction_session_timeout": f"{terms.IDLE_S}s",
        "search_path": "hitl_fsm",
        "default_transaction_isolation": "read committed",
        "work_mem": "1234kB",
        "application_name": "payments",
        "client_encoding": "UTF8",
    }
    for name, value in names.items():
        assert await store._write(lambda c, n=name: c.execute(f"SHOW {n}").fetchone()) == (value,), name
    reading = {"default_transaction_isolation": "repeatable read", "transaction_read_only": "on"}
    for name, value in reading.items():
        assert await store._read(lambda c, n=name: c.execute(f"SHOW {n}").fetchone()) == (value,), name
    await store.close()


async def test_a_reader_cannot_write(url: str) -> None:
    store = store_of(url)
    with pytest.raises(StoreError, match="takes no writes"):
        await store._read(lambda connection: connection.execute("DELETE FROM run"))
    await store.close()


async def test_a_closed_store_leaves_no_connection(url: str, postgres_server: Server, postgres_database: str) -> None:
    store = store_of(url)
    await store.append([])
    await asyncio.gather(*(store.runs() for _ in range(20)))
    count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{postgres_database}'"
    assert 2 <= postgres_server.sql(count)[0][0] <= 5
    await store.close()
    deadline = asyncio.get_running_loop().time() + HUNG_S
    while postgres_server.sql(count) != [(0,)]:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


def test_a_current_or_fresh_database_needs_no_heavy_import(url: str) -> None:
    code = f"""
import asyncio, sys
from hitl_fsm.adapters.store import open_store
async def main():
    store = open_store({url!r})
    await store.load("x"); await store.append([]); await store.close()
asyncio.run(main())
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", done.stderr
