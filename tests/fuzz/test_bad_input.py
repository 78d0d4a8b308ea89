"""Bad input by name: YAML that means something else elsewhere, files that are too much, conditions without an answer."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from costs import soon
from fuzz.oracle import findings_hold, texts_hold
from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.explain import explain
from hitl_fsm.policy.inquiry import WARM_AFTER
from hitl_fsm.policy.lint.run import lint
from hitl_fsm.policy.load import check
from hitl_fsm.policy.source import MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, parse
from hitl_fsm.policy.surrounding_files import read_surroundings
from hitl_fsm.policy.testing.read import read_test

FILE = "a.policy.yaml"
HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: a\nowner: o\ntools: [pay]\n"
MEGABYTE = 1024 * 1024
SOON_S = 4.0
"""CPU seconds to refuse a file, however large, or to judge by a condition: 0.1 at most on a quiet machine."""


def checked(data: bytes) -> tuple[list[Diagnostic], PolicySet | None]:
    """All findings on one policy file, each at a place in it."""
    project = check({FILE: data}, _no_file)
    found = [*project.findings, *lint(project)]
    findings_hold(found, {FILE: data})
    texts_hold(found, [FILE])
    return list(project.findings), project.policies


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", path)


# YAML

SURPRISES = [
    *(
        "no",
        "yes",
        "on",
        "off",
        "y",
        "n",
        "Y",
        "NO",
        "True",
        "TRUE",
        "~",
        "Null",
        "12:30",
        "190:20:30",
        "010",
        "0o10",
        "0x1F",
        "0b1",
    ),
    *(
        "1_000",
        "+1",
        "1.",
        ".5",
        ".inf",
        "-.INF",
        ".nan",
        "2026-01-01",
        "2026-01-01T00:00:00Z",
        "=",
        "1e",
        "0777",
        "৫",
        "\uff11",
    ),
]


@pytest.mark.parametrize("text", SURPRISES)
def test_what_other_yaml_takes_for_something_is_text(text: str) -> None:
    (_, policies) = checked(
        f"{HEAD}vars: {{v: {text}}}\nrules: [{{id: r, when: \"vars.v == '{text}'\", gate: allow}}]".encode()
    )
    assert policies is not None
    assert judge(policies, {}).outcome == "allow"


@pytest.mark.parametrize("text", SURPRISES)
@pytest.mark.parametrize("key", ["quorum", "retries", "minLength", "audit"])
def test_and_is_refused_where_a_number_or_a_flag_is_meant(text: str, key: str) -> None:
    gates = {
        "quorum": "{approval: {of: [role:x], quorum: V}}",
        "retries": "{review: {of: [role:x], retries: V}}",
        "minLength": "{user_input: {schema: {type: object, properties: {a: {type: string, minLength: V}}}}}",
    }
    if key == "audit":
        test = "apiVersion: hitl-fsm/v1\nkind: PolicyTest\ncases: [{name: it, call: {tool: pay}, expect: {audit: V}}]".replace(
            "V", text
        )
        _, found = read_test(test.encode(), FILE)
        findings_hold(found, {FILE: test.encode()})
    else:
        found, policies = checked(f"{HEAD}rules: [{{id: r, gate: {gates[key].replace('V', text)}}}]".encode())
        assert policies is None
    assert any(one.severity == "error" for one in found)


REFUSED = {
    "anchor": ("vars: {a: &x 1}", "HF104", 6, 11),
    "alias": ("vars: {a: *x}", "HF104", 6, 11),
    "merge key": ("vars: {<<: {a: 1}}", "HF104", 6, 8),
    "merge of an alias": ("vars:\n  <<: *x", "HF104", 7, 3),
    "tag": ("vars: {a: !!int '1'}", "HF104", 6, 11),
    "python tag": ("vars: !!python/object/apply:os.system [id]", "HF104", 6, 7),
    "own tag": ("vars: !secret x", "HF104", 6, 7),
    "second document": ("---\nkind: Policy", "HF104", 6, 1),
    "empty second document": ("---", "HF104", 6, 1),
    "duplicate key": ("mode: shadow\nmode: enforce", "HF103", 7, 1),
    "duplicate key in another spelling": ("vars: {a: 1, 'a': 2}", "HF103", 6, 14),
    "duplicate key far away": ("name: b", "HF103", 6, 1),
    "list as a key": ("vars: {[a]: 1}", "HF108", 6, 8),
    "mapping as a key": ("vars: {{a: 1}: 1}", "HF108", 6, 8),
    "directive": ("%YAML 1.1", "HF102", 6, 10),
    "tab": ("vars:\n\ta: 1", "HF102", 7, 1),
    "escape code": ("description: \x1b[2J", "HF101", 6, 14),
    "text that turns around": ("description: \u202eabc", "HF101", 6, 14),
    "NUL": ("description: a\x00b", "HF101", 6, 15),
    "NUL by escape": ('description: "a\\0b"', "HF101", 6, 14),
    "half a pair by escape": ('description: "\\ud800"', "HF102", 6, 17),
    "no UTF-8": ("description: \udcff", "HF101", 6, 14),
    "number out of range": ("vars: {a: 1e999}", "HF108", 6, 11),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_refused_at_its_place(what: str) -> None:
    text, code, line, column = REFUSED[what]
    found, policies = checked((HEAD + text).encode("utf-8", "surrogateescape"))
    assert policies is None
    assert (code, line, column) in [(one.code, one.place.line, one.place.column) for one in found]


LAUGHS = "a: &a [x,x]\n" + "".join(
    f"{new}: &{new} [{f'*{old},' * 9}*{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
TOO_MUCH: dict[str, Callable[[], bytes]] = {  # made when it is its turn
    "10 MB of a comment": lambda: b"#" * (10 * MEGABYTE),
    "10 MB of rules": lambda: HEAD.encode() + b"rules:\n" + b"  - {id: r, gate: allow}\n" * 400_000,
    "10 MB on a line": lambda: HEAD.encode() + b"description: " + b"x" * (10 * MEGABYTE),
    "10 MB of NUL": lambda: b"\x00" * (10 * MEGABYTE),
    "10 MB of brackets": lambda: b"[" * (10 * MEGABYTE),
    "a million keys": lambda: b"".join(b"k%d: 1\n" % n for n in range(1_000_000)),
    "a hundred thousand lists in each other": lambda: b"[" * 100_000 + b"]" * 100_000,
    "a hundred thousand mappings in each other": lambda: b"{a: " * 60_000,
    "a hundred thousand dashes": lambda: b"- " * 100_000,
    "keys in keys": lambda: b"? " * 100_000,
    "as many values as fit": lambda: b"[" + b"1," * ((MAX_FILE_BYTES - 2) // 2) + b"]",
    "as many keys as fit": lambda: b"".join(b"%x:\n" % n for n in range(40_000)),
}


@pytest.mark.parametrize("what", TOO_MUCH)
@pytest.mark.parametrize("kind", ["policy", "policytest", "roles", "routes"])
def test_too_much_is_refused_soon_whatever_reads_it(what: str, kind: str) -> None:
    data = TOO_MUCH[what]()
    found = soon(lambda: refused(data, kind), SOON_S)
    assert [one.code for one in found] == ["HF105"]
    if len(data) > MAX_FILE_BYTES:
        assert str(MAX_FILE_BYTES) in found[0].message
    else:
        assert str(MAX_DEPTH) in found[0].message or str(MAX_NODES) in found[0].message


def refused(data: bytes, kind: str) -> list[Diagnostic]:
    match kind:
        case "policy":
            found, policies = checked(data)
            assert policies is None
            return found
        case "policytest":
            return read_test(data, FILE)[1]
        case _:
            around, wrong = read_surroundings(*(({FILE: data}, {}) if kind == "routes" else ({}, {FILE: data})))
            assert getattr(around, kind) is None
            return list(wrong)


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    data = b"[" * (10 * MEGABYTE)
    for refusal in soon(lambda: [parse(data, FILE) for _ in range(100)], SOON_S):
        assert refusal.findings[0].code == "HF105"


def test_a_billion_laughs_are_none() -> None:
    found, policies = soon(lambda: checked(LAUGHS.encode()), SOON_S)
    assert policies is None
    assert {"HF104"} < {one.code for one in found}


# Conditions

DEEP: Any = 1
for _ in range(50_000):
    DEEP = [DEEP]
GOOD: dict[str, Any] = {"amount": 5, "items": [1, 2, 3], "s": "aaa", "ok": True}
MANY: dict[str, Any] = {**GOOD, "items": list(range(9000))}
HUGE: dict[str, Any] = {**GOOD, "s": "a" * MEGABYTE}
LARGE: dict[str, Any] = {**GOOD, "s": "a" * 900_000}

FAILS: list[tuple[str, dict[str, Any]]] = [
    # An error that looks true: the native library gives a non-empty text.
    ("args.missing", GOOD), ("args.s", GOOD), ("args.items", GOOD), ("args.amount", GOOD), ("dyn('error')", GOOD),
    ("args.missing == args.missing", GOOD), ("args.missing != 1", GOOD), ("!args.missing", GOOD), ("!(args.amount > 'a')", GOOD),
    # Under a logical operator: what decides by itself does so, everything else is a problem.
    ("dyn('error') && true", GOOD), ("dyn('error') || false", GOOD), ("args.missing || false", GOOD), ("args.missing && true", GOOD),
    ("args.s || args.s", GOOD), ("true && args.s", GOOD), ("false || args.s", GOOD), ("(args.missing || false) || (1 / 0 == 1)", GOOD),
    ("args.missing ? true : true", GOOD), ("args.s ? true : true", GOOD), ("true ? args.missing : true", GOOD), ("args.ok ? args.s : true", GOOD),
    ("args.amount / 0 == 1 || args.amount % 0 == 0", GOOD), ("args.amount + 9223372036854775807 > 0", GOOD), ("int(args.s) > 0", GOOD),
    ("args.items[7] == 1", GOOD), ("args.items['a'] == 1", GOOD), ("args.items.all(x, x > 'a')", GOOD), ("args.items.exists_one(x, x.y)", GOOD),
    ("timestamp(args.s) < now", GOOD), ("duration(args.s) < duration('1h')", GOOD), ("now.getHours(args.s) > 1", GOOD),
    # Budgets of steps and bytes.
    ("args.items.all(x, args.items.all(y, true))", MANY), ("args.items.exists(x, args.items.exists(y, args.items.exists(z, x + y + z < 0)))", MANY),
    ("args.items.map(x, args.s + args.s).size() > 0", LARGE), ("args.s.matches('(a{1,30}){1,30}b') || true", LARGE | {"items": "a" * 90_000}),
    ("args.s.matches('^a+$')", HUGE), ("args.s == args.s", HUGE), ("args.ok", HUGE), ("args.ok", {**GOOD, "deep": DEEP}),
    ("args.ok", {**GOOD, "x": float("nan")}), ("args.ok", {**GOOD, "x": (1,)}), ("args.ok", {**GOOD, "x\x00": 1}), ("args.ok", {**GOOD, "x": "\ud800"}),
]  # fmt: skip
DECIDED: list[tuple[str, bool]] = [
    ("args.missing || true", True), ("true || args.missing", True), ("args.missing && false", False), ("false && args.missing", False),
    ("args.ok || args.missing > 1", True), ("has(args.missing) && args.missing > 1", False), ("args.ok ? true : args.missing", True),
    ("args.items.exists(x, x == 2 || x.y)", True), ("args.items.all(x, x == 2 && x.y)", False), ("dyn('error') == 'error'", True),
]  # fmt: skip
GATES = ["allow", "audit", "confirm", "{deny: {note: no}}", "{approval: {of: [role:boss]}}"]
ASKED = "on_error: {approval: {of: [role:finance]}}\n"


def judge(policies: PolicySet, args: dict[str, Any]) -> Verdict:
    """The verdict, the same however often it is asked for, and as it is explained."""
    action = Action("pay", args, Actor("ann", ("finance",)), 1_767_225_600_000)
    verdicts = [policies.evaluate(action) for _ in range(WARM_AFTER + 2)]
    assert verdicts == [verdicts[0]] * len(verdicts)
    assert explain(policies, action).verdict == verdicts[0]
    return verdicts[0]


def rule(condition: str, gate: str, *, key: str, head: str) -> PolicySet:
    text = f"{HEAD}default: allow\n{head}rules:\n  - id: r\n    {key}: {json.dumps(condition)}\n    gate: {gate}\n"
    found, policies = checked(text.encode())
    assert policies is not None, [one.message for one in found]
    return policies


@pytest.mark.parametrize(("condition", "args"), FAILS)
@pytest.mark.parametrize("key", ["when", "unless"])
@pytest.mark.parametrize("gate", GATES)
def test_law06_a_condition_without_an_answer_never_allows(
    condition: str, args: dict[str, Any], key: str, gate: str
) -> None:
    """Whatever the rule would have come to, and although everything else is allowed by default."""
    verdict = soon(lambda: judge(rule(condition, gate, key=key, head=""), args), SOON_S)
    assert verdict.outcome == "deny"
    assert verdict.problem is not None
    asked = judge(rule(condition, gate, key=key, head=ASKED), args)
    assert asked.problem is not None
    assert asked.outcome == ("deny" if "deny" in gate else "gated")
    if asked.outcome == "gated":
        of = [getattr(one, "of", ()) for one in asked.gates]
        assert ("role:finance",) in of
        assert (("role:boss",) in of) == ("boss" in gate)


@pytest.mark.parametrize(("condition", "expected"), DECIDED)
def test_what_is_decided_whatever_the_error_says_is_decided(condition: str, expected: bool) -> None:
    assert judge(rule(condition, "allow", key="when", head=""), GOOD).problem is None
    denied = judge(rule(condition, "{deny: {note: no}}", key="when", head=""), GOOD)
    assert (denied.outcome == "deny") is expected
    lifted = judge(rule(condition, "{deny: {note: no}}", key="unless", head=""), GOOD)
    assert (lifted.outcome == "allow") is expected


def test_law06_an_error_beside_a_rule_that_allows_still_denies() -> None:
    rules = "rules:\n  - {id: one, when: 'true', gate: allow}\n  - {id: two, when: args.missing > 1, gate: audit}\n"
    _, policies = checked((HEAD + rules).encode())
    assert policies is not None
    assert judge(policies, GOOD).outcome == "deny"
