"""What the lint says of shadowed and unreachable rules is certain: tried on actions, with CEL's own answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_samples import project_of

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.lint import hf201_shadowed, hf202_unreachable
from hitl_fsm.policy.project import Project

HEAD = (
    "apiVersion: hitl-fsm/v1\nkind: Policy\nname: a\ntools: [pay, 'read.*']\n{0}vars: {{low: 1, few: [a, 2]}}\nrules:\n"
)
TERMS = ("args.a", "args.b", "args['a']", "size(args.a)", "args.b.size()", "tool", "user.id", "env.stage", "args.a.c")
CONSTANTS = ("0", "1", "2", "1.5", "-1", "'a'", "'b'", "''", "'pay'", "null", "true", "vars.low", "9007199254740993")
PLAIN = st.one_of(
    st.builds(
        "{0} {1} {2}".format,
        st.sampled_from(TERMS),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.sampled_from(CONSTANTS),
    ),
    st.builds("{1} < {0}".format, st.sampled_from(TERMS), st.sampled_from(CONSTANTS)),
    st.builds(
        "{0} in {1}".format,
        st.sampled_from(TERMS),
        st.sampled_from(["[]", "[1, 'a']", "['pay']", "['a', 'b']", "vars.few", "[1.0, 2]", "[args.b]"]),
    ),
    st.sampled_from(
        ["true", "false", "args.a", "args.b", "has(args.a)", "has(args.a.c)", "'x' in user.roles", "args.a == args.b"]
    ),
    st.sampled_from(["args.a.startsWith('a')", "args.b.exists(x, x > 1)", "args.b.all(a, a == 1)", "vars.low > 0"]),
)
CONDITIONS = st.recursive(
    PLAIN,
    lambda one: st.one_of(
        st.builds("({0}) && ({1})".format, one, one),
        st.builds("({0}) || ({1})".format, one, one),
        st.builds("!({0})".format, one),
        st.builds("({0}) ? ({1}) : ({0})".format, one, one),
    ),
    max_leaves=3,
)
TEXTS = st.lists(CONDITIONS, max_size=2)
GATES = ["allow", "audit", "confirm", "deny", "{deny: {note: no}}", "[audit, confirm]", "{approval: {of: [role:x]}}"]
SUBJECTS = ["", "tools: pay", "tools: 'read.*'", "tools: read.all", "tools: [pay, read.all]", "agents: [bot]"]
SEVERITIES = ["low", "high"]
RULES = st.lists(st.tuples(TEXTS, TEXTS, *map(st.sampled_from, (GATES, SUBJECTS, SEVERITIES))), min_size=1, max_size=3)
VALUES = st.sampled_from(
    [0, 1, 2, 3, -1, 1.0, 1.5, 0.5, "", "a", "aa", "b", "c", "pay", True, False, None, [], [1], [2, 3], {}, {"c": 1},
     {"c": "a"}, "a\0", float("nan"), 2**53, 2.0**53, 2**53 + 1, 2**64]
)  # fmt: skip
ACTIONS = st.builds(
    lambda tool, args, agent, user, roles, env: Action(tool, args, Actor(user, roles), 0, agent=agent, env=env),
    st.sampled_from(["pay", "read.all", "read.one"]),
    st.dictionaries(st.sampled_from(["a", "b"]), VALUES),
    st.sampled_from(["", "bot"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from([(), ("x",)]),
    st.sampled_from([{}, {"stage": "a"}, {"stage": "b"}]),
)
ON_ERROR = st.sampled_from(["", "on_error: {approval: {of: [role:dpo]}}\n", "default: allow\n"])


def written(head: str, rules: list[Any], without: str = "") -> str:
    text = HEAD.format(head)
    for number, (when, unless, gate, subject, severity) in enumerate(rules):
        if f"r{number}" == without:
            continue
        text += f"  - id: r{number}\n    gate: {gate}\n    severity: {severity}\n"
        text += f"    {subject}\n" if subject else ""
        for key, items in (("when", when), ("unless", unless)):
            text += f"    {key}:\n" + "".join(f'      - "{item}"\n' for item in items) if items else ""
    return text


def demands(verdict: Verdict) -> object:
    audit = verdict.audit and verdict.outcome != "deny"
    notes = {one.note for one in verdict.reasons if one.note and "cannot be evaluated" not in one.note}
    return verdict.outcome, set(map(repr, verdict.gates)), audit, verdict.severity, notes


def told(project: Project, found: Any) -> set[str]:
    return {finding.message.split("`")[1] for finding in found}


@settings(max_examples=400, deadline=None)
@given(ON_ERROR, RULES, st.lists(ACTIONS, min_size=10, max_size=30))
def test_what_is_told_is_so_for_every_action(head: str, rules: list[Any], actions: list[Action]) -> None:
    project = project_of({"a.policy.yaml": written(head, rules)})
    if project.policies is None:
        return
    unreachable = told(project, hf202_unreachable.check(project))
    shadowed = told(project, hf201_shadowed.check(project))
    assert not unreachable & shadowed
    for action in actions:
        verdict = project.policies.evaluate(action)
        assert not {one.rule for one in verdict.looked if one.answer == "T"} & unreachable
    for name in shadowed:
        others = project_of({"a.policy.yaml": written(head, rules, name)}).policies
        assert others is not None
        for action in actions:
            assert demands(others.evaluate(action)) == demands(project.policies.evaluate(action)), name


@pytest.mark.parametrize(
    "text",
    [
        *("args.a > 10 && args.a < 5", "args.a > 1 && args.a <= 1.0", "args.a == 'x' && args.a == 'y'", "false"),
        *("args.a in []", "args.a in ['x', 'y'] && args.a == 'z'", "args.a && !args.a", "args.a > 'b' && args.a < 'a'"),
        *("size(args.a) < 0", "size(args.a) > 1 && args.a.size() < 2", "args.a > 5 && args['a'] < 5", "tool == 'x'"),
        *("tool.startsWith('x') && tool == 'read'", "args.a == 1 && args.a == 'x'", "!(args.a < 5 || args.a >= 5)"),
        *("args.a > vars.low && args.a < 1", "args.a != null && args.a == null", "has(args.a) && !has(args.a)"),
        "args.a == 1 && args.b == 2 && args.c == 3 && args.d == 4 && args.e == 5 && args.a == 2",
    ],
)
def test_contradictions_are_found(text: str) -> None:
    project = project_of({"a.policy.yaml": written("", [([text], [], "deny", "", "low")])})
    assert told(project, hf202_unreachable.check(project)) == {"r0"}


@pytest.mark.parametrize(
    "text",
    [
        *("args.a > 10 && args.a < 11", "args.a > 5 || args.a < 5", "args.a == 'x' || args.a == 'y'", "true"),
        *("args.a > 'a' && args.a < 'b'", "args.a >= 1 && args.a <= 1.0", "tool == 'read.some'", "vars.low > 5"),
        *(
            "args.a == args.b && args.a != args.c",
            "args.a.exists(x, x > 5) && args.a.exists(x, x < 5)",
            "vars.low == 2",
        ),
        *("args.a == 9007199254740993 && args.a == 9007199254740992.0", "user.id == 'a' && user.kind == 'service'"),
    ],
)
def test_what_can_be_true_is_not_called_a_contradiction(text: str) -> None:
    project = project_of({"a.policy.yaml": written("", [([text], [], "deny", "", "low")])})
    assert project.policies is not None
    assert told(project, hf202_unreachable.check(project)) == set()


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ((["args.a > 5"], [], "deny", "", "low"), (["args.a > 10"], [], "deny", "", "low"), {"r1"}),
        ((["args.a > 10"], [], "deny", "", "low"), (["args.a > 5"], [], "deny", "", "low"), {"r0"}),
        ((["args.a > 5"], [], "deny", "", "low"), (["args.a > 5"], [], "deny", "", "low"), {"r1"}),
        ((["args.a > 5"], [], "deny", "", "low"), (["args.a > 10"], [], "deny", "", "high"), set()),
        ((["args.a > 5"], [], "deny", "", "low"), (["args.a > 10"], [], "{deny: {note: no}}", "", "low"), set()),
        ((["args.a > 5"], [], "deny", "tools: pay", "low"), (["args.a > 10"], [], "deny", "", "low"), set()),
        ((["args.a > 5"], [], "deny", "", "low"), (["args.a > 10"], [], "deny", "tools: pay", "low"), {"r1"}),
        ((["args.a > 5"], ["args.b"], "deny", "", "low"), (["args.a > 10"], [], "deny", "", "low"), set()),
        ((["args.a > 5"], ["args.b"], "deny", "", "low"), (["args.a > 10"], ["args.b"], "deny", "", "low"), {"r1"}),
        (([], [], "deny", "", "low"), (["args.a > 10"], [], "audit", "", "low"), {"r1"}),
        (([], [], "confirm", "", "low"), ([], [], "allow", "", "low"), {"r1"}),
        (([], [], "confirm", "", "low"), (["args.a > 10"], [], "confirm", "", "low"), set()),
        (([], [], "confirm", "", "low"), ([], [], "audit", "", "low"), set()),
        (([], [], "[audit, confirm]", "", "low"), ([], [], "confirm", "tools: pay", "low"), {"r1"}),
        ((["args.a > 5"], [], "confirm", "", "low"), (["args.a > 10"], [], "confirm", "", "low"), {"r1"}),
        ((["args.a > 5"], [], "confirm", "", "low"), (["args.a > 10", "args.b"], [], "confirm", "", "low"), set()),
        (([], [], "deny", "agents: [bot]", "low"), ([], [], "deny", "", "low"), {"r0"}),
    ],
)
def test_which_of_two_rules_changes_nothing(first: Any, second: Any, shadowed: set[str]) -> None:
    project = project_of({"a.policy.yaml": written("", [first, second])})
    assert project.policies is not None
    assert told(project, hf201_shadowed.check(project)) == shadowed
