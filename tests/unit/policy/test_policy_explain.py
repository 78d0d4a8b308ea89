"""An explanation says of each rule what it said, of each condition what it is, and who demanded what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import REFUNDS, REFUNDS_FILE, SCHEMAS, action, loaded, policy, reader

from hitl_fsm.model.action import Action
from hitl_fsm.policy.explain import Explanation, Share, explain
from hitl_fsm.policy.load import load

BO = "{approval: {of: [bo]}}"


def shares(explanation: Explanation, part: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(share.value, share.by) for share in explanation.join if share.part == part]


def told(*texts: str, args: dict[str, Any] | None = None, **given: Any) -> Explanation:
    return explain(loaded(*texts), action(args, **given))


def test_each_condition_has_its_value_and_its_place() -> None:
    policies = load({REFUNDS_FILE: REFUNDS.encode()}, reader(SCHEMAS))
    found = explain(policies, action({"amount": 5000, "currency": "EUR"}, tool="payments.refund"))
    (refunds,) = found.policies
    assert (refunds.policy, refunds.mode, refunds.elsewhere, refunds.default_used) == (
        "refunds",
        "enforce",
        ("sanctions",),
        False,
    )
    small, large = refunds.rules
    assert (small.matched, large.matched, large.severity) == ("yes", "yes", "high")
    lines = REFUNDS.splitlines()
    for rule in (small, large):
        assert lines[rule.line - 1].strip() == f"- id: {rule.rule}"
        for item in (*rule.when, *rule.unless):
            assert lines[item.line - 1][item.column - 1 :].strip("'\"").startswith(item.text[:20].strip("'"))
    assert [item.value for item in large.unless] == [False]
    assert large.why == "its condition holds, no exception does"
    assert shares(found, "severity") == [("high", ("refunds/large",))]
    assert [by for _, by in shares(found, "gate")] == [("refunds/large",), ("refunds/large",)]


def test_what_cannot_be_evaluated_is_told_with_its_reason() -> None:
    found = told(policy("- {id: a, when: [args.n > 1, args.m > 1], gate: allow}"), args={"n": 2})
    rule = found.policies[0].rules[0]
    assert (rule.matched, rule.why) == ("unknown", '`args.m > 1` has no answer: there is no "m"')
    assert [(item.value, item.problem) for item in rule.when] == [(True, None), (None, 'there is no "m"')]
    assert shares(found, "deny") == [("the action does not happen", ("p/a",))]


def test_each_part_of_the_join_names_those_it_comes_from() -> None:
    first = policy(
        f"- {{id: a, gate: {BO}, severity: high}}\n- {{id: b, gate: [audit, {BO}]}}\n"
        "- {id: c, when: 'false', gate: deny}"
    )
    second = policy("- {id: x, when: 'false', gate: deny}", name="q", head="default: confirm\nbatch: hold_all")
    found = told(first, second)
    assert found.verdict.outcome == "gated"
    assert shares(found, "gate") == [("confirm", ("q/default",)), ("approval of bo", ("p/a", "p/b"))]
    assert shares(found, "severity") == [("high", ("p/a",))]
    assert shares(found, "audit") == [("recorded", ("p/b",))]
    assert shares(found, "batch") == [("hold_all", ("q",))]
    assert found.policies[1].default_used
    denied = told(first, second, policy("- {id: z, gate: deny}", name="r"))
    assert shares(denied, "deny") == [("the action does not happen", ("r/z",))]
    assert shares(denied, "gate") == []


def test_on_error_is_named_as_the_one_who_asks() -> None:
    found = told(policy("- {id: a, when: args.n > 1, gate: allow}", head="on_error: {approval: {of: [bo]}}"))
    assert found.verdict.outcome == "gated"
    assert shares(found, "gate") == [("approval of bo", ("p/a",))]
    assert found.policies[0].rules[0].matched == "unknown"


def test_shadow_policies_stand_apart() -> None:
    found = told(policy("- {id: a, gate: allow}"), policy("- {id: s, gate: deny}", name="q", head="mode: shadow"))
    assert [one.policy for one in found.policies] == ["p"]
    assert [(one.policy, one.mode, one.rules[0].matched) for one in found.shadow] == [("q", "shadow", "yes")]
    assert found.join[0] == Share("allow", "nobody is asked", ("p/a",))
    assert found.verdict.would is not None
    assert found.verdict.would.outcome == "deny"


def test_what_no_policy_covers_is_the_engines_default() -> None:
    for default, outcome in (("deny", "deny"), ("confirm", "gated")):
        found = explain(loaded(policy()), action(tool="other"), default)  # type: ignore[arg-type]
        assert (found.verdict.outcome, found.policies) == (outcome, ())
        assert [share.by for share in found.join] == [("engine/default",)]


def test_a_step_and_an_agent_can_be_explained() -> None:
    document = "apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\nsteps: [ship]\nrules: [{id: a, gate: confirm}]\n"
    policies = load({"p": document.encode()}, reader({}))
    one = action()
    found = explain(policies, Action("", {}, one.user, one.now, step="ship"))
    assert (found.verdict.outcome, found.policies[0].rules[0].rule) == ("gated", "a")
    assert explain(policies, one).policies == ()


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("when: args.n > 1", "its condition holds"),
        ("when: [args.n > 1, args.n > 0]", "all 2 conditions hold"),
        ("unless: args.n > 5", "no exception holds"),
        ("when: args.n > 5", "`args.n > 5` is false"),
        ("unless: args.n > 1", "the exception `args.n > 1` holds"),
        ("severity: low", "it has no condition"),
    ],
)
def test_why_in_a_few_words(head: str, why: str) -> None:
    assert told(policy(f"- {{id: a, gate: confirm, {head}}}"), args={"n": 2}).policies[0].rules[0].why == why


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["n", "m"]), st.one_of(st.integers(-3, 3), st.text(max_size=2)), max_size=2))
def test_it_explains_the_verdict_that_is_given(args: dict[str, Any]) -> None:
    texts = (
        policy(
            "- {id: a, when: args.n > 0, unless: args.m > 0, gate: confirm}\n- {id: b, when: args.m < 2, gate: audit}"
        ),
        policy(f"- {{id: s, when: args.n > 1, gate: {BO}}}", name="q", head="mode: shadow"),
    )
    policies = loaded(*texts)
    for _ in range(6):
        found = explain(policies, action(args))
        assert found.verdict == policies.evaluate(action(args))
        letters = {"yes": "T", "no": "F", "unknown": "!"}
        rules = [rule for one in found.policies for rule in one.rules]
        assert [letters[rule.matched] for rule in rules] == [look.answer for look in found.verdict.looked]
        assert json.loads(json.dumps(found.as_json()))["join"] == [
            {"part": share.part, "value": share.value, "by": list(share.by)} for share in found.join
        ]
