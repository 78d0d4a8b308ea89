"""Verdicts: the join of all that match, closed on every failure, never loosened by more policy."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_algebra import at_least, verdicts
from policy_samples import REFUNDS, REFUNDS_FILE, SCHEMAS, action, loaded, policy, reader

from hitl_fsm.model.verdict import Approval, Confirm, External, Gate, Reason, UserInput, Verdict
from hitl_fsm.policy.evaluate import MAX_CACHED_SUBJECTS, PolicySet
from hitl_fsm.policy.join import gate_key, join, merge_gates
from hitl_fsm.policy.load import load
from hitl_fsm.policy.patterns import matches


@pytest.fixture(scope="module")
def refunds() -> PolicySet:
    return load({REFUNDS_FILE: REFUNDS.encode()}, reader(SCHEMAS))


def refund(amount: Any, *, roles: tuple[str, ...] = (), currency: Any = "EUR") -> Any:
    return action({"amount": amount, "currency": currency, "order_id": "o1"}, tool="payments.refund", roles=roles)


def test_the_example_of_the_design(refunds: PolicySet) -> None:
    small = refunds.evaluate(refund(1000))
    assert (small.outcome, small.gates, small.severity) == ("allow", (), "low")
    assert [(r.policy, r.rule, r.effect, r.file, r.line) for r in small.reasons] == [
        ("refunds", "small", "allow", REFUNDS_FILE, 15)
    ]
    large = refunds.evaluate(refund(1000.01))
    assert large.outcome == "gated"
    assert [type(gate) for gate in large.gates] == [UserInput, Approval]
    assert large.gates[1] == Approval(("role:finance",), ("requester",), 14_400_000)
    assert (large.severity, [r.rule for r in large.reasons]) == ("high", ["small", "large"])
    assert refunds.evaluate(refund(5000, roles=("treasury-head",))).outcome == "allow"
    assert refunds.evaluate(refund(5, currency="USD")).reasons == (
        Reason("refunds", "default", "deny", REFUNDS_FILE, 9),
    )
    payout = refunds.evaluate(action({}, tool="payments.payout.eu"))
    assert payout.gates == (External("sanctions-screening", {"type": "object"}, 30_000),)
    assert {v.policy_digest for v in (small, large, payout)} == {refunds.digest}


@pytest.mark.parametrize("amount", ["5000", None, True, [1], {}, float("nan"), 2**70])
def test_law06_an_amount_that_cannot_be_compared_denies(refunds: PolicySet, amount: Any) -> None:
    verdict = refunds.evaluate(refund(amount))
    assert (verdict.outcome, verdict.gates) == ("deny", ())
    assert verdict.problem is not None
    assert f"refunds/large at {REFUNDS_FILE}:19 cannot be evaluated" in verdict.problem
    assert any(reason.effect == "deny" and reason.note for reason in verdict.reasons)


def test_law06_a_missing_argument_denies_even_where_the_rule_would_allow() -> None:
    policies = loaded(policy("- {id: a, when: args.n > 1, gate: allow}", head="default: allow"))
    verdict = policies.evaluate(action({}))
    assert verdict.outcome == "deny"
    assert verdict.problem == 'p/a at p0.policy.yaml:7 cannot be evaluated: there is no "n"'
    assert policies.evaluate(action({"n": 1})).outcome == "allow"


def test_law06_an_unless_that_cannot_be_evaluated_lifts_nothing() -> None:
    policies = loaded(policy("- {id: a, gate: confirm, unless: args.n > 1}", head="default: allow"))
    assert policies.evaluate(action({})).outcome == "deny"
    assert policies.evaluate(action({"n": "2"})).outcome == "deny"
    assert policies.evaluate(action({"n": 2})).outcome == "allow"
    assert policies.evaluate(action({"n": 1})).outcome == "gated"


def test_a_list_under_when_is_and_under_unless_is_or_in_any_order() -> None:
    ruled = "- id: a\n  when: {}\n  unless: {}\n  gate: confirm"
    for when in ("[args.a, args.b]", "[args.b, args.a]"):
        for unless in ("[args.c, args.d]", "[args.d, args.c]"):
            policies = loaded(policy(ruled.format(when, unless), head="default: allow"))

            def outcome(policies: PolicySet = policies, **args: Any) -> str:
                return policies.evaluate(action(args)).outcome

            assert outcome(a=True, b=True, c=False, d=False) == "gated"
            assert outcome(a=True, b=False) == "allow"
            assert outcome(a=True, b=True, c=False, d=True) == "allow"
            assert outcome(a=True, b=True, d=True) == "allow"
            assert outcome(a=True, b=True, d=False) == "deny"
            assert outcome(b=False) == "allow"
            assert outcome(b=True) == "deny"


def test_deny_absorbs_but_every_reason_is_told() -> None:
    rules = "- {id: a, gate: confirm}\n- {id: b, gate: {deny: {note: not on Sundays}}}\n- {id: c, gate: audit, severity: critical}"
    verdict = loaded(policy(rules)).evaluate(action())
    assert (verdict.outcome, verdict.gates, verdict.audit, verdict.severity) == ("deny", (), True, "critical")
    assert [(r.rule, r.effect, r.note) for r in verdict.reasons] == [
        ("a", "confirm", None),
        ("b", "deny", "not on Sundays"),
        ("c", "audit", None),
    ]


def test_gates_of_several_rules_are_ordered_by_phase_and_a_rules_own_order_is_kept() -> None:
    bo, form = "{approval: {of: bo}}", "{user_input: {schema: {type: object, properties: {a: {}}}}}"
    rules = f"- {{id: a, gate: {{external: {{route: r}}}}}}\n- {{id: b, gate: {bo}}}\n- {{id: c, gate: confirm}}\n- {{id: d, gate: {form}}}"
    kinds = [type(gate).__name__ for gate in loaded(policy(rules)).evaluate(action()).gates]
    assert kinds == ["UserInput", "Confirm", "Approval", "External"]
    own = loaded(policy(f"- {{id: a, gate: [{bo}, {form}]}}\n- {{id: b, gate: confirm}}")).evaluate(action())
    assert [type(gate).__name__ for gate in own.gates] == ["Confirm", "Approval", "UserInput"]
    contrary = loaded(policy(f"- {{id: a, gate: [{bo}, {form}]}}\n- {{id: b, gate: [{form}, {bo}]}}")).evaluate(
        action()
    )
    assert [type(gate).__name__ for gate in contrary.gates] == ["UserInput", "Approval"]


def test_the_same_gate_twice_is_asked_once() -> None:
    rules = "- {id: a, gate: {approval: {of: bo}}}\n- {id: b, gate: {approval: {of: [bo]}}}\n- {id: c, gate: {approval: {of: al}}}"
    verdict = loaded(policy(rules), policy("- {id: z, gate: {approval: {of: bo}}}", name="q")).evaluate(action())
    assert verdict.gates == (Approval(("bo",)), Approval(("al",)))


@pytest.mark.parametrize("other", ["{external: {route: s}}", "{external: {route: r, timeout: 1s}}"])
def test_two_different_external_gates_deny(other: str) -> None:
    verdict = loaded(policy(f"- {{id: a, gate: {{external: {{route: r}}}}}}\n- {{id: b, gate: {other}}}")).evaluate(
        action()
    )
    assert (verdict.outcome, verdict.gates) == ("deny", ())
    assert verdict.reasons[-1].rule == "one-route"
    same = loaded(policy("- {id: a, gate: {external: {route: r}}}\n- {id: b, gate: {external: {route: r}}}"))
    assert same.evaluate(action()).outcome == "gated"


def test_each_policy_that_covers_the_tool_has_its_say_and_its_default() -> None:
    texts = [
        policy("- {id: a, gate: allow}"),
        policy("- {id: b, when: 'false', gate: allow}", name="q", head="default: confirm"),
    ]
    verdict = loaded(*texts).evaluate(action())
    assert (verdict.outcome, verdict.gates) == ("gated", (Confirm(),))
    assert [(r.policy, r.rule) for r in verdict.reasons] == [("p", "a"), ("q", "default")]
    assert loaded(*reversed(texts)).evaluate(action()).gates == verdict.gates


def test_no_policy_for_a_tool_is_the_engines_word() -> None:
    policies = loaded(policy())
    denied = policies.evaluate(action(tool="other"))
    assert (denied.outcome, denied.reasons[0].policy, denied.batch, denied.on_change) == (
        "deny", "engine", "in_order", "strictest",
    )  # fmt: skip
    confirmed = policies.evaluate(action(tool="other"), default="confirm")
    assert (confirmed.outcome, confirmed.gates) == ("gated", (Confirm(),))


def test_shadow_only_tells_what_it_would_have_done() -> None:
    strict = policy("- {id: b, gate: deny}", name="q", head="mode: shadow\nbatch: hold_all")
    verdict = loaded(policy("- {id: a, gate: allow}", head="batch: run_ungated"), strict).evaluate(action())
    assert (verdict.outcome, verdict.batch, verdict.problem) == ("allow", "run_ungated", None)
    assert [(r.policy, r.rule, r.effect) for r in verdict.shadow] == [("q", "b", "deny")]
    alone = loaded(strict)
    assert not alone.covers("pay")
    assert alone.evaluate(action()).reasons[0].policy == "engine"
    assert [r.rule for r in alone.evaluate(action()).shadow] == ["b"]


def test_shadow_problems_stay_in_the_shadow() -> None:
    shadow = policy("- {id: b, when: args.nope > 1, gate: allow}", name="q", head="mode: shadow")
    verdict = loaded(policy("- {id: a, gate: allow}"), shadow).evaluate(action())
    assert (verdict.outcome, verdict.problem) == ("allow", None)
    assert verdict.shadow[0].effect == "deny"


def test_batch_and_on_change_are_the_strictest_of_all_that_cover() -> None:
    texts = [policy("- {id: a, gate: allow}", name=f"n{index}", head=f"batch: {batch}\non_change: {change}")
             for index, (batch, change) in enumerate([("run_ungated", "pin"), ("hold_all", "pin"), ("in_order", "strictest")])]  # fmt: skip
    assert loaded(texts[0]).evaluate(action()).batch == "run_ungated"
    assert loaded(texts[0]).evaluate(action()).on_change == "pin"
    joined = loaded(*texts).evaluate(action())
    assert (joined.batch, joined.on_change) == ("hold_all", "strictest")


def test_vars_belong_to_their_policy() -> None:
    rule = "- {id: a, when: args.n > vars.limit, gate: deny}"
    policies = loaded(
        policy(rule, head="vars: {limit: 1}\ndefault: allow"),
        policy(rule, name="q", head="vars: {limit: 5}\ndefault: allow"),
    )
    assert [r.policy for r in policies.evaluate(action({"n": 3})).reasons if r.effect == "deny"] == ["p"]
    assert [r.policy for r in policies.evaluate(action({"n": 6})).reasons] == ["p", "q"]


def test_what_a_model_asks_for_does_not_fill_the_memory() -> None:
    policies = loaded(policy(tools="'*'", head="default: allow"))
    for index in range(MAX_CACHED_SUBJECTS + 10):
        assert policies.covers(f"tool{index}")
    assert len(policies._inquiries) <= MAX_CACHED_SUBJECTS


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("a", "a", True), ("a", "A", False), ("a", "ab", False), ("*", "", True), ("*", "x.y", True), ("a.*", "a.b.c", True),
        ("a.*", "a.", True), ("a.*", "a", False), ("*.b", "a.b", True), ("a*b*c", "a-b-c", True), ("a*b*c", "acb", False),
        ("ab*ba", "aba", False), ("a*a", "a", False), ("a.*", "a.b.*", True), ("a.b.*", "a.*", False), ("*", "a*", True), ("a*", "*", False),
    ],
)  # fmt: skip
def test_patterns(pattern: str, name: str, *, covered: bool) -> None:
    assert matches(pattern, name) is covered


@given(st.text("ab*", max_size=6), st.text("ab*", max_size=6), st.text("ab", max_size=8))
def test_a_pattern_that_covers_another_covers_all_that_it_covers(wide: str, narrow: str, name: str) -> None:
    if matches(wide, narrow) and matches(narrow, name):
        assert matches(wide, name)


@given(verdicts(), verdicts())
def test_law15_the_join_is_never_looser_than_either(a: Verdict, b: Verdict) -> None:
    both = join(a, b)
    for one in (a, b):
        assert at_least(both, one)
    assert join(both, b).gates == both.gates
    assert join(a, both).outcome == both.outcome


def demand(gate: Gate) -> str:
    """A gate without what the join of two external gates changes: who hears of it, and what more the result must fit."""
    return gate_key(
        msgspec.structs.replace(gate, silent=False, route_schemas=()) if isinstance(gate, External) else gate
    )


@given(verdicts(), verdicts())
def test_law15_the_order_of_then_is_kept_so_that_nothing_is_asked_out_of_turn(a: Verdict, b: Verdict) -> None:
    both = join(a, b)
    if both.outcome == "gated" and not {*map(demand, a.gates)} & {*map(demand, b.gates)}:
        kept = [demand(gate) for gate in both.gates if demand(gate) in map(demand, a.gates)]
        assert kept == [demand(gate) for gate in a.gates]


def test_gate_keys_tell_apart_what_python_calls_equal() -> None:
    keys = {gate_key(gate) for gate in (UserInput({"const": 1}), UserInput({"const": True}), Confirm(), Confirm(1))}
    assert len(keys) == 4
    assert gate_key(UserInput({"a": 1, "b": 2})) == gate_key(UserInput({"b": 2, "a": 1}))
    assert all(len(key) == 16 for key in keys)
    assert merge_gates([(Confirm(),), (Confirm(),)]) == (Confirm(),)
