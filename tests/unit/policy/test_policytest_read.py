"""Test files: what they say, and everything that can be wrong with them, at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from policytest_samples import HEAD, findings, read, written

from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.source import parse
from hitl_fsm.policy.testing.case import actions
from hitl_fsm.policy.testing.document import MAX_CASES
from hitl_fsm.policy.testing.read import read_test
from hitl_fsm.policy.testing.schema import policytest_schema

SCHEMAS = Path(__file__).parents[3] / "schemas"
FULL = """\
    description: All that the format knows.
    policies: [pay.policy.yaml, ../shared]
    users:
      alice: {}
      maria: {id: m-1, roles: [finance], kind: service}
    defaults:
      tool: pay
      user: alice
      agent: helper
      now: 2026-02-03T04:05:06Z
      env: {stage: prod}
      args: {currency: EUR, amount: 1}
    cases:
      - name: as the defaults say
        expect: allow
      - name: everything said
        description: With all details.
        call:
          tool: refund
          user: {id: bob, roles: [a, b]}
          agent: other
          team: t
          workflow: w
          step: s
          args: {amount: 2, lines: [1, {x: y}]}
          env: {region: eu}
          now: "2026-02-03T04:05:06+01:00"
        expect:
          outcome: gated
          gates:
            - confirm
            - confirm: {expires: never}
            - approval: {of: role:finance, not: [requester], quorum: 2, expires: 1d}
            - user_input: {of: requester, fields: [a, b], required: a, expires: 1h}
            - external: {route: bank, timeout: 2d}
            - review: {of: role:audit, not: requester, expires: 4h}
          audit: true
          rule: large
          rules: [large, pay/small]
          severity: high
          problem: no such
          batch: hold_all
          shadow: {outcome: deny, gates: [confirm], rule: x, severity: low}
      - name: the step itself
        call: {step: ship}
        expect: [user_input, approval: {of: role:x}]
    tables:
      - name: rows
        call: {tool: refund, args: {currency: GBP}}
        expect: {severity: low, outcome: deny}
        columns: [case, args.amount, args.memo, user, env.stage, expect, rule, severity, shadow]
        rows:
          - [first, 5, "absent", maria, test, confirm, small, high, nothing]
          - [absent, 6, absent, alice, absent, absent, absent, absent, absent]
    unreachable:
      - {rule: default, because: it is so}
      - {rule: large, condition: args.amount > 1, never: false, because: it is so}
