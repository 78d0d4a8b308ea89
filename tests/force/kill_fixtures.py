"""Fixtures of the kill tests: a nursery of workers, and each kind of database in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_cases import Case
from kill_databases import DATABASES, Database
from kill_nursery import Nursery, nursery


@pytest.fixture(params=DATABASES, scope="module")
def database(request: pytest.FixtureRequest) -> Database:
    """Each kind of store in turn."""
    made: Database = request.param()
    return made


@pytest.fixture(scope="module")
def workers() -> Iterator[Nursery]:
    with nursery() as made:
        yield made


@pytest.fixture
def case(tmp_path: Path, database: Database, workers: Nursery) -> Case:
    return Case(tmp_path / "case", database, workers)
