"""The short ways to an answer say exactly what CEL says, for each condition; a verdict never depends on the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import action, loaded, policy

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import Looked, Verdict
from hitl_fsm.policy.condition import Answer, Scope, compile_condition
from hitl_fsm.policy.evaluate import MAX_CACHED_VERDICTS, judge_looks
from hitl_fsm.policy.inquiry import MAX_TOGETHER, WARM_AFTER, Inquiry
from hitl_fsm.policy.subjects import subject_of

VARS: dict[str, Any] = {"limit": 10, "rate": 1.5, "home": ["EUR", "GBP"], "ids": [1, 2], "mixed": [1, "a"], "name": "a"}
NUMBERS = ("0", "1", "-1", "10", "1.0", "1.5", "-0.0", "9007199254740993", "9007199254740992.0", "9223372036854775807")
TEXTS = ("'a'", "'EUR'", "''", "'ä'", "'\\U0001f600'", "'A'", "'1'")
PATHS = (
    *("args.a", "args.b", "args.c.d", "args.a.b", "size(args.a)", "size(args.c)", "args.c.size()", "tool", "agent"),
    *("user.id", "user.kind", "user.roles", "run.id", "env.stage", "vars.limit", "vars.rate", "vars.name", "vars.home"),
)
LISTS = ("['a', 'EUR']", "[1, 2]", "[1, 2.0]", "['a', 1]", "[]", "vars.home", "vars.ids", "vars.mixed", "user.roles")
SIGNS = ("==", "!=", "<", "<=", ">", ">=")

operands = st.sampled_from([*NUMBERS, *TEXTS, "true", "null", *PATHS])
plain = st.one_of(
    st.builds("{0} {1} {2}".format, operands, st.sampled_from(SIGNS), operands),
    st.builds("{0} in {1}".format, operands, st.sampled_from([*LISTS, "args.c", "args.b"])),
    st.builds(
        "{0}.{1}({2})".format, st.sampled_from(PATHS), st.sampled_from(["startsWith", "contains", "endsWith"]), operands
    ),
    st.sampled_from(["has(args.a)", "has(args.c.d)", "has(env.stage)", "args.a", "args.c.d", "true", "has(args.a.b)"]),
    st.sampled_from(["args.b + 1 > 2", "args.c.exists(x, x == 'a')", "args.a.matches('^a')", "1 / 0 == 1", "args.b"]),
)
conditions = st.recursive(
    plain,
    lambda one: st.one_of(
        st.builds("({0}) && ({1})".format, one, one),
        st.builds("({0}) || ({1}) || ({0})".format, one, one),
        st.builds("!({0})".format, one),
        st.builds("({0}) ? ({1}) : ({0})".format, one, one),
    ),
    max_leaves=4,
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 12), st.integers(-(2**64), 2**64), st.floats(),
    st.sampled_from([2**53, 2**53 + 1, float(2**53), 1.5, "a", "EUR", "ä", "\U0001f600", "a\x00", "\ud800", "", "1"]),
    st.text(max_size=3),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda one: st.one_of(
        st.lists(one, max_size=3), st.dictionaries(st.sampled_from(["d", "b", "a"]), one, max_size=2)
    ),
    max_leaves=5,
)
actions = st.builds(
    lambda args, roles, user, env: Action("pay", args, Actor(user, tuple(roles)), 0, agent="a", env=env),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3),
    st.lists(st.sampled_from(["a", "EUR", "ä"]), max_size=2),
    st.sampled_from(["a", "EUR", "ä"]),
    st.sampled_from([{}, {"stage": "a"}, {"stage": "EUR", "x": "\x00"}]),
)


def usable(text: str) -> bool:
    try:
        compile_condition(text, VARS)
    except ValueError:
        return False
    return True


def slowly(inquiry: Inquiry, one: Action) -> tuple[Answer, ...]:
    return tuple(condition.evaluate(Scope(one), variables) for condition, variables in inquiry._conditions)


@settings(max_examples=400, deadline=None)
@given(conditions.filter(usable), st.lists(actions, min_size=1, max_size=6))
def test_a_short_way_says_what_cel_says_or_nothing(text: str, tried: list[Action]) -> None:
    condition = compile_condition(text, VARS)
    ask = condition.shortcut(VARS)
    for one in tried:
        said = condition.evaluate(Scope(one), VARS)
        assert isinstance(said, bool) or said.text
        if ask is not None and "NUL" not in str(said) and "finite" not in str(said) and "64 bits" not in str(said):
            assert ask(one) in (said, None), (text, one)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("literal", ["9007199254740992.0", "9007199254740993", "9223372036854775807", "2.0", "2"])
@pytest.mark.parametrize(
    "value", [2**53, 2**53 + 1, float(2**53), 2**63 - 1, float(2**63), 2, 2.0, -(2**63), True, "2"]
)
def test_large_numbers_are_compared_as_cel_does_which_rounds(sign: str, literal: str, value: Any) -> None:
    condition = compile_condition(f"args.a {sign} {literal}")
    ask = condition.shortcut({})
    assert ask is not None
    said = condition.evaluate(Scope(action({"a": value})), {})
    assert ask(action({"a": value})) in (said if isinstance(said, bool) else None, None)
    if type(value) is int and literal == "2":
        assert ask(action({"a": value})) is said


def test_the_plain_conditions_have_one() -> None:
    for text in (
        "args.a > 1000 && args.a <= 5000",
        "args.c in ['EUR', 'GBP']",
        "args.c in vars.home || 'head' in user.roles",
        "!(tool == 'pay') || has(args.a)",
        "size(args.c) > 2 && args.c.startsWith('E') && env.stage != 'prod'",
    ):
        assert compile_condition(text, VARS).shortcut(VARS) is not None
    for text in (
        "args.a + 1 > 2",
        "args.c.matches('a')",
        "args.l.all(x, x > 1)",
        "now > timestamp('2026-01-01T00:00:00Z')",
    ):
        assert compile_condition(text, VARS).shortcut(VARS) is None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(conditions.filter(usable), st.booleans()), min_size=1, max_size=5), st.lists(actions, max_size=8)
)
def test_law06_the_way_to_the_answers_changes_no_verdict(texts: list[tuple[str, bool]], tried: list[Action]) -> None:
    rules = "\n".join(
        f"- id: r{number}\n  {'when' if is_when else 'unless'}: [{quoted(text)}, {quoted(texts[0][0])}]\n"
        f"  gate: {['allow', 'confirm', 'deny', 'audit'][number % 4]}"
        for number, (text, is_when) in enumerate(texts)
    )
    head = "default: confirm\nvars: {limit: 10, rate: 1.5, home: [EUR, GBP], ids: [1, 2], mixed: [1, a], name: a}"
    policies = loaded(policy(rules, head=head), policy(rules, name="other", head=head.replace("10", "11")))
    inquiry = policies._inquiry(subject_of(action()))
    for one in [action()] * WARM_AFTER + tried:
        expected = judge_looks(inquiry.looks(slowly(inquiry, one)), subject_of(one), "deny", policies.digest)
        assert policies.evaluate(one) == expected
        assert policies.evaluate(one) == expected  # remembered
    assert inquiry._asks


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_more_conditions_than_fit_into_one_expression_are_asked_in_several() -> None:
    rules = "\n".join(
        f"- {{id: r{number}, when: 'args.a + {number} > {2 * number}', gate: audit}}"
        for number in range(2 * MAX_TOGETHER)
    )
    policies = loaded(policy(rules))
    for _ in range(WARM_AFTER):
        policies.evaluate(action({"a": 70}))
    verdict = policies.evaluate(action({"a": 70}))
    assert len(policies._inquiry(subject_of(action()))._groups) == 2
    assert [look.rule for look in verdict.looked if look.answer == "T"] == [f"r{number}" for number in range(70)]


def test_the_letters_tell_each_condition() -> None:
    rules = "- {id: a, when: [args.n > 1, args.m > 1], unless: [args.o > 1], gate: confirm}\n- {id: b, gate: allow}"
    policies = loaded(policy(rules))

    def looked(**args: Any) -> tuple[Looked, ...]:
        return policies.evaluate(action(args)).looked

    assert looked(n=2, m=0, o=0) == (Looked("p", "a", 6, "F", "TF", "F"), Looked("p", "b", 7, "T"))
    assert looked(n=2, m=2, o=0)[0] == Looked("p", "a", 6, "T", "TT", "F")
    assert looked(n=2, m=2, o=2)[0] == Looked("p", "a", 6, "F", "TT", "T")
    assert looked(n=2, m=2)[0] == Looked("p", "a", 6, "!", "TT", "!")
    assert looked(m=0)[0] == Looked("p", "a", 6, "F", "!F", "!")


def test_what_shadow_policies_come_to_is_kept_apart() -> None:
    shadow = policy(
        "- {id: s, when: args.n > 1, gate: {approval: {of: [bo]}}, severity: high}", name="q", head="mode: shadow"
    )
    policies = loaded(policy("- {id: a, gate: allow}"), shadow)
    verdict = policies.evaluate(action({"n": 2}))
    assert (verdict.outcome, [look.rule for look in verdict.looked]) == ("allow", ["a"])
    assert verdict.would is not None
    assert (verdict.would.outcome, verdict.would.severity) == ("gated", "high")
    assert [gate.of for gate in verdict.would.gates] == [("bo",)]  # type: ignore[union-attr]
    assert verdict.would.looked == (Looked("q", "s", 7, "T", "T"),)
    broken = policies.evaluate(action({}))
    assert broken.would is not None
    assert (broken.outcome, broken.problem, broken.would.outcome) == ("allow", None, "deny")
    assert broken.would.problem == 'q/s at p1.policy.yaml:7 cannot be evaluated: there is no "n"'
    assert loaded(policy()).evaluate(action()).would is None


def test_remembered_verdicts_do_not_fill_the_memory() -> None:
    rules = "\n".join(f"- {{id: r{number}, when: args.a{number}, gate: audit}}" for number in range(15))
    policies = loaded(policy(rules, head="default: allow"))
    inquiry = policies._inquiry(subject_of(action()))
    for number in range(MAX_CACHED_VERDICTS + 10):
        policies.evaluate(action({f"a{bit}": bool(number >> bit & 1) for bit in range(15)}))
        if number == MAX_CACHED_VERDICTS // 2:
            assert len(inquiry.verdicts) > number
    assert len(inquiry.verdicts) < MAX_CACHED_VERDICTS


def test_what_cannot_be_evaluated_is_not_remembered() -> None:
    policies = loaded(policy("- {id: a, when: args.n > 1, gate: allow}"))
    for number in range(WARM_AFTER + 3):
        verdict = policies.evaluate(action({"n": f"text {number}"}))
        assert (verdict.outcome, verdict.looked[0].answer) == ("deny", "!")
    assert policies._inquiry(subject_of(action())).verdicts == {}


@pytest.mark.parametrize("default", ["deny", "confirm"])
def test_the_engines_default_is_not_remembered_for_another_default(default: Any) -> None:
    policies = loaded(policy())
    for _ in range(WARM_AFTER + 1):
        verdict: Verdict = policies.evaluate(action(tool="other"), default)
        assert verdict.outcome == {"deny": "deny", "confirm": "gated"}[default]
        assert verdict.looked == ()


@pytest.mark.parametrize("bad", [float("nan"), 2**64, "a\x00", "\ud800", {"x": [float("inf")]}, (1, 2), {1: 2}])
def test_law06_data_that_cel_cannot_have_deny_also_when_no_condition_looks_at_them(bad: Any) -> None:
    policies = loaded(policy("- {id: a, when: args.n > 1, gate: allow}"))
    for _ in range(WARM_AFTER + 2):
        assert policies.evaluate(action({"n": 2})).outcome == "allow"
        assert policies.evaluate(action({"n": 2, "other": bad})).outcome == "deny"


@pytest.mark.parametrize("text", ["args.n > vars.limit", "args.n + 0 > vars.limit"])
def test_the_same_words_in_two_policies_look_at_the_vars_of_each(text: str) -> None:
    rule = f"- {{id: a, when: {text}, gate: audit}}"
    one, other = policy(rule, head="vars: {limit: 1}"), policy(rule, name="q", head="vars: {limit: 9}")
    policies = loaded(one, other)
    for _ in range(WARM_AFTER + 2):
        looked = policies.evaluate(action({"n": 5})).looked
        assert [(look.policy, look.answer) for look in looked] == [("p", "T"), ("q", "F")]
