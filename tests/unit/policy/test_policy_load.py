"""From files to a policy set: what is accepted, and everything that is refused, at its place."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import json
from typing import Any

import pytest
from policy_samples import (
    FORM_FILE,
    REASON_FORM,
    REFUNDS,
    REFUNDS_FILE,
    SCHEMAS,
    codes,
    findings,
    loaded,
    policy,
    reader,
)

from hitl_fsm.errors import PolicyError
from hitl_fsm.model.verdict import Approval, Confirm, External, UserInput
from hitl_fsm.policy.fields import MAX_DURATION_MS, duration_ms
from hitl_fsm.policy.load import check, load, restore


def test_the_example_of_the_design_loads() -> None:
    policies = load({REFUNDS_FILE: REFUNDS.encode()}, reader(SCHEMAS))
    assert policies.files == (REFUNDS_FILE,)
    assert policies.names == ("refunds",)
    assert policies.covers("payments.refund")
    assert policies.covers("payments.payout.eu.sepa")
    assert not policies.covers("payments.payout")
    assert not policies.covers("Payments.refund")


def test_a_set_comes_back_from_its_text_with_the_same_digest() -> None:
    policies = load({REFUNDS_FILE: REFUNDS.encode()}, reader(SCHEMAS))
    again = restore(policies.text, digest=policies.digest)
    assert (again.digest, again.text, again.files) == (policies.digest, policies.text, policies.files)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "{}", '{"version":1,"files":[],"schemas":[]}', '{"version":2,"files":{},"schemas":[]}']
)
def test_law06_a_damaged_text_restores_nothing(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        restore(text)
    assert caught.value.diagnostics


def test_law06_a_text_of_another_set_is_refused_by_its_digest() -> None:
    policies = load({REFUNDS_FILE: REFUNDS.encode()}, reader(SCHEMAS))
    with pytest.raises(PolicyError):
        restore(policies.text.replace("1000", "9000"), digest=policies.digest)


def test_the_digest_names_the_content_and_not_the_folder() -> None:
    here = load({"a/x.policy.yaml": policy().encode()}, reader({}))
    there = load({"/b/y.policy.yaml": policy().encode()}, reader({}))
    assert here.digest == there.digest
    assert loaded(policy("- {id: a, gate: deny}")).digest != here.digest
    changed = {FORM_FILE: json.dumps({**REASON_FORM, "title": "Why"}).encode()}
    first = load({REFUNDS_FILE: REFUNDS.encode()}, reader(SCHEMAS))
    second = load({REFUNDS_FILE: REFUNDS.encode()}, reader(changed))
    assert first.digest != second.digest


def test_no_files_are_an_empty_set() -> None:
    assert load({}, reader({})).names == ()


def test_law06_one_wrong_file_loads_nothing_and_all_findings_of_all_files_are_told() -> None:
    with pytest.raises(PolicyError) as caught:
        loaded(policy(), policy("- {id: a, gate: alow}", name="q"), "kind: [", policy("- {id: b}", name="r"))
    assert [(found.place.file, found.code) for found in caught.value.diagnostics] == [
        ("p1.policy.yaml", "HF110"),
        ("p2.policy.yaml", "HF102"),
        ("p3.policy.yaml", "HF107"),
    ]
    assert "and 2 more" in caught.value.message
    assert caught.value.exit_code == 1


RULE = "- {{id: a, {}}}"


@pytest.mark.parametrize(
    ("text", "code", "says", "hint"),
    [
        ("[]", "HF108", "a policy is a mapping", None),
        ("apiVersion: hitl-fsm/v2\nkind: Policy\nname: p\ntools: x", "HF108", "`apiVersion` cannot be 'hitl-fsm/v2'", "did you mean `hitl-fsm/v1`?"),
        ("apiVersion: hitl-fsm/v1\nkind: Policy\ntools: x", "HF107", "`name` is missing", None),
        ("apiVersion: hitl-fsm/v1\nkind: Policy\nname: p", "HF107", "`tools` is missing", "name the tools"),
        (policy(name="12"), "HF108", "expected text, found 12", 'quote it, if it is text: "12"'),
        (policy(name="a b"), "HF108", "'a b' is not a name", "letters, digits"),
        (policy(head="defualt: deny"), "HF106", "unknown key `defualt`", "did you mean `default`?"),
        (policy(head="default: no"), "HF108", "`default` cannot be 'no'", "one of: deny, confirm, allow"),
        (policy(head="default: dney"), "HF108", "`default` cannot be 'dney'", "did you mean `deny`?"),
        (policy(head="default: approval"), "HF108", "`default` cannot be 'approval'", "one of"),
        (policy(head="mode: true"), "HF108", "`mode` cannot be true", "enforce, shadow"),
        (policy(head="batch: ungated"), "HF108", "`batch`", "run_ungated"),
        (policy(head="vars: [a]"), "HF108", "expected a mapping, found a list", None),
        (policy(head="vars: {a: 99999999999999999999}"), "HF108", "`vars` cannot be used", None),
        (policy(head="owner:"), "HF108", "`owner` has no value", "remove it"),
        (policy(tools="[pay, 'a b']"), "HF115", "'a b' is not a tool pattern", "`*`"),
        (policy(tools="'pay?'"), "HF115", "not a tool pattern", None),
        (policy(tools="[]"), "HF108", "at least 1 item", None),
        (policy(RULE.format("gate: deny, tools: refund")), "HF115", "does not cover `refund`", "it covers: pay"),
        (policy(RULE.format("gate: deny, tools: 'pa*'")), "HF115", "does not cover `pa*`", "did you mean `pay`?"),
        (policy(RULE.format("gate: deny, tools: ")), "HF108", "`tools` has no value", None),
        (policy(RULE.format("gate: deny, when: ")), "HF108", "expected text, found nothing", None),
        (policy(RULE.format("gate: deny, when: true")), "HF108", "expected text, found true", 'quote it, if it is text: "true"'),
        (policy(RULE.format("gate: deny, whn: x")), "HF106", "unknown key `whn`", "did you mean `when`?"),
        (policy(RULE.format("gate: deny, severity: hihg")), "HF108", "`severity` cannot be 'hihg'", "did you mean `high`?"),
        (policy("- {gate: deny}"), "HF107", "`id` is missing in `rules`", None),
        (policy("- {id: a}"), "HF107", "`gate` is missing", None),
        (policy(RULE.format("gate: alow")), "HF110", "unknown gate `alow`", "did you mean `allow`?"),
        (policy(RULE.format("gate: 3")), "HF110", "a gate is a word, a mapping or a list, not 3", None),
        (policy(RULE.format("gate: ")), "HF110", "not nothing", None),
        (policy(RULE.format("gate: approval")), "HF110", "the gate `approval` needs details", "approval: {of: [role:NAME]}"),
        (policy(RULE.format("gate: user_input")), "HF110", "needs details", "schema"),
        (policy(RULE.format("gate: {allow: {}}")), "HF110", "the gate `allow` has no details", "write `gate: allow`"),
        (policy(RULE.format("gate: {aproval: {of: x}}")), "HF110", "unknown gate `aproval`", "did you mean `approval`?"),
        (policy(RULE.format("gate: [audit, {aproval: {of: x}}]")), "HF110", "unknown gate `aproval`", "did you mean `approval`?"),
        (policy(RULE.format("gate: {}")), "HF110", "no gate is named", None),
        (policy(RULE.format("gate: []")), "HF108", "at least 1 item", None),
        (policy(RULE.format("gate: {confirm: }")), "HF110", "the gate `confirm` has no details", "write `gate: confirm`"),
        (policy(RULE.format("gate: {confirm: {}, deny: {note: x}}")), "HF110", "names 2 gates: confirm, deny", "a list"),
        (policy(RULE.format("gate: [allow, confirm]")), "HF110", "`allow` stands alone", None),
        (policy(RULE.format("gate: [confirm, deny]")), "HF110", "`deny` stands alone", None),
        (policy(RULE.format("gate: [{external: {route: r}}, confirm]")), "HF110", "`external` must be the last gate", None),
        (policy(RULE.format("gate: [{external: {route: r}}, {external: {route: s}}]")), "HF110", "must be the last", None),
        (policy(RULE.format("gate: {approval: {}}")), "HF107", "`of` is missing in `approval`", None),
        (policy(RULE.format("gate: {approval: role:cfo}")), "HF108", "expected a mapping", "approval: {of: [role:NAME]}"),
        (policy(RULE.format("gate: {approval: {of: [role: cfo]}}")), "HF108", "expected text", "write `role:cfo`, without a space"),
        (policy(RULE.format("gate: {approval: {stages: {a: {of: [x]}}}}")), "HF108", "expected a list", "stages: [{name: NAME"),
        (policy(RULE.format("gate: {approval: {of: [x], grant: {max: 1}}}")), "HF107", "`for` is missing", "{max: 10, for: 24h}"),
        (policy(RULE.format("gate: {approval: {of: []}}")), "HF108", "at least 1 item", None),
        (policy(RULE.format("gate: {approval: {off: [x]}}")), "HF106", "unknown key `off`", "did you mean `of`?"),
        (policy(RULE.format("gate: {approval: {of: [x], expires: 5}}")), "HF108", "5 is not a duration", None),
        (policy(RULE.format("gate: {approval: {of: [x], expires: 4 hours}}")), "HF108", "not a duration", None),
        (policy(RULE.format("gate: {approval: {of: [x], expires: 0h}}")), "HF108", "not a duration", None),
        (policy(RULE.format("gate: {approval: {of: [x], on_expiry: allow}}")), "HF108", "time never says yes (law 12)", "on_expiry: deny"),
        (policy(RULE.format("gate: {approval: {of: [x], on_expiry: Approve}}")), "HF108", "time never says yes (law 12)", "on_expiry: deny"),
        (policy(RULE.format("gate: {confirm: {on_expiry: confirm}}")), "HF108", "time never says yes (law 12)", "`audit` only records"),
        (policy(RULE.format("gate: {confirm: {on_expiry: true}}")), "HF108", "time never says yes (law 12)", "on_expiry: deny"),
        (policy(RULE.format("gate: [audit, {confirm: {on_expiry: {allow: [bo]}}}]")), "HF108", "time never says yes (law 12)", "on_expiry: deny"),
        (policy(RULE.format("gate: {confirm: {on_expiry: dney}}")), "HF108", "`on_expiry` cannot be 'dney'", "did you mean `deny`?"),
        (policy(head="on_error: approval"), "HF108", "does not say who is asked", "on_error: {approval: {of: [role:NAME]}}"),
        (policy(head="on_error: allow"), "HF108", "never allowed (law 6)", "`deny`"),
        (policy(head="on_error: {allow: {}}"), "HF108", "never allowed (law 6)", "`deny`"),
        (policy(head="on_error: confirm"), "HF108", "asks by `approval`", "{of: [requester]}"),
        (policy(head="on_error: [deny]"), "HF108", "`on_error` cannot be a list", "one of: deny"),
        (policy(head="on_error: {confirm: {}}"), "HF108", "asks by `approval`", "{of: [requester]}"),
        (policy(head="on_error: {}"), "HF107", "`approval` is missing in `on_error`", None),
        (policy(head="on_error: {approval: {}}"), "HF107", "`of` is missing in `approval`", None),
        (policy(head="on_error: {approval: {of: [bo], not: [bo]}}"), "HF120", "nobody could answer", None),
        (policy(head="steps: ['a ']"), "HF115", "'a ' is not a step pattern", "no spaces"),
        (policy(head="agents: []"), "HF108", "at least 1 item", None),
        (policy(head="agents: "), "HF108", "`agents` has no value", None),
        (policy(head="agents: [3]"), "HF108", "expected text, found 3", None),
        (policy(RULE.format("gate: deny, steps: ship")), "HF115", "the policy covers no steps", "add `steps` to the policy"),
        (policy(RULE.format("gate: deny, steps: shp"), head="steps: [ship]"), "HF115", "does not cover `shp`", "did you mean `ship`?"),
        (policy(RULE.format("gate: deny, agents: clerk"), head="agents: ['*bot']"), "HF115", "does not cover `clerk`", "it covers: *bot"),
        (policy(RULE.format("gate: deny, tools: pay")).replace("tools: pay\n", "steps: x\n", 1), "HF115", "the policy covers no tools", "add `tools`"),
        (policy(RULE.format("gate: {approval: {of: ['role:']}}")), "HF120", "names nobody", None),
        (policy(RULE.format("gate: {approval: {of: ['user:al']}}")), "HF120", "`user:` is not a kind", "stands alone: `al`"),
        (policy(RULE.format("gate: {approval: {of: ['groups:fin']}}")), "HF120", "`groups:` is not a kind", "did you mean `group:fin`?"),
        (policy(RULE.format("gate: {approval: {of: [requestor]}}")), "HF120", "`requestor`", "did you mean `requester`?"),
        (policy(RULE.format("gate: {approval: {of: [bo], not: [bo, al]}}")), "HF120", "nobody could answer", None),
        (policy(RULE.format("gate: {user_input: {of: [x]}}")), "HF107", "`schema` is missing in `user_input`", None),
        (policy(RULE.format("gate: {user_input: {schema: {type: object}}}")), "HF119", "needs `properties`", None),
        (policy(RULE.format("gate: {user_input: {schema: {$ref: nope.json}}}")), "HF118", "cannot read nope.json", "relative"),
        (policy(RULE.format("gate: {user_input: {schema: {$ref: /etc/passwd}}}")), "HF118", "not a relative path", None),
        (policy(RULE.format("gate: {user_input: {schema: {$ref: 'https://x.y/z'}}}")), "HF118", "not a relative path", None),
        (policy(RULE.format("gate: {user_input: {schema: {$ref: a.json, type: object}}}")), "HF119", "nothing else holds: `type`", None),
        (policy(RULE.format("gate: {external: {}}")), "HF107", "`route` is missing in `external`", None),
        (policy(RULE.format("gate: {external: {route: r, result_schema: {type: strng}}}")), "HF119", "not usable as a result schema", None),
        (policy(RULE.format("gate: {deny: {}}")), "HF107", "`note` is missing in `deny`", None),
        (policy(RULE.format("gate: deny, when: 'args.a >'")), "HF111", "ends too early", None),
        (policy(RULE.format("gate: deny, when: [\"tool == 'x'\", argz.a == 1]")), "HF112", "unknown name `argz`", "did you mean `args`?"),
        (policy(RULE.format("gate: deny, unless: args.a in vars.b")), "HF112", "`vars` has no `b`", "`vars` is empty"),
        (policy(RULE.format("gate: deny, when: '1 + 1'")), "HF113", "gives int", None),
        (policy("- {id: a, gate: deny}\n- {id: a, gate: allow}"), "HF117", "`a` stands twice", "line 6"),
        (policy(name="engine"), "HF108", "the engine's own word", "name it after what it covers"),
        (policy("- {id: default, gate: deny}"), "HF108", "the policy's own word", "name it after what it is for"),
        (policy("- id: a\n  gate: deny\n  when: args.n > 1\n  examples: {match: [{args: {n: 1}}]}"), "HF114", "`a` does not match", "listed under `match`"),
        (policy("- id: a\n  gate: deny\n  when: args.n > 1\n  examples: {not_match: [{args: {n: 2}}]}"), "HF114", "`a` matches", None),
        (policy("- id: a\n  gate: deny\n  when: args.n > 1\n  examples: {not_match: [{}]}"), "HF114", "cannot be evaluated", "has(args.NAME)"),
        (policy("- id: a\n  gate: deny\n  examples: {match: [{tool: other}]}"), "HF114", "not for the tool `other`", None),
        (policy("- id: a\n  gate: deny\n  examples: {match: [{now: noon}]}"), "HF108", "not an instant", None),
        (policy("- id: a\n  gate: deny\n  examples: {match: [{arg: {}}]}"), "HF106", "unknown key `arg`", "did you mean `args`?"),
    ],
)  # fmt: skip
def test_law06_what_is_wrong_is_refused_with_a_code_and_a_hint(
    text: str, code: str, says: str, hint: str | None
) -> None:
    found = findings(text)
    assert [diagnostic.code for diagnostic in found] == [code]
    assert says in found[0].message
    assert hint is None or hint in (found[0].help or "")


def test_each_word_that_is_known_at_a_place_is_named_once() -> None:
    (unknown,) = findings(policy(RULE.format("gate: {confirm: {of: [x]}}")))
    assert unknown.help == "known here: expires, on_expiry, reminders, calendar, edit, grant"
    (wrong,) = findings(policy(RULE.format("gate: {confirm: {edit: nothing}}")))
    assert wrong.help == "one of: none, any, lower"


@pytest.mark.parametrize(
    ("text", "word", "line", "column"),
    [
        (policy("- id: a\n  gate: {external: {route: r, calendar: madrid}}"), "calendar", 7, 33),
        (policy("- id: a\n  gate: {external: {route: r, reminders: [1h]}}"), "reminders", 7, 33),
    ],
)
def test_what_is_not_enforced_yet_is_refused_by_name(text: str, word: str, line: int, column: int) -> None:
    found = [diagnostic for diagnostic in findings(text) if diagnostic.code == "HF109"]
    assert len(found) == 1
    assert f"`{word}`" in found[0].message
    assert "not enforced yet" in found[0].message
    assert (found[0].place.line, found[0].place.column) == (line, column)


def test_a_condition_error_stands_at_its_column_in_the_file() -> None:
    rules = "- id: a\n  when:\n    - args.ok\n    - >-\n      args.b == 1 &&\n      argz.c\n  gate: deny"
    assert codes(policy(rules)) == [("HF112", 11, 9)]
    assert codes(policy('- {id: a, when: "usr.id == 1", gate: deny}')) == [("HF112", 6, 20)]
    assert codes(policy("- {id: a, when: user.nope == '', unless: 'run.x == 1 || 1', gate: deny}"))[0] == (
        "HF112",
        6,
        24,
    )


def test_all_findings_of_one_file_come_in_one_pass_in_order() -> None:
    rules = "- {id: a, gate: deny, when: usr.x}\n- {id: a, gate: [deny, allow], tools: other}\n- {id: c, gate: {approval: {of: ['role:']}}}"
    found = codes(policy(rules))
    assert found == sorted(found, key=lambda item: item[1:])
    assert [code for code, _, _ in found] == ["HF112", "HF117", "HF110", "HF110", "HF115", "HF120"]


def test_names_are_unique_over_files_and_rule_ids_within_one() -> None:
    (found,) = findings(policy("- {id: same, gate: deny}"), policy("- {id: same, gate: deny}"))
    assert (found.code, found.place.file, found.help) == ("HF116", "p1.policy.yaml", "it is in p0.policy.yaml")
    loaded(policy("- {id: same, gate: deny}"), policy("- {id: same, gate: deny}", name="q"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not UTF-8"),
        (b"[]", "is not a JSON object"),
        (b'{"type": "object", "type": "string"}', "'type' stands twice"),
        (b'{"minimum": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'"' + b"x" * 300_000 + b'"', "the limit is"),
    ],
)
def test_a_schema_file_is_read_strictly(data: bytes, says: str) -> None:
    text = policy("- {id: a, gate: {user_input: {schema: {$ref: forms/f.json}}}}")
    (found,) = findings(text, schemas={"forms/f.json": data})
    assert found.code == "HF118"
    assert says in found.message
    assert (found.place.line, found.place.column) == (6, text.splitlines()[5].index("forms") + 1)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("confirm", (Confirm(),)),
        ("{confirm: {expires: 15m}}", (Confirm(900_000),)),
        ("{approval: {of: 'role:fin'}}", (Approval(("role:fin",)),)),
        ("{approval: {of: [bo, bo], not: requester, expires: 2d}}", (Approval(("bo",), ("requester",), 172_800_000),)),
        ("{external: {route: r, timeout: 30s}}", (External("r", None, 30_000),)),
        ("[confirm, confirm, audit]", (Confirm(),)),
        ("[{approval: {of: bo}}, confirm]", (Approval(("bo",)), Confirm())),
        ("[{user_input: {schema: {type: object, properties: {a: {}}}, of: bo}}, {external: {route: r}}]",
         (UserInput({"type": "object", "properties": {"a": {}}}, ("bo",)), External("r"))),
        ("allow", ()),
        ("audit", ()),
        ("[audit]", ()),
    ],
)  # fmt: skip
def test_gates_become_values_in_the_authors_order(gate: str, expected: tuple[Any, ...]) -> None:
    from policy_samples import action

    verdict = loaded(policy(f"- {{id: a, gate: {gate}}}")).evaluate(action())
    assert verdict.gates == expected
    assert verdict.outcome == ("gated" if expected else "allow")
    assert verdict.audit is ("audit" in gate)


def test_durations() -> None:
    units = {"1ms": 1, "30s": 30_000, "15m": 900_000, "4h": 14_400_000, "2d": 172_800_000, "1w": 604_800_000}
    for text, milliseconds in units.items():
        assert duration_ms(text) == milliseconds
    assert duration_ms("366d") == MAX_DURATION_MS
    for text in ("", "4", "h", "-1h", "1.5h", "4H", "4 h", "367d", "99999999999s", "١h", None, 4, True):  # noqa: RUF001
        with pytest.raises(ValueError, match=r"duration|longer"):
            duration_ms(text)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\xff" * 100, b"a: &a [*a]", b"{}", b"[[[[", b"rules: [{}]", b"? {}\n: {}", b"apiVersion: {}", b"rules: {}",
     b"apiVersion: hitl-fsm/v1\nkind: Policy\nname: [x]\ntools: {}\nrules: [1, [], null, {id: {}, gate: [[[]]]}]",
     policy("- {id: a, gate: {approval: [], confirm: 1}, examples: [], when: {}, unless: [[]]}").encode(),
     policy("- {id: a, gate: [null, 1, {}, []]}").encode(), policy("- {id: a, gate: {user_input: {schema: 1}}}").encode(),
     policy("- {id: a, gate: {user_input: {schema: {$ref: 1}}}}").encode(), policy("- {id: a, gate: {external: {route: r, result_schema: []}}}").encode()],
)  # fmt: skip
def test_law06_nothing_that_a_file_holds_is_a_traceback(data: bytes) -> None:
    found, _, policies, _ = check({"x.policy.yaml": data}, reader({}))
    assert found
    assert policies is None
    assert all(diagnostic.code.startswith("HF1") and diagnostic.place.line >= 1 for diagnostic in found)
