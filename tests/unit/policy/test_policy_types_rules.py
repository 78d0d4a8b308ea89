"""A rule's conditions together, rules for several tools, names that no tool has, places, and schemas of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from types_samples import TOOLS, find

from hitl_fsm.policy.load import check
from hitl_fsm.policy.surroundings import Surroundings, ToolShape


def test_without_tools_nothing_is_said() -> None:
    text = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\nowner: o\ntools: x\nrules:\n"
    source = f"{text}  - {{id: r, when: args.amuont > 1, gate: confirm}}\n".encode()
    assert check({"p": source}, lambda _: b"").findings == ()
    assert [one.code for one in check({"p": source}, lambda _: b"", Surroundings({})).findings] == ["HF125"]


@pytest.mark.parametrize(
    ("when", "unless"),
    [
        (["has(args.note)", "args.note == 'x'"], ()),
        (["args.note == 'x'", "has(args.note)"], ()),
        ("has(args.note)", "args.note == 'x'"),
        ("args.fast", ["!has(args.note)", "args.note == 'x'"]),
        (["args.memo != null", "args.memo.size() > 1"], ()),
        (["type(args.either) == int", "args.either > 1"], ()),
    ],
)
def test_the_other_items_of_a_rule_count(when: str | Sequence[str], unless: str | Sequence[str]) -> None:
    assert find(when, unless=unless) == ()


def test_an_unless_says_nothing_for_when() -> None:
    assert [one.code for one in find("args.note == 'x'", unless="!has(args.note)")] == ["HF124"]


MANY = ["pay.*"]


@pytest.mark.parametrize(
    ("when", "messages"),
    [
        ("args.amount > 1", ["there is no argument `amount` (for `pay.list`)"]),
        ("has(args.amount) && args.amount > 1", []),
        ("tool == 'pay.refund' && args.amount > 1", []),
        ("tool != 'pay.refund' || args.amount > 1", []),
        ("tool.startsWith('pay.r') ? args.amount > 1 : args.page > 1", []),
        (["tool == 'pay.refund'", "args.amount > 1"], []),
        (
            ["tool == 'pay.refund'", "args.amount > 'x'"],
            ["`>` cannot compare `args.amount` (a number) with `'x'` (text) (for `pay.refund`)"],
        ),
        (
            ["tool == 'pay.refund'", "args.currency == 'EURO'"],
            ["`args.currency` is never 'EURO': this is always false (for `pay.refund`)"],
        ),
        ("args.all(k, k != '') && args.amount > 1", ["there is no argument `amount` (for `pay.list`)"]),
        ("has(args.amuont)", ["there is no argument `amuont` (for `pay.list`, `pay.refund`)"]),
        ("tool == 'pay.list'", []),
    ],
)
def test_a_rule_for_several_tools(when: str | Sequence[str], messages: list[str]) -> None:
    assert [one.message for one in find(when, tools=MANY)] == messages


def test_tools_that_differ_only_in_what_is_not_used_are_told_together() -> None:
    wide = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}
    catalogue = {
        "t.1": ToolShape("t.1", {**wide, "required": ["a", "b"]}),
        "t.2": ToolShape("t.2", wide),
        "t.3": ToolShape("t.3", {**wide, "required": []}),
        "t.4": ToolShape("t.4", {**wide, "properties": {"a": {"type": "integer"}}}),
    }
    found = find("args['a'].size() > 1", tools="t.*", catalogue=catalogue)
    assert [(one.code, one.message) for one in found] == [
        ("HF123", "`size` cannot take `args['a']` (a number) (for `t.4`)"),
        ("HF124", "`args['a']` may be absent (for `t.3`)"),
    ]
    found = find("args.a > 1", tools="t.*", catalogue=catalogue)
    assert [(one.code, one.message[-25:]) for one in found] == [
        ("HF123", "(for `t.1`, `t.2`, `t.3`)"),
        ("HF124", "may be absent (for `t.3`)"),
    ]


def test_tools_that_are_asked_for_by_name_are_told_apart() -> None:
    same = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    catalogue = {name: ToolShape(name, same) for name in ("t.1", "t.2", "t.3")}
    found = find("tool == 't.2' ? args.a > 1 : args.a.size() > 1", tools="t.*", catalogue=catalogue)
    assert [one.message[-12:] for one in found] == [" (for `t.2`)"]


@pytest.mark.parametrize(
    ("subjects", "rule", "codes"),
    [
        ("agents: bot", "", []),
        ("agents: bot", "tools: pay.refund, ", ["HF122"]),
        ("steps: ship", "", []),
        ("steps: ship\ntools: pay.refund", "", ["HF122"]),
        ("steps: ship\ntools: pay.refund", "steps: ship, ", []),
    ],
)
def test_only_rules_whose_tools_are_known_are_checked(subjects: str, rule: str, codes: list[str]) -> None:
    head = f"apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\nowner: o\n{subjects}\nrules:\n"
    text = f"{head}  - {{id: r, {rule}when: args.amuont > 1, gate: deny}}\n"
    found = check({"p": text.encode()}, lambda _: b"", Surroundings(TOOLS)).findings
    assert [one.code for one in found] == codes


def test_names_that_no_tool_has() -> None:
    found = find("true", tools=["pay.refnud", "pay.*", "mail.*"])
    assert [(one.code, one.severity, one.message, one.help) for one in found] == [
        ("HF125", "error", "there is no tool `pay.refnud`", "did you mean `pay.refund`?"),
        ("HF125", "warning", "no tool's name fits `mail.*`", "there are `pay.list`, `pay.refund`"),
    ]


def test_a_warning_alone_does_not_keep_policies_from_loading() -> None:
    text = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\nowner: o\ntools: mail.*\nrules:\n  - {id: r, gate: deny}\n"
    project = check({"p": text.encode()}, lambda _: b"", Surroundings(TOOLS))
    assert [one.severity for one in project.findings] == ["warning"]
    assert project.policies is not None


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ('when: "args.count == 1 && args.nope > 1"', 8, 36),
        ("when: 'args.currency == ''EUR'' && args.nope > 1'", 8, 45),
        ('when: "args.currency == \\"EUR\\" && args.nope > 1"', 8, 45),
        ("when: args.count == 1 && args.nope > 1", 8, 35),
        ("when: |\n      args.count == 1\n      && args.nope > 1", 10, 15),
        ("when: >-\n      args.count == 1\n      && args.nope > 1", 10, 15),
        ("when:\n      - args.fast\n      - args.nope > 1", 10, 14),
        ("when: \"args.currency != 'ä🙂' && args.nope > 1\"", 8, 42),
    ],
)
def test_places_inside_every_kind_of_scalar(written: str, line: int, column: int) -> None:
    head = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\nowner: o\ntools: pay.refund\nrules:\n  - id: r\n    "
    text = f"{head}{written}\n    gate: confirm\n"
    found = check({"p": text.encode()}, lambda _: b"", Surroundings(TOOLS)).findings
    places = [(one.place.line, one.place.column) for one in found if one.code == "HF122"]
    assert places == [(line, column)]


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"type": "object"}, {"type": 3}, {"properties": 3}, {"properties": {"x": 3}}, {"required": 3},
        {"properties": {"x": {"$ref": 1}}}, {"properties": {"x": {"$ref": "#/$defs/none"}}}, {"$ref": "#"},
        {"properties": {"x": {"$ref": "http://x/y"}}}, {"properties": {"x": {"enum": []}}},
        {"properties": {"x": {"enum": 3}}}, {"properties": {"x": {"type": [3, "?"]}}},
        {"properties": {"x": {"anyOf": 3}}, "required": ["x"]}, {"allOf": [{"properties": {"x": {}}}]},
        {"properties": {"x": {"not": {"type": "string"}}}}, {"properties": {"x": {"anyOf": [{}, {"type": "string"}]}}},
        {"type": "object", "properties": {}, "patternProperties": {"x": {}}},
    ],
)  # fmt: skip
def test_a_schema_that_is_not_understood_is_silent(parameters: dict[str, Any]) -> None:
    tools = {"t": ToolShape("t", parameters)}
    for text in ("has(args.x) && args.x > 1 && args.x.y.startsWith('z')", "has(args.x) && args.x.all(y, y)"):
        assert find(text, tools="t", catalogue=tools) == ()
