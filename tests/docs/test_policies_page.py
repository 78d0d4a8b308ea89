"""The page on the policy language: what it shows of gates is taken, and is what it says."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

from hitl_fsm.core.votes import tally
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Reject, Vote
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.verdict import Approval, Escalation, Patience
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


@pytest.mark.parametrize(("level", "comes_to"), [(0, "open"), (1, "rejected")])
def test_one_no_of_those_who_are_asked_next_ends_it_as_the_page_says(level: int, comes_to: str) -> None:
    assert "Among those who are asked next one no ends it, whatever `reject_quorum`" in " ".join(PAGE.split())
    cfo = Patience(escalate=(Escalation(("role:cfo",)),))
    gate = Approval(("role:finance",), reject_quorum=2, patience=cfo)
    no = Vote(Reject(), Actor("maria"), 1, "d", level)
    asked = Requirement("q", "r", "1.0", "pay", {}, "d", gate, 0, escalated=level, votes=(no,))
    assert tally(asked) == comes_to
