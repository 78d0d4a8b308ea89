"""Killed while the schema is made or migrated: the next process finds it undone or done, and the runs in it go on."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kill_cases import Case, Site
from kill_kinds import ON_SQLITE
from kill_old import FIRST, make_old
from kill_points import STATEMENT, Plan
from kill_stores import stored_rows
from worker import LOOKED

from hitl_fsm import Engine
from hitl_fsm.adapters.store.revisions import HEAD

pytest_plugins = ["kill_fixtures"]

STEP = 10
"""Of the statements of an opening, how many are passed over when only some are tried."""
WRITTEN = {
    "at an open question": Plan("kill", "after the commit of answer_recorded", 2),
    "in the middle of a tool": Plan("kill", "in refund order, after the effect"),
}
"""Where the older program was killed."""


def statements_of_opening(case: Case) -> int:
    """How many a worker sends before it has seen what is there; to one that nobody kills."""
    assert case.send(statements=True).how == "exited"
    passed = case.passed()
    return passed[: passed.index(LOOKED)].count(STATEMENT)


def at_statements(count: int, step: int = 1) -> list[Plan]:
    return [Plan("kill", STATEMENT, n + 1) for n in range(0, count, step)]


def written_by_an_older_program(case: Case, written: Plan) -> Case:
    assert case.send(written).how == "killed"
    make_old(case.url)
    assert version(case) == FIRST
    return case


def version(case: Case) -> str:
    ((found,),) = stored_rows(case.url, "SELECT version_num FROM alembic_version")
    return str(found)


def lines(case: Case) -> object:
    return stored_rows(case.url, "SELECT run_id, body FROM event ORDER BY id")


def killed_while_migrated(case: Case, plan: Plan, written: Plan) -> list[str]:
    before = lines(written_by_an_older_program(case, written))
    killed = case.send(plan, statements=True)
    found = [] if killed.how == "killed" else [f"it was not killed: {killed}"]
    if version(case) not in {FIRST, HEAD}:  # the last statements come after the migration's own end
        found.append(f"a migration that was killed left schema {version(case)}")
    if lines(case) != before:
        found.append("rows changed")
    found += case.finished()
    return found if version(case) == HEAD else [*found, f"the schema is {version(case)}"]


@ON_SQLITE
def test_killed_while_the_schema_is_made(site: Site) -> None:
    with site.case("unharmed") as unharmed:
        count = statements_of_opening(unharmed)
    assert count > 1
    tried = at_statements(count, STEP)
    wrong = site.tried(tried, lambda case, plan: case.killed_and_finished(plan, statements=True))
    assert not wrong, wrong


@ON_SQLITE
def test_killed_while_the_schema_is_migrated(site: Site) -> None:
    written = WRITTEN["in the middle of a tool"]
    with site.case("unharmed") as unharmed:
        count = statements_of_opening(written_by_an_older_program(unharmed, written))
        assert version(unharmed) == HEAD
        assert unharmed.complaints() == []
    assert count > 4
    tried = at_statements(count, STEP)
    wrong = site.tried(tried, lambda case, plan: killed_while_migrated(case, plan, written))
    assert not wrong, wrong


@pytest.mark.slow
def test_killed_at_each_statement_of_the_making(site: Site) -> None:
    with site.case("unharmed") as unharmed:
        every = at_statements(statements_of_opening(unharmed))
    wrong = site.tried(every, lambda case, plan: case.killed_and_finished(plan, statements=True))
    assert not wrong, wrong


@pytest.mark.slow
@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_killed_at_each_statement_of_a_migration(site: Site, written: Plan) -> None:
    with site.case("unharmed") as unharmed:
        count = statements_of_opening(written_by_an_older_program(unharmed, written))
        assert unharmed.complaints() == []
    every = at_statements(count)
    wrong = site.tried(every, lambda case, plan: killed_while_migrated(case, plan, written))
    assert not wrong, wrong


def test_read_after_the_first_opening_was_killed_with_its_journal_on_disk(tmp_path: Path) -> None:
    """As inside `PRAGMA journal_mode = WAL`: the file is longer already, its journal would take that back."""
    path, half_done = tmp_path / "hitl.db", tmp_path / "half.db"
    with closing(sqlite3.connect(half_done, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE filler (body)")
        connection.executemany("INSERT INTO filler VALUES (?)", [("x" * 4_000,)] * 100)
        shutil.copy(half_done, path)
        shutil.copy(f"{half_done}-journal", f"{path}-journal")
    with closing(Engine(store=f"sqlite:///{path}")) as engine:
        assert engine.runs.list() == []
