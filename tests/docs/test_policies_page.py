"""The page on the policy language: what it shows of gates is taken, and is what it says."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

from hitl_fsm.policy.load import check

PAGE = (Path(__file__).parents[2] / "docs/reference/policies.md").read_text(encoding="utf-8")
HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\nowner: olga@example.com\ntools: pay\nrules:\n- id: a\n  gate:\n"
SHOWN = [block for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if block[0] == "-"]
IN_TABLES = [f"- approval: {shown}" for shown in re.findall(r"^\|[^|]+\| `(\{.+\})` \|$", PAGE, re.MULTILINE)]


def nothing(path: str) -> bytes:
    raise FileNotFoundError(path)


@pytest.mark.parametrize("gate", [*SHOWN, *IN_TABLES])
def test_each_gate_that_is_shown_is_taken(gate: str) -> None:
    found, _, policies, _ = check({"p": (HEAD + indent(gate, "  ")).encode()}, nothing)
    assert found == ()
    assert policies is not None


def test_the_page_shows_each_way_to_say_who_and_each_term() -> None:
    assert len(SHOWN) >= 5
    assert len(IN_TABLES) >= 4
    shown = "".join([*SHOWN, *IN_TABLES])
    for word in (
        "of",
        "quorum",
        "all_of",
        "any_of",
        "stages",
        "not",
        "edit",
        "grant",
        "reminders",
        "calendar",
        "escalate",
    ):
        assert re.search(rf"\b{word}:", shown), word
    for word in ("reject_quorum", "break_glass", "previous_approver"):
        assert word in PAGE