""".replace("[user_input, approval: {of: role:x}]", "[user_input, {approval: {of: role:x}}]")


def test_a_full_file_is_read_into_actions_with_what_they_inherit() -> None:
    test, wrong = read(FULL)
    assert wrong == []
    first, everything, step, row, bare = [action for _, action in actions(test)]
    assert [name for name, _ in actions(test)] == [
        "as the defaults say",
        "everything said",
        "the step itself",
        "rows: first",
        "rows: 6, absent, alice, absent",
    ]
    assert (first.tool, first.user, first.agent) == ("pay", Actor("alice"), "helper")
    assert (first.args, first.env) == ({"currency": "EUR", "amount": 1}, {"stage": "prod"})
    assert first.now == 1_770_091_506_000
    assert everything.args == {"currency": "EUR", "amount": 2, "lines": [1, {"x": "y"}]}
    assert everything.env == {"stage": "prod", "region": "eu"}
    assert everything.user == Actor("bob", ("a", "b"))
    assert (everything.team, everything.workflow, everything.step) == ("t", "w", "s")
    assert first.now - everything.now == 3_600_000
    assert (step.tool, step.step, step.agent) == ("", "ship", "helper")
    assert (row.tool, row.args) == ("refund", {"currency": "GBP", "amount": 5, "memo": "absent"})
    assert (row.user, row.env) == (Actor("m-1", ("finance",), "service"), {"stage": "test"})
    assert (bare.args, bare.env) == ({"currency": "GBP", "amount": 6}, {"stage": "prod"})
    checks = [{check.what: check.value for check in case.checks} for case in test.cases]
    assert checks[3] == {"outcome": "confirm", "rule": "small", "severity": "high", "shadow": "nothing"}
    assert checks[4] == {"outcome": "deny", "severity": "low"}


def test_the_schema_takes_the_full_file_and_describes_every_field() -> None:
    schema = policytest_schema()
    source = parse(written(FULL), "x")
    assert source.root is not None
    assert list(Draft202012Validator(schema).iter_errors(source.root.value)) == []
    for model in (schema, *schema["$defs"].values()):
        for name, field in model.get("properties", {}).items():
            assert field.get("description"), name
    text = json.dumps(schema)
    assert '"null"' not in text
    assert (SCHEMAS / "policytest.schema.json").read_text(encoding="utf-8") == (
        json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    )


CASES = "cases: [{name: a, call: {tool: pay}, expect: allow}]\n"
WRONG: dict[str, tuple[str, list[str]]] = {
    "no case": ("users: {a: {}}", ["HF131 -1:1 the file has no case"]),
    "an unknown key": (
        "cases: [{name: a, call: {tol: pay}, expect: allow}]",
        ["HF106 1:26 unknown key `tol`"],
    ),
    "an unknown key of a user": (CASES + "users: {al: {role: [x]}}", ["HF106 2:14 unknown key `role`"]),
    "an unknown word": (
        "cases: [{name: a, call: {tool: pay}, expect: alow}]",
        ["HF108 1:46 `expect` cannot be 'alow'"],
    ),
    "no expectation": ("cases: [{name: a, call: {tool: pay}}]", ["HF107 1:9 `expect` is missing in `cases`"]),
    "an empty expectation": (
        "cases: [{name: a, call: {tool: pay}, expect: {}}]",
        ["HF137 1:46 `expect` says nothing"],
    ),
    "a key without a value": (
        "cases: [{name: a, call: {tool: pay}, expect: {rule: }}]",
        ["HF108 1:47 `rule` has no value"],
    ),
    "gates of a denial": (
        "cases: [{name: a, call: {tool: pay}, expect: {outcome: deny, gates: [confirm]}}]",
        ["HF137 1:69 with `outcome: deny` there are no gates"],
    ),
    "two gates in one item": (
        "cases: [{name: a, call: {tool: pay}, expect: [{confirm: {}, review: {}}]}]",
        ["HF137 1:47 one item names 2 gates"],
    ),
    "a detail of another gate": (
        "cases: [{name: a, call: {tool: pay}, expect: [{confirm: {of: x}}]}]",
        ["HF106 1:58 unknown key `of`"],
    ),
    "no duration": (
        "cases: [{name: a, call: {tool: pay}, expect: [{confirm: {expires: 4}}]}]",
        ["HF108 1:67 4 is not a duration; write a number and a unit: 30s, 15m, 4h, 2d"],
    ),
    "one name twice": (
        CASES.replace("}]", "}, {name: a, call: {tool: x}, expect: deny}]"),
        ["HF130 1:61 the case `a` stands twice"],
    ),
    "an unknown user": (
        "users: {alice: {}}\ncases: [{name: a, call: {tool: pay, user: alcie}, expect: deny}]",
        ["HF132 2:43 `users` has no 'alcie'"],
    ),
    "no subject": (
        "cases: [{name: a, call: {args: {x: 1}}, expect: deny}]",
        ["HF136 1:16 the call names no tool, step or agent"],
    ),
    "a pattern": (
        "cases: [{name: a, call: {tool: pay.*}, expect: deny}]",
        ["HF136 1:32 'pay.*' is a pattern; a call names one tool"],
    ),
    "no instant": (
        "cases: [{name: a, call: {tool: p, now: noon}, expect: deny}]",
        ["HF136 1:40 'noon' is not an instant"],
    ),
    "a number as text": (
        "cases: [{name: a, call: {tool: p, env: {x: 1}}, expect: deny}]",
        ["HF108 1:44 expected text, found 1"],
    ),
    "an unknown column": (
        "tables: [{name: t, call: {tool: p}, columns: [amount, expect], rows: [[1, deny]]}]",
        ["HF135 1:47 unknown column `amount`"],
    ),
    "a column of a part": (
        "tables: [{name: t, call: {tool: p}, columns: [args.a.b, expect], rows: [[1, deny]]}]",
        ["HF135 1:47 unknown column `args.a.b`"],
    ),
    "a column twice": (
        "tables: [{name: t, call: {tool: p}, columns: [args.a, args.a], rows: [[1, 2]]}]",
        ["HF135 1:55 the column `args.a` stands twice"],
    ),
    "a short row": (
        "tables: [{name: t, call: {tool: p}, columns: [args.a, expect], rows: [[1]]}]",
        ["HF135 1:71 the row has 1 cells, the table has 2 columns"],
    ),
    "a row that expects nothing": (
        "tables: [{name: t, call: {tool: p}, columns: [args.a], rows: [[1]]}]",
        ["HF137 1:63 the row expects nothing"],
    ),
    "two equal rows": (
        "tables: [{name: t, call: {tool: p}, columns: [args.a, expect], rows: [[1, deny], [1, allow]]}]",
        ["HF130 1:82 the case `t: 1` stands twice"],
    ),
    "a wrong cell": (
        "tables: [{name: t, call: {tool: p}, columns: [user, expect, severity], rows: [[al, {outcome: den}, hgh]]}]",
        ["HF108 1:94 `outcome` cannot be 'den'", "HF108 1:100 `severity` cannot be 'hgh'"],
    ),
    "an anchor": (CASES.replace("allow", "&x allow"), ["HF104 1:46 the anchor &x is refused"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_at_its_place(name: str) -> None:
    body, expected = WRONG[name]
    assert findings(body) == expected


@pytest.mark.parametrize("data", [b"- a\n", b"text", b"", b"\xff", b"a: [", HEAD.replace("Test", "").encode()])
def test_what_is_no_test_file_is_a_finding(data: bytes) -> None:
    test, wrong = read_test(data, "x.policytest.yaml")
    assert (test.cases, len(wrong)) == ((), 1)


def test_there_is_a_limit_to_the_cases_of_one_file() -> None:
    rows = "".join(f"\n  - [{number}, deny]" for number in range(MAX_CASES + 2))
    test, wrong = read(f"tables:\n- name: t\n  call: {{tool: p}}\n  columns: [args.a, expect]\n  rows:{rows}")
    assert [one.code for one in wrong] == ["HF105"]
    assert len(test.cases) == MAX_CASES


def test_hints_say_what_may_have_been_meant() -> None:
    hints = {name: [one.help for one in read(WRONG[name][0])[1]] for name in WRONG}
    assert hints["an unknown user"] == ["did you mean `alice`?"]
    assert hints["an unknown key"] == ["did you mean `tool`?"]
    assert "`args.amount`" in str(hints["an unknown column"])
    assert "`args.a`" in str(hints["a column of a part"])
    assert hints["one name twice"] == ["the first one is on line 3; rename one of them"]
    assert "case" in str(hints["two equal rows"])


@given(st.binary(max_size=300), st.integers(0, 2000), st.integers(0, 2000))
def test_damaged_files_are_findings_with_a_place_and_never_an_error(junk: bytes, start: int, end: int) -> None:
    whole = written(FULL)
    damaged = whole[:start] + junk + whole[end:]
    test, wrong = read_test(damaged, "x.policytest.yaml")
    assert wrong or test.cases
    assert all(one.place.line >= 1 and one.place.column >= 1 and one.code.startswith("HF1") for one in wrong)


def test_the_head_of_the_samples_is_two_lines() -> None:
    assert HEAD.count("\n") == 2
