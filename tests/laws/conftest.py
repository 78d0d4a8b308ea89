"""The laws hold on every store: each test with a `house` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.adapters.keys import KeyFile
from hitl_fsm.adapters.store import open_store
from house import House, policies, policy_text


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    if request.param == "postgres":
        made.store_url = request.getfixturevalue("postgres_server").schema_url()
    yield made
    honest = made.engines and not is_altered(request)
    told = made.engines[-1].audit.verify() if honest else None
    asked = made.engines[-1].audit.ask("unapproved-effects") if honest and request.param == "sqlite" else None
    for engine in made.engines:
        engine.close()
    assert told is None or told.intact, told.findings
    assert asked is None or asked.is_clean, asked.rows


def is_altered(request: pytest.FixtureRequest) -> bool:
    """Whether a test does to its store what nobody who is honest does; every other store has to verify at the end."""
    return request.node.get_closest_marker("altered") is not None


@pytest.fixture
def keyed(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Engines of this house have keys on every kind of store."""

    def engine(rules: str = "- {id: all, gate: confirm}", **options: Any) -> Engine:
        store = open_store(house.url, None, KeyFile(house.folder / "the.keys"))
        made = Engine(
            policies(policy_text(rules, tools="'*'")), store, actors=house.actors, clock=house.clock, **options
        )
        house.engines.append(made)
        return made

    monkeypatch.setattr(house, "engine", engine)
    return house
