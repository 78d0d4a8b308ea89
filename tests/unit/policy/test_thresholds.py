"""The numbers that policies compare arguments with."""

from __future__ import annotations

import pytest

from hitl_fsm.policy import thresholds as module
from hitl_fsm.policy.thresholds import Threshold, thresholds
from house import policies, policy_text


def found(rules: str, *, tool: str = "pay", extra: str = "") -> set[tuple[str, float, bool]]:
    set_of = policies(policy_text(rules, extra=extra))
    return {(one.where, one.limit, one.reaches) for one in thresholds(set_of, tool)}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("args.amount > 1000", {("amount", 1000, True)}),
        ("args.amount >= 1000.5", {("amount", 1000.5, False)}),
        ("args.amount <= 10", {("amount", 10, True)}),
        ("10 < args.amount", {("amount", 10, True)}),
        ("10 >= args.amount", {("amount", 10, True)}),
        ("args.card.limit < -5", {("card.limit", -5, False)}),
        ("args['amount'] > 7", {("amount", 7, True)}),
        ("double(args.amount) > double(7)", {("amount", 7, True)}),
        ("args.amount > vars.top", {("amount", 500, True)}),
        ("args.amount > vars.deep.top", {("amount", 50, True)}),
        ("has(args.memo) && (args.amount > 1 || !(args.amount < 9))", {("amount", 1, True), ("amount", 9, False)}),
        ("args.amount == 5 || args.to == 'x' || args.amount > args.other", set()),
        ("args.amount > vars.name || size(args.items) > 3", set()),
        ("'b' > 'a' && args.amount > 3 * 4", set()),
    ],
)
def test_a_condition_names_them(condition: str, expected: set[tuple[str, float, bool]]) -> None:
    extra = "vars: {top: 500, name: x, deep: {top: 50}}"
    assert found(f'- {{id: all, when: "{condition}", gate: confirm}}', extra=extra) == expected


def test_both_kinds_of_conditions_count_and_only_those_of_the_tool() -> None:
    rules = """
- {id: a, tools: pay, when: args.amount > 1, gate: confirm}
- {id: b, tools: pay, unless: args.amount < 2, gate: confirm}
- {id: c, tools: refund, when: args.amount > 3, gate: confirm}
- {id: d, tools: pay, when: args.amount > 1, gate: confirm}
"""
    assert found(rules) == {("amount", 1, True), ("amount", 2, False)}
    assert found(rules, extra="mode: shadow") == set()


def test_they_are_told_with_their_rule_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    set_of = policies(policy_text("- {id: a, when: args.amount > 1, gate: confirm}"))
    monkeypatch.setattr(module, "_known", {})
    monkeypatch.setattr(module, "THRESHOLDS_CACHED", 2)
    first = thresholds(set_of, "pay")
    assert first == (Threshold("amount", 1.0, reaches=True, rule="pay/a"),)
    assert thresholds(set_of, "pay") is first
    thresholds(set_of, "look")
    thresholds(set_of, "note")
    assert thresholds(set_of, "pay") == first
    assert thresholds(set_of, "elsewhere") == ()
