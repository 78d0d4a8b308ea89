"""Guards by themselves: what lets a text pass, what refuses it, and what is said of that."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hitl_fsm.errors import ToolError
from hitl_fsm.runtime.agents import callback
from hitl_fsm.runtime.agents.guards import WHY_LIMIT, GuardRefused, Guards


def passes(text: str) -> None:
    """Nothing to say."""


async def no_cards(text: str) -> str | None:
    return "it has a card number" if "4242" in text else None


def strict(text: str) -> None:
    raise GuardRefused("not today")


async def test_a_guard_refuses_by_a_reason_or_by_raising() -> None:
    guards = Guards(input=[passes, no_cards], output=[strict])
    assert await guards.against_input("hello") is None
    assert await guards.against_input("card 4242") == "The input guard no_cards refused: it has a card number"
    assert await guards.against_output("hello") == "The output guard strict refused: not today"
    assert await Guards().against_output("hello") is None


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (False, "it returned bool, not None or a reason"),
        (True, "it returned bool, not None or a reason"),
        ("", "it gave no reason"),
        ("x" * 9_000, "x" * WHY_LIMIT),
        ("half \ud800", "half \ufffd"),
    ],
)
async def test_what_is_not_none_does_not_pass(returned: Any, said: str) -> None:
    def odd(text: str) -> Any:
        return returned

    assert await Guards(input=[odd]).against_input("hello") == f"The input guard odd refused: {said}"


async def test_a_guard_that_fails_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> str | None:
        raise ConnectionError("no scanner")

    def leaves(text: str) -> str | None:
        raise SystemExit

    def slow(text: str) -> None:
        time.sleep(0.3)

    assert "it failed: ConnectionError: no scanner" in (await Guards(output=[broken]).against_output("a") or "")
    assert "it tried to end the process" in (await Guards(output=[leaves]).against_output("a") or "")
    monkeypatch.setattr(callback, "CALLBACK_TIME_S", 0.05)
    assert "did not come back within" in (await Guards(output=[slow]).against_output("a") or "")


def test_what_is_no_list_of_functions_is_refused_at_once() -> None:
    with pytest.raises(ToolError, match="output is function, not a list"):
        Guards(output=passes)  # type: ignore[arg-type]
