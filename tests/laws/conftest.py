"""The laws hold on every store: each test with a `house` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from house import House


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    if request.param == "postgres":
        made.store_url = request.getfixturevalue("postgres_server").schema_url()
    yield made
    for engine in made.engines:
        engine.close()
