"""Coverage: counted by hand on small policies, and held against brute force on made-up conditions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import reader
from policytest_samples import tried

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.load import check
from hitl_fsm.policy.testing.coverage import Tried, measure
from hitl_fsm.policy.testing.report import Report
from hitl_fsm.policy.testing.suite import Wish

HEAD = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\ntools: [pay, fly]\n"
COVER = Wish(coverage=True)


def case(number: int, call: str) -> str:
    return f"  - {{name: c{number}, call: {call}, expect: {{severity: low}}}}\n"


def covered(rules: str, *calls: str, more: str = "") -> Report:
    body = "cases:\n" + "".join(case(number, call) for number, call in enumerate(calls)) + more
    return tried({"p.policy.yaml": HEAD + rules}, body, COVER)


def counts(report: Report) -> dict[str, tuple[int, int, int]]:
    """What is counted, by what is written."""
    assert report.coverage is not None
    [policy] = report.coverage
    return {f"{one.part.kind} {one.part.text}": (one.true, one.false, one.problems) for one in policy.tried}


def missing(report: Report) -> list[str]:
    return [found.message for found in report.untried()]


RULES = """\
rules:
  - id: both
    when: args.a > 1 && (args.b == 2 || !has(args.c))
    unless: [args.d, "args.e && args.f"]
    gate: confirm
"""


def test_what_short_circuits_leave_out_is_not_counted() -> None:
    report = covered(RULES, "{tool: pay, args: {a: 1, b: 2}}", "{tool: pay, args: {a: 2, b: 2, d: true}}")
    assert counts(report) == {
        "rule both": (0, 2, 0),
        "condition args.a > 1": (1, 1, 0),
        "condition args.b == 2": (1, 0, 0),
        "condition has(args.c)": (0, 0, 0),
        "condition args.d": (1, 0, 0),
        "unless args.e && args.f": (0, 0, 0),
        "condition args.e": (0, 0, 0),
        "condition args.f": (0, 0, 0),
        "default default: deny": (2, 0, 0),
    }
    assert missing(report) == [
        "`p/both` never matched",
        "`p/both`: `args.b == 2` was never false",
        "`p/both`: `has(args.c)` was never asked",
        "`p/both`: `args.d` was never false",
        "`p/both`: `args.e && args.f` was never asked",
        "`p/both`: `args.e` was never asked",
        "`p/both`: `args.f` was never asked",
    ]
    assert report.share == (6, 17)


def test_a_question_that_cannot_be_evaluated_is_neither_true_nor_false() -> None:
    report = covered(RULES, "{tool: pay, args: {a: x, b: 3, c: 1}}", "{tool: pay, args: {a: 2, c: 1}}")
    found = counts(report)
    assert found["condition args.a > 1"] == (1, 0, 1)
    assert found["condition args.b == 2"] == (0, 1, 1)
    assert found["condition has(args.c)"] == (2, 0, 0)
    assert found["rule both"] == (0, 1, 1), "the first one is false, whatever `a` is"
    assert found["condition args.d"] == (0, 0, 0), "what `when` does not let through asks no `unless`"
    assert "; 1 times it could not be evaluated" in missing(report)[1]


def test_a_condition_behind_one_that_is_false_is_not_asked() -> None:
    rules = "rules: [{id: r, when: [args.a, args.b], gate: allow}]\n"
    report = covered(rules, "{tool: pay, args: {a: false, b: true}}")
    assert counts(report)["condition args.b"] == (0, 0, 0)
    assert counts(report)["condition args.a"] == (0, 1, 0)


def test_what_a_policy_does_not_cover_tries_nothing_of_it() -> None:
    report = covered(RULES, "{tool: swim, args: {a: 1, b: 2}}")
    assert set(counts(report).values()) == {(0, 0, 0)}


def test_everything_tried_is_one_hundred_percent() -> None:
    calls = [
        {"a": 1},
        {"a": 2, "b": 2, "d": True},
        {"a": 2, "b": 3, "c": 1},
        {"a": 2, "b": 3, "d": False, "e": True, "f": True},
        {"a": 2, "b": 3, "d": False, "e": True, "f": False},
        {"a": 2, "b": 3, "d": False, "e": False},
    ]
    report = covered(RULES, *(f"{{tool: pay, args: {json.dumps(args)}}}" for args in calls))
    assert missing(report) == []
    assert report.share == (17, 17)
    for left_out in range(len(calls)):
        fewer = [args for number, args in enumerate(calls) if number != left_out]
        report = covered(RULES, *(f"{{tool: pay, args: {json.dumps(args)}}}" for args in fewer))
        assert missing(report) != [], f"call {left_out} is the only one to try something"


def test_the_choice_asks_only_one_of_its_branches() -> None:
    rules = "rules: [{id: c, when: \"tool == 'pay' ? args.a : args.b\", gate: allow}]\n"
    report = covered(
        rules, "{tool: pay, args: {a: true}}", "{tool: pay, args: {a: false}}", "{tool: fly, args: {b: true}}"
    )
    assert counts(report)["condition tool == 'pay'"] == (2, 1, 0)
    assert counts(report)["condition args.a"] == (1, 1, 0)
    assert missing(report) == ["`p/c`: `args.b` was never false"]


def test_what_can_have_one_value_only_is_asked_for_that_one() -> None:
    rules = """\
