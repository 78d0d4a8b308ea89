"""Three descriptions of one schema, held equal: the metadata, the migrations, the file for fresh databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from hitl_fsm.adapters.store import ddl, schema
from hitl_fsm.adapters.store.migrations.run import config
from hitl_fsm.adapters.store.revisions import HEAD, REVISIONS
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.adapters.store.sqlite.migrating import upgrade
from hitl_fsm.adapters.store.url import parse
from hitl_fsm.core.table import TABLES


@pytest.fixture
def migrated() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, "0001")
    upgrade(connection)
    yield connection
    connection.close()


@pytest.fixture
def fresh() -> Iterator[sqlite3.Connection]:
    connection = opening.open_writer(parse("sqlite:///:memory:"))
    yield connection
    connection.close()


def objects(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {(kind, name, " ".join(text.split())) for kind, name, text in rows}


@pytest.mark.parametrize("name", ddl.FILES)
def test_the_file_is_what_the_metadata_says(name: str) -> None:
    _, file = ddl.FILES[name]
    assert file.read_text(encoding="utf-8") == ddl.render(name), "run: python -m hitl_fsm.adapters.store.ddl"


def test_a_migrated_database_is_a_fresh_one(migrated: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    assert objects(migrated) == objects(fresh)
    assert opening.schema_version(migrated) == opening.schema_version(fresh) == HEAD


@pytest.mark.parametrize("which", ["migrated", "fresh"])
def test_alembic_finds_nothing_left_to_migrate(which: str, request: pytest.FixtureRequest) -> None:
    raw: sqlite3.Connection = request.getfixturevalue(which)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_the_revisions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory.from_config(config())
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS
    assert scripts.get_heads() == [HEAD]


@pytest.mark.parametrize("machine", sorted(TABLES))
def test_the_checks_are_the_states_of_the_machines(machine: str, fresh: sqlite3.Connection) -> None:
    (sql,) = fresh.execute("SELECT sql FROM sqlite_master WHERE name = ?", (machine,)).fetchone()
    assert "CHECK (state IN (" + ", ".join(f"'{state}'" for state in TABLES[machine].states) + "))" in sql


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    connection.execute("CREATE TABLE policy_set (theirs)")  # the last table that the first migration makes
    with pytest.raises(Exception, match="policy_set"):
        upgrade(connection)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    assert names == ["policy_set"]


def test_hot_queries_use_an_index(fresh: sqlite3.Connection) -> None:
    from hitl_fsm.adapters.store import statements as sql

    queries = [
        (sql.RUN_HEAD, ("r",)), (sql.RUN_AND_LOG, (0, "r")), (sql.CALL_ROW, ("r", "c")), (sql.REQUIREMENT_ROW, ("q",)),
        (sql.REQUIREMENTS_OF_CALL, ("r", "c")), (sql.RECORDS, (0, 1)),
        (sql.RECORDS_OF_RUN, ("r", 0, 1)), (sql.HEAD, ("x",)),
        (sql.REQUIREMENTS + " WHERE requirement_id > ? AND state = 'open' ORDER BY requirement_id LIMIT 1", ("",)),
    ]  # fmt: skip
    for query, values in queries:
        plan = " ".join(row[3] for row in fresh.execute(f"EXPLAIN QUERY PLAN {query}", values))
        assert "SEARCH" in plan, (query, plan)
        assert "TEMP B-TREE" not in plan or "ORDER BY id" in query, (query, plan)
    assert "requirement_open" in plan
