"""The join is that of a lattice: its algebra, its order, and what more policy can do to a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from policy_algebra import at_least, core, gate_lists, verdicts
from policy_samples import action, loaded, policy

from hitl_fsm.model.verdict import Approval, External, Gate, Review, Verdict
from hitl_fsm.policy.join import BATCHES, SEVERITIES, gate_key, join, merge_gates

BOTTOM = Verdict("allow", batch="run_ungated", on_change="pin")
AFTER = (External, Review)


@given(verdicts(), verdicts(), verdicts())
def test_the_join_is_commutative_associative_and_idempotent(a: Verdict, b: Verdict, c: Verdict) -> None:
    assert core(join(a, b)) == core(join(b, a))
    assert core(join(join(a, b), c)) == core(join(a, join(b, c)))
    assert core(join(a, a)) == core(a)
    assert join(a, b).policy_digest == b.policy_digest


@given(verdicts(), verdicts())
def test_joining_again_changes_nothing_not_even_the_order(a: Verdict, b: Verdict) -> None:
    both = join(a, b)
    for again in (join(both, b), join(both, both), join(both, a)):
        assert (again.outcome, again.gates, again.reasons) == (both.outcome, both.gates, both.reasons)
    assert core(join(a, BOTTOM)) == core(a)
    assert join(a, BOTTOM).gates == a.gates


@given(verdicts(), verdicts(), verdicts())
def test_law15_the_join_is_the_least_verdict_that_is_as_strict_as_both(a: Verdict, b: Verdict, c: Verdict) -> None:
    both = join(a, b)
    assert at_least(both, a)
    assert at_least(both, b)
    if at_least(c, a) and at_least(c, b):
        assert at_least(c, both)
    assert at_least(join(join(a, c), join(b, c)), both)


@given(verdicts(), verdicts(), verdicts())
def test_law15_the_join_is_monotonic(a: Verdict, b: Verdict, c: Verdict) -> None:
    higher = join(a, b)  # each verdict that is at least `a` is of this form
    assert at_least(join(higher, c), join(a, c))
    assert at_least(join(c, higher), join(c, a))


def questions(gates: Iterable[Gate]) -> set[str]:
    """All but what can be said of one external call in several ways."""
    return {gate.route if isinstance(gate, External) else gate_key(gate) for gate in gates}


@given(st.lists(gate_lists(), min_size=1, max_size=4))
def test_law01_whatever_the_orders_are_nothing_carries_the_call_out_before_the_last_question(
    lists: list[tuple[Gate, ...]],
) -> None:
    merged = merge_gates(lists)
    asked = [gate for one in lists for gate in one]
    assert questions(merged) == questions(asked)
    assert at_least(Verdict("gated", merged), Verdict("gated", tuple(asked)))
    assert len({*map(gate_key, merged)}) == len(merged)
    parts = [AFTER.index(type(gate)) + 1 if isinstance(gate, AFTER) else 0 for gate in merged]
    assert parts == sorted(parts)


def test_law01_approvals_that_contradict_each_other_in_order_still_come_before_the_call() -> None:
    bo, al, out, seen = Approval(("bo",)), Approval(("al",)), External("r"), Review()
    written: list[tuple[Gate, ...]] = [(bo, al), (al, bo), (out,), (seen,)]
    for lists in permutations(written):
        assert merge_gates(lists)[2:] == (out, seen)
    rules = (
        "- {id: a, gate: [{approval: {of: bo}}, {approval: {of: al}}]}\n"
        "- {id: b, gate: [{approval: {of: al}}, {approval: {of: bo}}]}\n"
        "- {id: c, gate: {external: {route: r}}}"
    )
    assert loaded(policy(rules)).evaluate(action()).gates == (bo, al, out)


RULE_GATES = (
    "allow",
    "audit",
    "confirm",
    "deny",
    "{approval: {of: bo}}",
    "[confirm, {approval: {of: al}}]",
    "[{approval: {of: al}}, {approval: {of: bo}}]",
    "[{approval: {of: bo}}, {approval: {of: al}}]",
    "{external: {route: r}}",
    "{external: {route: s}}",
    "{external: {route: s, silent: true}}",
    "[audit, {confirm: {expires: 1h}}]",
    "{review: {of: bo}}",
    "{approval: {of: [bo, al], quorum: 2, not: [requester, editor]}}",
    "{approval: {of: bo, grant: {max: 9, for: 1h}, edit: none, break_glass: al}}",
    "{approval: {all_of: [bo, al]}}",
    "{approval: {any_of: [bo, {of: [al, cy], quorum: 2}]}}",
    "{approval: {stages: [{name: one, of: bo}, {name: two, of: al, not: previous_approver}]}}",
    "[{approval: {stages: [{name: two, of: al}, {name: one, of: bo}]}}, {external: {route: r}}]",
    "{approval: {of: bo, expires: 4h, on_expiry: {escalate: al}, reminders: 1h, calendar: c}}",
    "{confirm: {expires: 1h, on_expiry: [{escalate: bo}, {escalate: al}], edit: {n: lower, s: {}}}}",
)
CONDITIONS = (
    "'true'",
    "'false'",
    "args.n > 1",
    "args.n > 2",
    "args.missing == 1",
    "args.s == 'x'",
    "[args.n > 0, args.s != 'y']",
    "step == 'ship'",
)
NAMES = ("tools: pay", "agents: support", "agents: other", "steps: ship", "tools: pay, steps: ship")
ASKS = "{approval: {of: cy}}"
HEADS = st.builds(
    "default: {}\nbatch: {}\non_error: {}\nsteps: ship".format,
    st.sampled_from(["deny", "confirm", "allow"]),
    st.sampled_from(BATCHES),
    st.sampled_from(["deny", ASKS]),
)
ARGS = st.fixed_dictionaries({"n": st.integers(0, 3), "s": st.sampled_from("xy")})


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    parts = [f"gate: {draw(st.sampled_from(RULE_GATES))}", f"severity: {draw(st.sampled_from(SEVERITIES))}"]
    parts += [f"{key}: {draw(st.sampled_from(CONDITIONS))}" for key in ("when", "unless") if draw(st.booleans())]
    return ", ".join([*parts, *draw(st.lists(st.sampled_from(NAMES), max_size=1))])


def documents(rules: list[list[str]], heads: list[str]) -> list[str]:
    bodies = ["\n".join(f"- {{id: r{number}, {rule}}}" for number, rule in enumerate(own)) for own in rules]
    pairs = zip(bodies, heads, strict=True)
    return [policy(body, name=f"d{index}", head=head) for index, (body, head) in enumerate(pairs)]


@settings(max_examples=80, deadline=None)
@given(st.lists(rule_texts(), max_size=3), HEADS, st.lists(rule_texts(), max_size=2), HEADS, ARGS)
def test_adding_a_policy_never_loosens_what_a_policy_covers(
    rules: list[str], head: str, more: list[str], other: str, args: dict[str, Any]
) -> None:
    before = loaded(*documents([rules], [head])).evaluate(action(args))
    after = loaded(*documents([rules, more], [head, other])).evaluate(action(args))
    assert at_least(after, before)


@settings(max_examples=80, deadline=None)
@given(st.lists(rule_texts(), min_size=1, max_size=3), rule_texts(), HEADS, st.integers(0, 3), ARGS)
def test_adding_a_rule_never_loosens_where_a_rule_matched(
    rules: list[str], added: str, head: str, place: int, args: dict[str, Any]
) -> None:
    before = loaded(*documents([rules], [head])).evaluate(action(args))
    after = loaded(*documents([[*rules[:place], added, *rules[place:]]], [head])).evaluate(action(args))
    if any(reason.rule != "default" for reason in before.reasons):
        assert at_least(after, before)


@settings(max_examples=40, deadline=None)
@given(st.lists(rule_texts(), min_size=2, max_size=4), HEADS, ARGS, st.randoms(use_true_random=False))
def test_the_order_of_rules_and_files_does_not_matter(
    rules: list[str], head: str, args: dict[str, Any], random: Any
) -> None:
    texts = documents([[rule] for rule in rules], [head] * len(rules))
    shuffled = list(texts)
    random.shuffle(shuffled)
    one, other = loaded(*texts).evaluate(action(args)), loaded(*shuffled).evaluate(action(args))
    assert core(one)[:6] == core(other)[:6]
    assert one.gates == other.gates


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(RULE_GATES), st.sampled_from(["when", "unless"]), st.sampled_from(["deny", ASKS]), ARGS)
def test_law06_a_rule_that_cannot_be_evaluated_is_as_strict_as_if_it_matched_and_never_allows(
    gate: str, key: str, on_error: str, args: dict[str, Any]
) -> None:
    head = f"default: allow\non_error: {on_error}"
    matched = loaded(policy(f"- {{id: a, gate: {gate}}}", head=head)).evaluate(action(args))
    failed = loaded(policy(f"- {{id: a, gate: {gate}, {key}: args.gone == 1}}", head=head)).evaluate(action(args))
    assert failed.outcome == ("gated" if on_error == ASKS and matched.outcome != "deny" else "deny")
    assert at_least(failed, matched)
    assert failed.problem is not None
    assert failed.outcome == "deny" or Approval(("cy",)) in failed.gates