vars: {strict: true}
rules:
  - {id: always, gate: allow}
  - {id: own, tools: fly, gate: audit}
  - {id: fixed, when: vars.strict && args.a, gate: audit}
"""
    report = covered(rules, "{tool: pay, args: {a: true}}", "{tool: pay, args: {a: false}}")
    assert report.coverage is not None
    wanted = {one.part.text: one.part.wanted for one in report.coverage[0].tried}
    assert wanted == {
        "always": (True,),
        "own": (True, False),
        "fixed": (True, False),
        "vars.strict": (True,),
        "args.a": (True, False),
        "default: deny": (),
    }
    assert missing(report) == ["`p/own` never matched"]
    assert counts(report)["rule own"] == (0, 2, 0), "another tool of the policy is how it does not match"
    assert report.share == (7, 8)


@pytest.mark.parametrize(
    ("rules", "dead"),
    [
        ("[{id: a, gate: allow}]", True),
        ("[{id: a, tools: [pay, fly], gate: allow}]", True),
        ("[{id: a, tools: pay, gate: allow}, {id: b, tools: fly, gate: allow}]", True),
        ("[{id: a, tools: pay, gate: allow}]", False),
        ("[{id: a, agents: bot, gate: allow}]", False),
        ("[{id: a, when: args.x, gate: allow}]", False),
        ("[{id: a, unless: args.x, gate: allow}]", False),
        ("[]", False),
    ],
)
def test_a_default_that_nothing_reaches_is_not_asked_for(rules: str, dead: bool) -> None:
    report = covered(f"rules: {rules}\n", "{tool: swim}")
    assert report.coverage is not None
    assert report.coverage[0].tried[-1].part.wanted == (() if dead else (True,))


def test_examples_try_their_own_rule_and_nothing_else() -> None:
    rules = """\
rules:
  - id: one
    when: args.a
    gate: allow
    examples:
      match: [{args: {a: true}}]
      not_match: [{args: {a: false}}]
  - {id: two, when: args.a, gate: confirm}
"""
    report = covered(rules, "{tool: swim}")
    assert report.coverage is not None
    assert [(one.part.rule, one.true, one.false) for one in report.coverage[0].tried] == [
        ("one", 1, 1),
        ("one", 1, 1),
        ("two", 0, 0),
        ("two", 0, 0),
        ("default", 0, 0),
    ]


def test_places_are_those_of_the_questions_in_the_file() -> None:
    rules = """\
rules:
  - id: r
    when:
      - "args.a == 'x' &&\\targs.b"
      - >-
        args.c ||
        args.d
      - |
        args.e

    gate: allow
