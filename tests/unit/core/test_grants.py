"""Which calls a grant covers, how far it reaches, and what is left of it. A grant widens nothing by itself."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from runs import ALLOW, PureRun, gated

from hitl_fsm.core.grants import after_use, agent_of, alike, exact, grant_id_of, grants_fit, is_excluded, made
from hitl_fsm.model.action import Below
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Approve, GrantTerms, Reject, Vote
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.event import ModelReplied, ProposedCall
from hitl_fsm.model.grant import Grant, GrantRow
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, GrantOffer
from hitl_fsm.policy.join import gate_key

MARIA, FRANK, ALICE = (Actor(name, roles=("finance",)) for name in ("maria", "frank", "alice"))
OFFER = GrantOffer(10, 3_600_000, ("run", "session", "agent"), ("amount",), "amount", 100)
GATE = Approval(("role:finance",), grant=OFFER)
ARGS: dict[str, Any] = {"to": "acme", "amount": 10}
AT = 5_000


def asked(args: dict[str, Any], gate: Approval | Confirm = GATE, **proposed: Any) -> PureRun:
    return PureRun(gated(gate), args=args, **proposed)


def run_of(pure: PureRun, session: str = "") -> Run:
    assert pure.run is not None
    return replace(pure.run, session=session)


def votes(*terms: GrantTerms | None) -> list[Vote]:
    return [Vote(Approve(grant=one), (MARIA, FRANK)[index], AT, "d") for index, one in enumerate(terms)]


def granted(
    args: dict[str, Any], *terms: GrantTerms | None, gate: Approval | Confirm = GATE, session: str = ""
) -> Grant | None:
    pure = asked(args, gate)
    return made(pure.asked()[0], pure.call(), run_of(pure, session), gate, votes(*terms), AT)


def one(args: dict[str, Any], scope: Any = "agent", gate: Approval | Confirm = GATE, session: str = "") -> Grant:
    grant = granted(args, GrantTerms(scope), gate=gate, session=session)
    assert grant is not None
    return grant


def with_gate(*, vary: tuple[str, ...] = (), **more: Any) -> Approval:
    return Approval(("role:finance",), grant=GrantOffer(10, 3_600_000, ("agent",), vary), **more)


def covers(grant: Grant, args: dict[str, Any] | None, gate: Approval | Confirm = GATE, **proposed: Any) -> Any:
    pure = asked({} if args is None else args, gate, **proposed)
    call = pure.call() if args is not None else replace(pure.call(), args=None)
    return alike(grant, run_of(pure), call, gate_key(gate))


# -- alike

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e12, 1e12) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
ARGUMENTS = st.dictionaries(st.sampled_from(["to", "memo", "n", "é"]), JSON, max_size=4)


def as_json(value: Any) -> Any:
    """What JSON tells apart, and nothing else: an independent notion of `the same value`."""
    if isinstance(value, bool) or value is None:
        return ("word", value)
    if isinstance(value, int | float):
        return ("number", Fraction(value))
    if isinstance(value, str):
        return ("text", value)
    if isinstance(value, dict):
        return ("object", frozenset((key, as_json(part)) for key, part in value.items()))
    return ("list", tuple(map(as_json, value)))


@settings(deadline=None, max_examples=60)
@given(ARGUMENTS, ARGUMENTS)
def test_without_arguments_that_may_vary_a_grant_covers_the_same_arguments_and_no_others(
    args: dict[str, Any], other: dict[str, Any]
) -> None:
    grant = one(args, gate=with_gate())
    assert covers(grant, args, with_gate()) == 0
    assert (covers(grant, other, with_gate()) is not None) == (as_json(args) == as_json(other))


@settings(deadline=None, max_examples=60)
@given(ARGUMENTS, JSON, JSON)
def test_an_argument_that_may_vary_may_have_any_value_and_the_others_none_but_theirs(
    args: dict[str, Any], was: Any, now: Any
) -> None:
    gate = with_gate(vary=("x",))
    grant = one({**args, "x": was}, gate=gate)
    assert covers(grant, {**args, "x": now}, gate) == 0
    assert covers(grant, args, gate) is None
    assert covers(grant, {**args, "x": now, "y": 1}, gate) is None


@settings(deadline=None, max_examples=60)
@given(ARGUMENTS)
def test_a_grant_of_a_call_without_arguments_covers_only_such_calls(args: dict[str, Any]) -> None:
    for vary in ((), ("to", "memo", "n", "é")):
        gate = with_gate(vary=vary)
        assert (covers(one({}, gate=gate), args, gate) is not None) == (args == {})


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [
        (1, 1.0, True), (0, -0.0, True), (1e3, 1000, True), (1, True, False), (0, False, False), (1, "1", False),
        (None, False, False), ("", None, False), ([1], [1.0], True), ([1], [True], False), ({"a": 1}, {"a": 1.0}, True),
        ({"a": {"b": [1]}}, {"a": {"b": [1, 2]}}, False), ({"a": 1}, {"a": 1, "b": None}, False),
        ([1, 2], [2, 1], False), ("\u00e9", "e\u0301", False), ("acme", "Acme", False), ("a", "a ", False),
        ({}, [], False),
    ],
)  # fmt: skip
def test_numbers_are_compared_by_value_and_everything_else_exactly(was: Any, now: Any, same: bool) -> None:
    assert (covers(one({"x": was}, gate=with_gate()), {"x": now}, with_gate()) == 0) == same


def test_another_gate_tool_agent_or_version_of_the_tool_is_not_covered() -> None:
    grant = one(ARGS)
    assert covers(grant, ARGS) == 10
    assert covers(grant, ARGS, replace(GATE, quorum=2)) is None
    assert covers(grant, ARGS, tool_version="v2") is None
    assert covers(grant, None) is None
    for changed in ({"tool": "payout"}, {"agent": "b"}, {"gate": "0" * 16}):
        assert covers(replace(grant, **changed), ARGS) is None


def test_a_scope_is_this_run_or_this_session_of_this_user_or_the_agent() -> None:
    pure = asked(ARGS)
    here, key = run_of(pure, "s1"), gate_key(GATE)
    elsewhere = replace(here, run_id="run_x")
    others = replace(elsewhere, user=Actor("bob"))
    found = {
        scope: [alike(one(ARGS, scope, session="s1"), run, pure.call(), key) is not None for run in (
            here, elsewhere, others, replace(elsewhere, session="s2"), replace(elsewhere, session="")
        )]
        for scope in ("run", "session", "agent")
    }  # fmt: skip
    assert found == {
        "run": [True, False, False, False, False],
        "session": [True, True, False, False, False],
        "agent": [True, True, True, True, True],
    }


def test_what_a_user_confirmed_passes_no_gate_of_another_user() -> None:
    gate = Confirm(grant=OFFER)
    pure = asked(ARGS, gate)
    grant = one(ARGS, "agent", gate)
    elsewhere = replace(run_of(pure), run_id="run_x")
    assert alike(grant, elsewhere, pure.call(), gate_key(gate)) == 10
    assert alike(grant, replace(elsewhere, user=Actor("bob")), pure.call(), gate_key(gate)) is None


@pytest.mark.parametrize("amount", [-1, -0.01, True, None, "10", [10], {}, float("inf"), float("nan")])
def test_what_is_no_amount_or_would_give_budget_back_is_not_covered(amount: Any) -> None:
    grant = one(ARGS)
    pure = asked(ARGS)
    call = replace(pure.call(), args={"to": "acme", "amount": amount})
    assert alike(grant, run_of(pure), call, gate_key(GATE)) is None


# -- what is left


def row(grant: Grant, **more: Any) -> GrantRow:
    return GrantRow(grant, **more)


def test_a_grant_is_over_when_it_is_revoked_used_up_or_its_time_is_past() -> None:
    grant = one(ARGS)
    assert after_use(row(grant), 10, AT) == 10
    assert after_use(row(grant, used=9), 10, grant.until - 1) == 10
    assert after_use(row(grant, used=10), 10, AT) is None
    assert after_use(row(grant), 10, grant.until) is None
    assert after_use(row(grant, state="revoked"), 10, AT) is None


def test_cents_are_added_as_they_are_written() -> None:
    """0.1 ten times is 1; in binary fractions it is less, and three times 0.1 is more than 0.3."""
    for amount, budget, times in ((0.1, 1, 10), (0.1, 0.3, 3), (1.1, 3.3, 3), (33.33, 99.99, 3)):
        now = row(replace(one(ARGS), budget=budget))
        for _ in range(times):
            spent = after_use(now, amount, AT)
            assert spent is not None
            now = replace(now, spent=spent)
        assert now.spent == Decimal(repr(budget))
        assert after_use(now, 0.01, AT) is None
        assert after_use(now, 1e-20, AT) is None
        assert after_use(now, 0, AT) == now.spent


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 10**6).map(lambda n: n / 100) | st.floats(0, 1e9) | st.integers(0, 10**9), max_size=30))
def test_the_sum_of_all_uses_is_never_above_the_budget(amounts: list[int | float]) -> None:
    now, total, budget = row(replace(one(ARGS), budget=1e9, uses=100)), Fraction(0), Fraction(10**9)
    for amount in amounts:
        spent = after_use(now, amount, AT)
        fits = total + Fraction(repr(amount)) <= budget
        assert (spent is not None) <= fits  # never above; what cannot be added exactly is asked about
        if spent is not None:
            total += Fraction(repr(amount))
            now = replace(now, spent=spent, used=now.used + 1)
            assert Fraction(spent) == total
        else:
            assert not fits or any(0 < small < 1e-30 for small in amounts)


# -- making one

TERMS = st.builds(
    GrantTerms,
    scope=st.sampled_from(["run", "session", "agent"]),
    uses=st.none() | st.integers(-1, 12),
    for_ms=st.none() | st.integers(-1, 4_000_000),
    budget=st.none() | st.integers(-1, 120) | st.floats(-1, 120),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.none() | TERMS, min_size=1, max_size=2), st.sampled_from([("run",), ("agent",), OFFER.scopes]))
def test_a_grant_is_the_narrowest_of_what_all_wanted_and_the_policy_offers(
    terms: list[GrantTerms | None], scopes: Any
) -> None:
    gate = replace(GATE, grant=replace(OFFER, scopes=scopes))
    grant = granted(ARGS, *terms, gate=gate, session="s1")
    wanted = [one for one in terms if one is not None]
    if len(wanted) < len(terms) or any(grants_fit(gate.grant, one) for one in wanted):
        assert grant is None
        return
    assert grant is not None
    assert grant.args == ARGS
    assert grant.vary == OFFER.vary
    for one_ in wanted:
        assert 1 <= grant.uses <= (one_.uses or OFFER.uses)
        assert AT < grant.until <= AT + (one_.for_ms or OFFER.for_ms)
        assert 0 < grant.budget <= (OFFER.budget if one_.budget is None else one_.budget)
    said = {one_.scope for one_ in wanted}
    expected = "run" if "run" in said else "session" if "session" in said else "agent"
    assert (grant.run_id, grant.session) == {"run": ("run_r", ""), "session": ("", "s1"), "agent": ("", "")}[expected]
    assert said - {"run"} <= set(scopes)
    assert [actor.id for actor in grant.by] == ["maria", "frank"][: len(terms)]
    assert grant.grant_id == grant_id_of("req_r-0001") == "grant_r-0001"


@pytest.mark.parametrize(
    ("offer", "terms", "why"),
    [
        (None, GrantTerms(), "offers no grant"),
        (OFFER, GrantTerms(uses=11), "at most 10 uses, not 11"),
        (OFFER, GrantTerms(uses=0), "at least 1"),
        (OFFER, GrantTerms(uses=True), "whole number"),
        (OFFER, GrantTerms(for_ms=3_600_001), "at most 1h, not 3600001ms"),
        (OFFER, GrantTerms(for_ms=2 * 86_400_000), "at most 1h, not 48h"),
        (OFFER, GrantTerms(for_ms=-1), "at least 1"),
        (OFFER, GrantTerms(budget=100.01), "at most 100, not 100.01"),
        (OFFER, GrantTerms(budget=0), "above 0"),
        (OFFER, GrantTerms(budget=-5), "above 0"),
        (OFFER, GrantTerms(budget=float("inf")), "above 0"),
        (GrantOffer(1, 1), GrantTerms(budget=5), "names no argument"),
        (GrantOffer(1, 1), GrantTerms("agent"), "scope run, not agent"),
        (GrantOffer(1, 1, ("agent",)), GrantTerms("run"), ""),
        (OFFER, GrantTerms("agent", 10, 3_600_000, 100.0), ""),
    ],
)
def test_what_the_policy_does_not_offer_is_told(offer: GrantOffer | None, terms: GrantTerms, why: str) -> None:
    told = grants_fit(offer, terms)
    assert (why in told) if why else told == ""


def test_who_did_not_want_it_remembered_decides() -> None:
    assert granted(ARGS, GrantTerms(), None) is None
    assert granted(ARGS, None) is None
    assert granted(ARGS) is None
    assert granted(ARGS, GrantTerms(), gate=Approval(("role:finance",))) is None
    assert granted({"to": "acme"}, GrantTerms()) is None  # nothing that could be counted
    pure = asked(ARGS)
    yes = [*votes(GrantTerms()), Vote(Reject(), FRANK, AT, "d")]
    grant = made(pure.asked()[0], pure.call(), run_of(pure), GATE, yes, AT)
    assert grant is not None
    assert grant.by == (MARIA,)


def test_a_run_without_a_session_has_no_further_ones() -> None:
    grant = one(ARGS, "session", session="")
    assert (grant.run_id, grant.session) == ("run_r", "")


# -- nobody passes the own


def excluded(grant: Grant, call: Call, run: Run, *names: str, person: Any = str) -> bool:
    return is_excluded(grant, run, call, replace(GATE, excluded=names), person)


def test_a_grant_does_not_pass_a_call_that_its_giver_may_not_approve() -> None:
    pure = asked(ARGS)
    grant, call, run = one(ARGS), pure.call(), run_of(pure)
    marias = replace(run, user=Actor("m2", person="maria"))
    assert not excluded(grant, call, run, "requester", "editor", "previous_approver")
    assert excluded(grant, call, marias, "requester")
    assert not excluded(grant, call, marias, "editor")
    assert excluded(grant, replace(call, editors=("maria",)), run, "editor")
    earlier = replace(call, passed=(Pass("other", call.digest, ("maria",)),))
    assert excluded(grant, earlier, run, "previous_approver")
    assert not excluded(grant, earlier, run, "requester")
    assert excluded(grant, call, run, "maria")
    assert excluded(grant, call, run, "role:finance")
    assert not excluded(grant, call, run, "role:ops", "group:finance", "frank")


def test_an_id_that_was_linked_since_is_the_same_person() -> None:
    pure = asked(ARGS)
    run = replace(run_of(pure), user=Actor("m2"))
    linked = {"m2": "maria"}
    assert not excluded(one(ARGS), pure.call(), run, "requester")
    assert excluded(one(ARGS), pure.call(), run, "requester", person=lambda name: linked.get(name, name))


def test_its_own_pass_and_those_after_it_make_nobody_a_previous_approver() -> None:
    pure = asked(ARGS)
    gate = replace(GATE, excluded=("previous_approver",))
    own, later = Pass(gate_key(gate), pure.call().digest, ("maria",), "g"), Pass("z", pure.call().digest, ("maria",))
    assert not is_excluded(one(ARGS), run_of(pure), replace(pure.call(), passed=(own, later)), gate)
    assert is_excluded(one(ARGS), run_of(pure), replace(pure.call(), passed=(later, own)), gate)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, allow_infinity=False) | st.integers(0, 2**53))
def test_a_number_is_exactly_what_json_writes(value: float) -> None:
    number = exact(value)
    assert number is not None
    assert float(number) == value


def test_a_grant_is_of_the_innermost_run_that_asks() -> None:
    pure = PureRun()
    below = ProposedCall("1.0", "p", "ask", args={}, tool_version="v1", below=Below("agent", "clerk"))
    pure.on(ModelReplied("", (below,)), {"1.0": ALLOW})
    pure.start("1.0")
    pure.on(ModelReplied("", (ProposedCall("1.0/1.0", "q", "pay", {}),), frame="1.0"), {"1.0/1.0": gated()})
    assert [agent_of(run_of(pure), pure.call(name)) for name in ("1.0", "1.0/1.0")] == ["a", "clerk"]


def test_one_is_the_least_that_is_offered() -> None:
    assert grants_fit(OFFER, GrantTerms(uses=1, for_ms=1)) == ""
    assert grants_fit(OFFER, GrantTerms(uses=0)) != ""
    assert grants_fit(OFFER, GrantTerms(for_ms=0)) != ""


def test_what_one_says_as_the_requester_is_for_the_own_runs_and_not_for_those_that_others_had_begin() -> None:
    pure, terms = asked(ARGS), GrantTerms("agent")
    for of, named, user in ((GATE.of, (), ""), (("requester",), (), "alice"), (GATE.of, ("requester",), "alice")):
        gate = replace(GATE, of=of)
        both = [replace(one, named=named if index else ()) for index, one in enumerate(votes(terms, terms))]
        grant = made(pure.asked()[0], pure.call(), run_of(pure), gate, both, AT)
        assert grant is not None
        assert grant.user == user
        for begun_by, covered in (((), True), (("alice",), True), (("alice", "maria"), not user)):
            run = replace(run_of(pure), begun_by=begun_by)
            assert (alike(grant, run, pure.call(), gate_key(gate)) is not None) == covered
