"""Conditions against the tools' schemas: what is found, where, and that nothing else is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.load import check
from hitl_fsm.policy.surroundings import Surroundings, ToolShape

REFUND: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "count": {"type": "integer"},
        "currency": {"type": "string", "enum": ["EUR", "GBP"]},
        "kind": {"const": "refund"},
        "note": {"type": "string"},
        "memo": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "fast": {"type": "boolean", "default": False},
        "limit": {"type": "integer", "default": "none"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "card": {"$ref": "#/$defs/card"},
        "backup": {"anyOf": [{"$ref": "#/$defs/card"}, {"type": "null"}]},
        "either": {"type": ["integer", "string"]},
        "meta": {"type": "object", "additionalProperties": {"type": "string"}},
        "blob": {},
        "loop": {"$ref": "#/$defs/loop"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "odd": {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
    },
    "required": [
        "amount", "count", "currency", "kind", "tags", "card", "backup", "either", "meta", "blob", "loop", "lines",
        "odd",
    ],
    "additionalProperties": False,
    "$defs": {
        "card": {
            "type": "object",
            "properties": {"number": {"type": "string"}, "cvc": {"type": "string", "default": "000"}},
            "required": ["number"],
        },
        "line": {
            "type": "object",
            "properties": {"price": {"type": "integer"}, "sale": {"type": "boolean"}},
            "required": ["price"],
        },
        "loop": {"$ref": "#/$defs/loop"},
    },
}  # fmt: skip
LISTING = {"type": "object", "properties": {"page": {"type": "integer"}}, "required": ["page"]}
TOOLS = {"pay.refund": ToolShape("pay.refund", REFUND), "pay.list": ToolShape("pay.list", LISTING)}
VARS = {"home": ["EUR", "USD"], "away": ["USD"], "max": 5, "limits": {"EUR": 10}}


def find(
    when: str | Sequence[str],
    *,
    unless: str | Sequence[str] = (),
    tools: str | Sequence[str] = "pay.refund",
    catalogue: Mapping[str, ToolShape] = TOOLS,
) -> tuple[Diagnostic, ...]:
    rule = {"id": "r", "when": when, "unless": unless or [], "gate": "confirm"}
    policy = {"apiVersion": "hitl-fsm/v1", "kind": "Policy", "name": "p", "owner": "o", "vars": VARS, "tools": tools}
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in policy.items())
    text += "\nrules:\n  - id: r\n" + "".join(
        f"    {key}: {json.dumps(rule[key], ensure_ascii=False)}\n" for key in ("when", "unless", "gate") if rule[key]
    )
    return check({"p": text.encode()}, lambda _: b"", Surroundings(catalogue)).findings


def told(text: str, **more: Any) -> list[tuple[str, str, str]]:
    """Code, the part of the condition that is marked, message."""
    found = []
    for one in find(text, **more):
        assert one.excerpt is not None
        start = one.place.column - 1
        found.append((one.code, one.excerpt[start : start + one.width].replace('\\"', '"'), one.message))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "args.amount > 1000",
        "args.amount > 1000.5",
        "args.count == 1.0",
        "args.count in [1, 2, 3]",
        "args.count * 2 > 3",
        "double(args.amount) * 2.0 > 3.0",
        "args.currency == 'EUR' || args.currency != 'GBP'",
        "args.currency in vars.home",
        "args.currency in vars.limits && vars.limits[args.currency] > 3",
        "args.kind == 'refund'",
        "args.fast",
        "!args.fast",
        "has(args.note) && args.note == 'x'",
        "args.note == 'x' && has(args.note)",
        "'note' in args && args.note == 'x'",
        "!has(args.note) || args.note.size() > 3",
        "has(args.note) ? args.note == 'x' : args.fast",
        "!(!has(args.note) || args.count > 1) && args.note == 'x'",
        "has(args.limit) && args.limit > 1",
        "args.memo == null",
        "args.memo != null && args.memo.startsWith('x')",
        "args.memo == null || args.memo.startsWith('x')",
        "args.memo == 'x'",
        "args.currency != null",
        "args.backup != null && args.backup.number == '1'",
        "args.card.number.matches('^4')",
        "args['card']['number'].endsWith('1')",
        "has(args.card.cvc) && args.card.cvc == '1'",
        "type(args.either) == int && args.either > 1",
        "args.either == 1 || args.either == 'one'",
        "'a' in args.tags && args.tags[0] == 'x' && args.tags.size() > 1",
        "args.tags == ['x']",
        "'k' in args.meta && args.meta.k == 'x'",
        "args.meta.all(k, k.startsWith('x'))",
        "args.blob.x.y > 1 && args.blob[3] == 'x' && args.blob.startsWith('x')",
        "args.loop.x > 1",
        "args.odd.a == 'x' && args.odd.b == 1",
        "args.lines.all(i, i.price > 1)",
        "args.lines.exists(i, has(i.sale) && i.sale)",
        "args.lines.filter(i, has(i.sale)).size() > 1",
        "args.lines.map(i, has(i.sale), i.sale).exists(s, s)",
        "args.lines.map(i, i.price).exists(p, p == 3)",
        "'head' in user.roles && user.id != '' && user.kind == 'human'",
        "now.getHours('Europe/Berlin') > 17 && now - timestamp('2026-01-01T00:00:00Z') > duration('1h')",
        "env.stage == 'prod'",
        "tool == 'pay.refund' && args.amount > 1",
        "vars.max > 3 && args.amount > vars.max",
        "size(args.tags) > 1 ? args.amount > 1 : args.fast",
    ],
)
def test_nothing_is_said_of_what_is_right(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "code", "part", "message", "hint"),
    [
        ("args.amuont > 1", "HF122", "amuont", "there is no argument `amuont`", "did you mean `amount`?"),
        ("args['amuont'] > 1", "HF122", "amuont", "there is no argument `amuont`", "did you mean `amount`?"),
        ("has(args.amuont)", "HF122", "amuont", "there is no argument `amuont`", "did you mean `amount`?"),
        (
            "has(args.amuont) && args.amuont > 1", "HF122", "amuont", "there is no argument `amuont`",
            "did you mean `amount`?",
        ),
        (
            "args.card.nubmer == 'x'", "HF122", "nubmer", "`nubmer` is no field of `args.card`",
            "did you mean `number`?",
        ),
        (
            "args.lines.all(i, i.cost > 1)", "HF122", "cost", "`i` has no `cost`", "there is price, sale",
        ),
        ("vars['mxa'] > 1", "HF112", "mxa", "`vars` has no `mxa`", "did you mean `max`?"),
        (
            "args.amount > '1'", "HF123", "args.amount > '1'",
            "`>` cannot compare `args.amount` (a number) with `'1'` (text)", None,
        ),
        (
            "vars.max > args.currency", "HF123", "vars.max > args.currency",
            "`>` cannot compare `vars.max` (a number) with `args.currency` (text)", None,
        ),
        (
            "args.either > 1", "HF123", "args.either > 1",
            "`>` cannot compare `args.either` (a number or text) with `1` (a number)", None,
        ),
        (
            "args.count.startsWith('x')", "HF123", "args.count",
            "`startsWith` cannot take `args.count` (a number)", "it takes text",
        ),
        (
            "'a'.contains(args.count)", "HF123", "args.count",
            "`contains` cannot take `args.count` (a number)", "it takes text",
        ),
        (
            "size(args.amount) > 2", "HF123", "args.amount", "`size` cannot take `args.amount` (a number)",
            "it takes text or bytes or a list or an object",
        ),
        (
            "!args.currency", "HF123", "args.currency", "`!` cannot take `args.currency` (text)",
            "it takes true or false",
        ),
        (
            "args.currency && args.fast", "HF123", "args.currency", "`&&` cannot take `args.currency` (text)",
            "compare it with something",
        ),
        (
            "args.count ? true : false", "HF123", "args.count", "`?:` cannot decide by `args.count` (a number)",
            "compare it with something",
        ),
        (
            "'a' in args.count", "HF123", "'a' in args.count",
            "`in` cannot look for `'a'` (text) in `args.count` (a number)", None,
        ),
        (
            "'a' in args.currency", "HF123", "'a' in args.currency",
            "`in` cannot look for `'a'` (text) in `args.currency` (text)", "for a part of a text, write `.contains(…)`",
        ),
        ("1 in args.tags", "HF123", "1 in args.tags", "`1` is never in `args.tags` (a list of text)", None),
        (
            "args.tags['x'] == 'y'", "HF123", "args.tags['x']",
            "`args.tags` (a list) has nothing at `'x'` (text)", None,
        ),
        ("args.tags.foo == 1", "HF123", "args.tags.foo", "`args.tags` is a list; it has no `foo`", None),
        ("has(args.tags.foo)", "HF123", "has(args.tags.foo)", "`args.tags` is a list; it has no `foo`", None),
        (
            "args.count.all(x, x > 1)", "HF123", "args.count", "`all` cannot go through `args.count` (a number)", None,
        ),
        (
            "args.lines.exists(i, i.price)", "HF123", "i.price", "`exists` needs true or false; `i.price` is a number",
            "compare it with something",
        ),
        (
            "args.lines.filter(i, i.price > 'x').size() > 0", "HF123", "i.price > 'x'",
            "`>` cannot compare `i.price` (a number) with `'x'` (text)", None,
        ),
        (
            "args.amount * 2 > 3", "HF123", "args.amount * 2",
            "`*` fails on `args.amount` with `2`: one is a whole number, the other has a fraction, or may have",
            "make all of them `double(…)`, and write numbers with a point, such as `2.0`",
        ),
        (
            "args.currency + args.count == 'x'", "HF123", "args.currency + args.count",
            "`+` cannot take `args.currency` (text) and `args.count` (a number)", None,
        ),
        (
            "args.currency == 'EURO'", "HF123", "'EURO'", "`args.currency` is never 'EURO': this is always false",
            "did you mean `EUR`?",
        ),
        (
            "'EURO' != args.currency", "HF123", "'EURO'", "`args.currency` is never 'EURO': this is always true",
            "did you mean `EUR`?",
        ),
        (
            "args.kind == 'payout'", "HF123", "'payout'", "`args.kind` is never 'payout': this is always false",
            "it is one of 'refund'",
        ),
        (
            "args.currency in ['EUR', 'USD']", "HF123", "'USD'", "`args.currency` is never 'USD': it is never found",
            "it is one of 'EUR', 'GBP'",
        ),
        (
            "args.currency in vars.away", "HF123", "args.currency in vars.away",
            "`args.currency` is never in `vars.away` ('USD')", "it is one of 'EUR', 'GBP'",
        ),
        (
            "args.count == '1'", "HF123", "'1'", "`args.count` is a number, `'1'` is text: this is always false", None,
        ),
        (
            "tool == 'pay.refnud'", "HF123", "'pay.refnud'", "`tool` is never 'pay.refnud': this is always false",
            "did you mean `pay.refund`?",
        ),
        ("args.note == 'x'", "HF124", "args.note", "`args.note` may be absent", "write `has(args.note) && …`"),
        ("args['note'] == 'x'", "HF124", "args['note']", "`args['note']` may be absent", "write `'note' in args && …`"),
        (
            "has(args.note) || args.note == 'x'", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        (
            "!has(args.note) && args.note == 'x'", "HF124", "args.note", "`args.note` may be absent",
            "write `has(args.note) && …`",
        ),
        ("args.limit > 1", "HF124", "args.limit", "`args.limit` may be absent", "write `has(args.limit) && …`"),
        (
            "args.card.cvc == '1'", "HF124", "args.card.cvc", "`args.card.cvc` may be absent",
            "write `has(args.card.cvc) && …`",
        ),
        (
            "args.lines.all(i, i.sale)", "HF124", "i.sale", "`i.sale` may be absent", "write `has(i.sale) && …`",
        ),
        (
            "args.meta.k == 'x'", "HF124", "args.meta.k", "`args.meta.k` may be absent",
            "write `has(args.meta.k) && …`",
        ),
        (
            "args.memo.startsWith('x')", "HF124", "args.memo", "`args.memo` may be null",
            "write `args.memo != null && …`",
        ),
        (
            "args.backup.number == '1'", "HF124", "args.backup", "`args.backup` may be null",
            "write `args.backup != null && …`",
        ),
        (
            "args.count", "HF113", "args.count", "`args.count` is a number, not true or false",
            "compare it with something",
        ),
        (
            "args.fast ? args.fast : args.count", "HF123", "args.fast ? args.fast : args.count",
            "`args.fast ? args.fast : args.count` is true or false or a number, not true or false",
            "compare it with something",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_at_its_place(text: str, code: str, part: str, message: str, hint: str | None) -> None:
    assert told(text) == [(code, part, message)]
    assert [one.help for one in find(text)] == [hint]


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
        ("has(args.amuont)", ["there is no argument `amuont` (for `pay.list`, `pay.refund`)"]),
        ("tool == 'pay.list'", []),
    ],
)
def test_a_rule_for_several_tools(when: str | Sequence[str], messages: list[str]) -> None:
    assert [one.message for one in find(when, tools=MANY)] == messages


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
