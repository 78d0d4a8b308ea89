"""Fixtures of the kill tests: nurseries of workers, each kind of database in turn, and cases on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kill_cases import Case, Site
from kill_databases import Database, Postgres, Sqlite
from kill_nursery import Nursery, nursery

SIDE_BY_SIDE = 2
"""Cases at once: a worker waits for the disk half of its time."""


@pytest.fixture(params=["sqlite", "postgres"], scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind of store in turn."""
    if request.param == "sqlite":
        yield Sqlite()
        return
    made = Postgres(request.getfixturevalue("postgres_server"))
    yield made
    made.drop()


@pytest.fixture(scope="session")
def nurseries() -> Iterator[list[Nursery]]:
    with ExitStack() as stack:
        yield [stack.enter_context(nursery()) for _ in range(SIDE_BY_SIDE)]


@pytest.fixture
def case(tmp_path: Path, database: Database, nurseries: list[Nursery]) -> Case:
    return Case(tmp_path / "case", database, nurseries[0])


@pytest.fixture
def site(tmp_path: Path, database: Database, nurseries: list[Nursery]) -> Site:
    return Site(tmp_path, database, nurseries)
