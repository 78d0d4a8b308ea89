"""The tools of an application, as policies see them, and as the command line finds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import tool
from hitl_fsm.cli.policies.catalogue import is_file, known_tools, not_told
from hitl_fsm.cli.session import Session
from hitl_fsm.errors import Diagnostic, Place, SettingsError
from hitl_fsm.policy.catalogue import Known
from hitl_fsm.runtime.tools.catalogue import tool_shapes
from house import House, call, calls


@dataclass
class Card:
    number: str
    cvc: str = "000"


class Missing:
    """A default that JSON cannot carry."""


@tool(version="3", idempotent=True)
def charge(card: Card, amount: float, note: str | None = None, mark: str = Missing()) -> str:  # type: ignore[assignment]
    """Charge a card."""
    return f"{card} {amount} {note} {mark}"


def properties(house: House) -> dict[str, Any]:
    engine = house.engine("- {id: all, gate: confirm}")
    engine.gate(charge)
    return dict(tool_shapes(engine)["charge"].parameters["properties"])


def test_agents_tools_and_gated_callables_and_ask_user_are_there(house: House) -> None:
    engine = house.engine("- {id: all, gate: confirm}")
    house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    engine.gate(charge)
    shapes = tool_shapes(engine)
    assert {"ask_user", "charge", "pay"} <= set(shapes)
    assert list(shapes) == sorted(shapes)
    assert shapes["charge"][2:] == ("Charge a card.", "3", True)


def test_only_defaults_that_calls_are_completed_with_are_kept(house: House) -> None:
    found = properties(house)
    assert "default" in found["note"]
    assert "default" not in found["mark"]


def test_ask_user_is_judged_as_it_was_called(house: House) -> None:
    shape = tool_shapes(house.engine("- {id: all, gate: confirm}"))["ask_user"]
    assert all("default" not in schema for schema in shape.parameters["properties"].values())


def test_two_tools_of_one_name_are_anything(house: House) -> None:
    engine = house.engine("- {id: all, gate: confirm}")

    def pay(x: int) -> str:
        return str(x)

    house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    engine.gate(tool(name="pay")(pay))
    assert tool_shapes(engine)["pay"].parameters == {"type": "object"}


@pytest.mark.parametrize(
    ("text", "expected"), [("tools.json", True), ("x/tools", True), ("app:engine", False), ("a.b:c.d", False)]
)
def test_a_file_is_told_from_an_application(text: str, expected: bool) -> None:
    assert is_file(text) is expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    missing = str(tmp_path / "tools.json")
    known = known_tools(Session(), missing)
    assert known.tools is None
    assert [(one.code, one.message) for one in known.findings] == [
        ("HF126", "the file cannot be read: No such file or directory")
    ]
    assert known.file == missing


def test_an_application_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match="no module"):
        known_tools(Session(), "nowhere_at_all:engine")


def test_what_was_found_already_is_not_told_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = Diagnostic("HF106", "x", Place("a.policy.yaml", 1, 2))
    theirs = Diagnostic("HF106", "x", Place(str(tmp_path / "a.policy.yaml"), 1, 2))
    other = Diagnostic("HF106", "x", Place("b.policy.yaml", 1, 2))
    assert not_told(Known(None, (theirs, other)), [mine]) == [other]
