"""What an engine is made with: a wrong value is told at once, by its keyword and with what to give."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Actor, Engine
from hitl_fsm.errors import SettingsError, StoreError
from hitl_fsm.testing import ScriptedModel
from house import House

WRONG: list[tuple[str, Any]] = [
    ("policies", 42),
    ("policies", [1, 2]),
    ("policies", {"a": 1}),
    ("store", 42),
    ("store", Path("hitl.db")),
    ("default", []),
    ("default", None),
    ("actors", 42),
    ("actors", ["maria"]),
    ("actors", Actor("maria")),
    ("actors", {"maria": "finance"}),
    ("actors", {"maria": None}),
    ("actors", {"maria": [1]}),
    ("actors", {"maria": Actor("maria")}),
    ("actors", {3: ["finance"]}),
    ("models", "openai/gpt-5"),
    ("models", ScriptedModel([])),
    ("clock", time.time),
    ("reload", None),
    ("reload", []),
    ("reload", "2s"),
    ("routes", ["bank"]),
    ("routes", "https://bank"),
    ("channels", None),
    ("channels", "slack://token"),
    ("sinks", None),
    ("sinks", "file:///copy"),
    ("telemetry", "http://localhost:4318"),
    ("open_per_agent", "3"),
    ("record_keys", None),
    ("record_keys", 42),
    ("record_anchors", None),
    ("record_anchors", "file:///anchor"),
    ("record_anchors", [1]),
]


@pytest.mark.parametrize(("keyword", "value"), WRONG, ids=[f"{name}-{type(value).__name__}" for name, value in WRONG])
def test_a_wrong_value_is_told_with_its_keyword_and_makes_no_file(
    keyword: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {"store": "sqlite:///hitl.db", keyword: value}
    with pytest.raises(SettingsError) as caught:
        Engine(**given)
    assert keyword in caught.value.message
    assert caught.value.help
    assert "token" not in str(caught.value), "an address may have a password"
    assert not list(tmp_path.iterdir())


def test_what_can_be_used_is(tmp_path: Path) -> None:
    for actors in (None, {}, {"maria": ["finance"], "otto": ()}, lambda name: Actor(name, ("finance",))):
        with Engine(
            store="sqlite:///:memory:", actors=actors, routes={}, channels=(), record_keys=tmp_path / "k"
        ) as engine:
            assert engine.evaluate("pay", {}, user="maria").outcome == "deny"


# -- the end of an engine


def test_an_engine_is_closed_at_the_end_of_its_block(house: House) -> None:
    with house.engine() as engine:
        assert engine.runs.list() == []
    with pytest.raises(StoreError, match="closed"):
        engine.runs.list()
    engine.close()


def test_an_error_inside_comes_through_and_the_engine_is_closed(house: House) -> None:
    engine = house.engine()
    with pytest.raises(KeyError), engine:
        raise KeyError
    with pytest.raises(StoreError, match="closed"):
        engine.runs.list()


async def test_it_is_closed_asynchronously_too(house: House) -> None:
    async with house.engine() as engine:
        assert await engine.runs.alist() == []
    with pytest.raises(StoreError, match="closed"):
        await engine.runs.alist()
    await engine.aclose()