"""
    report = covered(rules, "{tool: pay}")
    lines = (HEAD + rules).split("\n")
    assert report.coverage is not None
    *tried_parts, default = [one.part for one in report.coverage[0].tried]
    assert len(tried_parts) == 6
    for part in tried_parts:
        start = part.column - 1
        assert lines[part.line - 1][start : start + len(part.text)] == part.text
    assert (default.line, default.column) == (3, 7), (
        "there is no `default:` in the file; the policy's name stands for it"
    )


CLAIM = "unreachable:\n  - {rule: one, condition: args.a, never: false, because: so}\n"
ONE = "rules: [{id: one, when: args.a, gate: allow}]\n"


def test_what_is_said_to_be_unreachable_is_not_missed() -> None:
    report = covered(ONE, "{tool: pay, args: {a: true}}", more=CLAIM)
    assert missing(report) == ["`p/one` matched whenever it was asked", "`p/default` was never reached"]
    more = "  - {rule: p/one, never: false, because: so}\n  - {rule: default, because: so}\n"
    report = covered(ONE, "{tool: pay, args: {a: true}}", more=CLAIM + more)
    assert (missing(report), report.ok, report.share) == ([], True, (2, 2))


def test_what_is_said_to_be_unreachable_and_was_reached_is_wrong() -> None:
    report = covered(ONE, "{tool: pay, args: {a: false}}", more=CLAIM)
    [found] = report.findings
    assert (found.code, found.message, report.ok) == (
        "HF138",
        "this is said to be unreachable, and was reached 1 times",
        False,
    )
    assert found.place.file == "pay.policytest.yaml"
    assert report.share == (3, 5), "what was reached counts, whatever was said"
    assert "`p/one` never matched" in missing(report)


def test_a_claim_about_nothing_is_a_finding() -> None:
    report = covered(ONE, "{tool: pay, args: {a: true}}", more=CLAIM.replace("args.a", "args.aa"))
    [found] = report.findings
    assert (found.code, found.message, found.help) == (
        "HF134",
        "the policies have no condition `args.aa`",
        "did you mean `args.a`?",
    )


def test_a_test_file_that_is_wrong_tries_nothing_and_its_policies_still_count() -> None:
    report = covered(ONE, "{tool: pay, args: {a: true}, user: nobody}")
    assert [found.code for found in report.findings] == ["HF132"]
    assert report.share == (0, 5)


def test_the_minimum_is_held_exactly() -> None:
    report = covered(RULES, "{tool: pay, args: {a: 1, b: 2}}", "{tool: pay, args: {a: 2, b: 2, d: true}}")
    assert report.share == (6, 17)
    assert report._replace(minimum=35.2).is_covered
    assert not report._replace(minimum=35.3).is_covered
    assert not report._replace(minimum=100).ok
    assert report._replace(minimum=0).ok


# -- brute force

Tree = Any
_VALUES = (1, 0, None)


def _combined(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.just("!"), children),
        st.tuples(st.sampled_from(["&&", "||"]), children, children),
        st.tuples(st.just("?:"), children, children, children),
    )


TREES = st.recursive(st.just("leaf"), _combined, max_leaves=7)


def numbered(tree: Tree, fresh: Iterator[int]) -> Tree:
    if tree == "leaf":
        return next(fresh)
    return (tree[0], *(numbered(child, fresh) for child in tree[1:]))


def cel(tree: Tree) -> str:
    if isinstance(tree, int):
        return f"args.q{tree} == 1"
    if tree[0] == "!":
        return f"!({cel(tree[1])})"
    if tree[0] == "?:":
        return f"({cel(tree[1])}) ? ({cel(tree[2])}) : ({cel(tree[3])})"
    return f"({cel(tree[1])}) {tree[0]} ({cel(tree[2])})"


def leaves(tree: Tree) -> list[int]:
    return [tree] if isinstance(tree, int) else [leaf for child in tree[1:] for leaf in leaves(child)]


def args_of(values: dict[int, int | None]) -> dict[str, Any]:
    return {f"q{number}": value for number, value in values.items() if value is not None}


def measured(project: Any, values: dict[int, int | None]) -> tuple[Tried, dict[int, Tried]]:
    action = Action("pay", args_of(values), Actor("alice"), 0)
    [policy] = measure([(project, [action])])
    rule, *questions, _ = policy.tried
    return rule, {int(one.part.text.split()[0].removeprefix("args.q")): one for one in questions}


@settings(max_examples=60, deadline=None)
@given(TREES, st.data())
def test_what_counts_as_asked_is_what_the_answer_depends_on(tree: Tree, data: st.DataObject) -> None:
    tree = numbered(tree, iter(range(100)))
    names = leaves(tree)
    text = HEAD + f"rules: [{{id: r, when: {json.dumps(cel(tree))}, gate: allow}}]\n"
    project = check({"p.policy.yaml": text.encode()}, reader({}))
    assert project.policies is not None
    values = {name: data.draw(st.sampled_from(_VALUES)) for name in names}
    rule, questions = measured(project, values)
    assert set(questions) == set(names)
    for name, one in questions.items():
        asked = one.true + one.false + one.problems
        assert asked <= 1
        if asked:
            assert (one.true, one.false, one.problems) == tuple(int(values[name] == value) for value in _VALUES)
            continue
        for other in _VALUES:
            changed, _ = measured(project, {**values, name: other})
            assert changed[1:4] == rule[1:4], "nobody asked it, so its value does not matter"
    if all(value is not None for value in values.values()):
        assert (rule.true, rule.false) == ((1, 0) if truth(tree, values) else (0, 1))


def truth(tree: Tree, values: dict[int, int | None]) -> bool:
    """Without errors, conditions are plain logic."""
    if isinstance(tree, int):
        return values[tree] == 1
    sign, *children = tree
    found = [truth(child, values) for child in children]
    match sign:
        case "!":
            return not found[0]
        case "&&":
            return all(found)
        case "||":
            return any(found)
        case _:
            return found[1] if found[0] else found[2]


@settings(max_examples=25, deadline=None)
@given(TREES)
def test_all_values_of_all_questions_try_every_question_that_can_matter(tree: Tree) -> None:
    """With each question an argument of its own, the full table asks each of them both ways."""
    tree = numbered(tree, iter(range(100)))
    names = leaves(tree)
    text = HEAD + f"rules: [{{id: r, when: {json.dumps(cel(tree))}, gate: allow}}]\n"
    project = check({"p.policy.yaml": text.encode()}, reader({}))
    table = [{name: row >> place & 1 for place, name in enumerate(names)} for row in range(2 ** len(names))]
    actions = [Action("pay", args_of({**row}), Actor("alice"), 0) for row in table]
    [policy] = measure([(project, actions)])
    assert [one.missing for one in policy.tried] == [()] * len(policy.tried)
    assert policy.tried[0].true == sum(truth(tree, {**row}) for row in table)
