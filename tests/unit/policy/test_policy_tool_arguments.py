"""Arguments that may be changed, or may differ, are arguments of the tool."""

from __future__ import annotations

import pytest
from policy_samples import policy
from types_samples import TOOLS

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.load import check
from hitl_fsm.policy.surroundings import Surroundings, ToolShape


def found(gate: str, tools: str = "pay.refund", more: dict[str, ToolShape] | None = None) -> tuple[Diagnostic, ...]:
    text = policy(f"- {{id: a, gate: {gate}}}", tools=tools)
    return check({"p": text.encode()}, lambda _: b"", Surroundings({**TOOLS, **(more or {})})).findings


@pytest.mark.parametrize(
    ("gate", "code", "says", "hint", "at"),
    [
        ("{confirm: {edit: {amuont: {}}}}", "HF122", "no argument `amuont`", "did you mean `amount`?", "amuont"),
        ("{approval: {of: bo, edit: {zzz: lower}}}", "HF122", "no argument `zzz`", "there is amount, count", "zzz"),
        (
            "{approval: {stages: [{name: s, of: bo, grant: {max: 1, for: 1h, vary: [amount, notes]}}]}}",
            "HF122",
            "no argument `notes`",
            "did you mean `note`?",
            "notes",
        ),
        (
            "[audit, {confirm: {edit: {note: lower}}}]",
            "HF123",
            "`note` is text, and `lower` needs a number",
            None,
            "note",
        ),
        (
            "{confirm: {grant: {max: 1, for: 1h, vary: currency, budget: {currency: 5}}}}",
            "HF123",
            "`currency` is text, and a budget needs a number",
            None,
            "currency",
        ),
    ],
)
def test_a_name_that_the_tool_does_not_have_is_found(
    gate: str, code: str, says: str, hint: str | None, at: str
) -> None:
    (one,) = found(gate)
    assert (one.code, one.severity) == (code, "error")
    assert says in one.message
    assert (one.excerpt or "")[one.place.column - 1 :].startswith(at)
    assert hint is None or hint in (one.help or "")


@pytest.mark.parametrize(
    "gate",
    [
        "{confirm: {edit: {amount: lower, note: {maxLength: 5}, blob: lower, either: lower}}}",
        "{confirm: {edit: none}}",
        "{approval: {of: bo, grant: {max: 1, for: 1h, vary: [amount, note], budget: {amount: 5}}}}",
        "confirm",
    ],
)
def test_what_the_tool_has_is_taken(gate: str) -> None:
    assert found(gate) == ()


def test_a_rule_for_several_tools_may_name_what_only_one_has() -> None:
    assert found("{confirm: {edit: {amount: {}, page: {}}}}", "'pay.*'") == ()
    assert [one.code for one in found("{confirm: {edit: {pages: {}}}}", "'pay.*'")] == ["HF122"]


def test_nothing_is_said_where_nobody_knows_the_arguments() -> None:
    free = {"free": ToolShape("free", {"type": "object"})}
    assert found("{confirm: {edit: {anything: lower}}}", "free", free) == ()
    text = policy("- {id: a, gate: {confirm: {edit: {anything: {}}}}}", head="steps: ship").replace("tools: pay\n", "")
    assert check({"p": text.encode()}, lambda _: b"", Surroundings(TOOLS)).findings == ()


def test_a_tool_without_arguments_says_so() -> None:
    none = {"none": ToolShape("none", {"type": "object", "properties": {}, "additionalProperties": False})}
    (one,) = found("{confirm: {edit: {a: {}}}}", "none", none)
    assert one.help == "the tool has no arguments"
