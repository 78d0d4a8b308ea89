"""Whether a verdict is at least as strict as another: every way to lose something, and that it agrees with the join."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_samples import NOW

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.verdict import (
    Approval,
    Confirm,
    Editing,
    Escalation,
    External,
    Gate,
    GrantOffer,
    Patience,
    Reason,
    Seat,
    UserInput,
    Verdict,
)
from hitl_fsm.policy import compare as module
from hitl_fsm.policy.compare import CHANGES, CONSIDERED, Change, compare, compare_sets, is_safe
from hitl_fsm.policy.join import BATCHES, ON_CHANGES, OUTCOMES, SEVERITIES, gate_key, join
from hitl_fsm.policy.load import load

NO_DEMAND = {"reasons", "shadow", "policy_digest", "problem", "looked", "would"}
"""What of a verdict says why, or what would have been."""

FINANCE, OPS = ("role:finance",), ("role:ops",)
BOTH = FINANCE + OPS
HOUR = 3_600_000
ALLOW, DENY = Verdict("allow"), Verdict("deny")


def asks(*gates: Gate, **settings: Any) -> Verdict:
    return Verdict("gated", gates, **settings)


def change(old: Verdict, new: Verdict) -> Change:
    found = compare(old, new)
    assert (found.change == "equal") == (not found.differences)
    assert list(found.differences) == sorted(found.differences, key=lambda one: CHANGES.index(one.change))
    assert all(one.told for one in found.differences)
    return found.change


NEXT = Patience(escalate=(Escalation(FINANCE, HOUR),))
SCOPES: tuple[Literal["run", "session"], ...] = ("run", "session")
GRANT = GrantOffer(5, HOUR, SCOPES, ("a", "b"))
BUDGET = GrantOffer(5, HOUR, SCOPES, ("a", "b"), "a", 9)
CHECKS: tuple[dict[str, Any], ...] = ({"const": 1}, {"const": True})

ONE_WAY: list[tuple[str, Verdict, Verdict]] = [
    ("denied", asks(Confirm()), DENY),
    ("denied, whatever else", Verdict("allow", audit=True, batch="hold_all", severity="critical"), DENY),
    ("asked", ALLOW, asks(Confirm())),
    ("asked in addition", asks(Confirm()), asks(Confirm(), Approval(FINANCE))),
    ("asked twice", asks(Approval(FINANCE)), asks(Approval(FINANCE), Approval(FINANCE, ("requester",)))),
    ("fewer may answer", asks(Approval(BOTH)), asks(Approval(FINANCE))),
    ("more may not", asks(Approval(FINANCE)), asks(Approval(FINANCE, ("requester",)))),
    ("an end", asks(Confirm()), asks(Confirm(HOUR))),
    ("a sooner end", asks(Confirm(2 * HOUR)), asks(Confirm(HOUR))),
    ("a result is checked", asks(External("bank")), asks(External("bank", {"type": "object"}))),
    ("its route checks a result", asks(External("bank")), asks(External("bank", route_schemas=({"const": 1},)))),
    ("and once more", asks(External("b", route_schemas=CHECKS[:1])), asks(External("b", route_schemas=CHECKS))),
    ("announced", asks(External("bank", silent=True)), asks(External("bank"))),
    ("audited", ALLOW, Verdict("allow", audit=True)),
    ("two must agree", asks(Approval(FINANCE)), asks(Approval(FINANCE, quorum=2))),
    ("fewer noes end it", asks(Approval(FINANCE, reject_quorum=2)), asks(Approval(FINANCE))),
    (
        "nobody is asked next",
        asks(Approval(FINANCE, expires_ms=HOUR, patience=NEXT)),
        asks(Approval(FINANCE, (), HOUR)),
    ),
    (
        "nobody is asked after these",
        asks(Confirm(HOUR, Patience(escalate=(*NEXT.escalate, Escalation(OPS))))),
        asks(Confirm(HOUR, NEXT)),
    ),
    ("nobody breaks the glass", asks(Approval(FINANCE, break_glass=OPS)), asks(Approval(FINANCE))),
    ("fewer break the glass", asks(Approval(FINANCE, break_glass=BOTH)), asks(Approval(FINANCE, break_glass=OPS))),
    ("what may be changed has bounds", asks(Confirm()), asks(Confirm(edit=Editing({"a": {}})))),
    ("nothing may be changed", asks(Confirm(edit=Editing({"a": {}}))), asks(Confirm(edit=Editing()))),
    ("only to less", asks(Confirm(edit=Editing({"a": {}}))), asks(Confirm(edit=Editing({"a": {}}, ("a",))))),
    ("within", asks(Confirm(edit=Editing({"a": {}}))), asks(Confirm(edit=Editing({"a": {"maximum": 1}})))),
    ("a yes is not remembered", asks(Confirm(grant=GRANT)), asks(Confirm())),
    ("fewer calls", asks(Confirm(grant=GRANT)), asks(Confirm(grant=GrantOffer(4, HOUR, SCOPES, ("a", "b"))))),
    ("less time", asks(Confirm(grant=GRANT)), asks(Confirm(grant=GrantOffer(5, 1, SCOPES, ("a", "b"))))),
    ("in fewer places", asks(Confirm(grant=GRANT)), asks(Confirm(grant=GrantOffer(5, HOUR, ("run",), ("a", "b"))))),
    ("less may differ", asks(Confirm(grant=GRANT)), asks(Confirm(grant=GrantOffer(5, HOUR, SCOPES, ("b",))))),
    ("a budget", asks(Confirm(grant=GRANT)), asks(Confirm(grant=BUDGET))),
    ("a smaller budget", asks(Confirm(grant=BUDGET)), asks(Confirm(grant=msgspec.structs.replace(BUDGET, budget=8)))),
    ("others wait", Verdict("allow", batch="run_ungated"), ALLOW),
    ("all wait", ALLOW, Verdict("allow", batch="hold_all")),
    ("judged again", Verdict("allow", on_change="pin"), ALLOW),
    ("told as worse", ALLOW, Verdict("allow", severity="high")),
]


@pytest.mark.parametrize(("what", "loose", "strict"), ONE_WAY, ids=[one[0] for one in ONE_WAY])
def test_each_thing_that_can_be_lost_is_a_loosening_and_a_tightening_the_other_way(
    what: str, loose: Verdict, strict: Verdict
) -> None:
    assert (change(loose, strict), change(strict, loose)) == ("tightened", "loosened")
    assert change(loose, loose) == "equal"


OTHERWISE: list[tuple[str, Verdict, Verdict]] = [
    ("another approver", asks(Approval(FINANCE)), asks(Approval(OPS))),
    ("another exclusion", asks(Approval(BOTH, ("a",))), asks(Approval(BOTH, ("b",)))),
    ("another form", asks(UserInput({"type": "object"})), asks(UserInput({"type": "object", "required": ["a"]}))),
    ("true for 1 in a form", asks(UserInput({"const": True})), asks(UserInput({"const": 1}))),
    ("true for 1 in a check", asks(External("b", {"const": True})), asks(External("b", {"const": 1}))),
    ("another route", asks(External("bank")), asks(External("other"))),
    ("another check", asks(External("b", {"type": "object"})), asks(External("b", {"type": "string"}))),
    (
        "the route's another check",
        asks(External("b", route_schemas=CHECKS[:1])),
        asks(External("b", route_schemas=CHECKS[1:])),
    ),
    ("other seats", asks(Approval(BOTH)), asks(Approval(BOTH, ways=((Seat(FINANCE), Seat(OPS)),)))),
    ("another stage", asks(Approval(FINANCE, name="a")), asks(Approval(FINANCE, name="b"))),
    ("others are asked sooner", asks(Confirm(2, NEXT)), asks(Confirm(1, NEXT))),
    ("other hours", asks(Confirm(HOUR)), asks(Confirm(HOUR, Patience(calendar="c")))),
    ("other reminders", asks(Confirm(HOUR, Patience((1,)))), asks(Confirm(HOUR, Patience((2,))))),
    ("others are asked next", asks(Confirm(HOUR, NEXT)), asks(Confirm(HOUR, Patience(escalate=(Escalation(OPS),))))),
    ("another bound", asks(Confirm(edit=Editing({"a": {"maximum": 1}}))), asks(Confirm(edit=Editing({"b": {}})))),
    ("more calls, less time", asks(Confirm(grant=GRANT)), asks(Confirm(grant=GrantOffer(6, 1, SCOPES, ("a", "b"))))),
    (
        "another may differ",
        asks(Confirm(grant=GrantOffer(1, 1, vary=("a",)))),
        asks(Confirm(grant=GrantOffer(1, 1, vary=("b",)))),
    ),
    ("another order", asks(Confirm(), Approval(FINANCE)), asks(Approval(FINANCE), Confirm())),
]


@pytest.mark.parametrize(("what", "one", "other"), OTHERWISE, ids=[one[0] for one in OTHERWISE])
def test_what_neither_proves_stricter_is_changed_both_ways(what: str, one: Verdict, other: Verdict) -> None:
    assert (change(one, other), change(other, one)) == ("changed", "changed")


ABC, AB, AC = ("a", "b", "c"), ("a", "b"), ("a", "c")
TWO = asks(Approval(FINANCE), Approval(FINANCE, OPS))
MIXED: list[tuple[str, Verdict, Verdict, Change]] = [
    ("an approval for a form", asks(UserInput({"type": "object"})), asks(Approval(FINANCE)), "loosened"),
    (
        "each gets the place that fits",
        asks(Approval(ABC), Approval(AB)),
        asks(Approval(AB, OPS), Approval(AC)),
        "tightened",
    ),
    ("tighter and looser", asks(Approval(BOTH, ("a",))), asks(Approval(FINANCE)), "loosened"),
    ("a yes of one's own for that of another", asks(Approval(FINANCE)), asks(Confirm()), "loosened"),
    ("that of another for one's own", asks(Confirm()), asks(Approval(FINANCE)), "changed"),
    ("a form for an approval", asks(Approval(FINANCE)), asks(UserInput({"type": "object"})), "loosened"),
    ("two become one", asks(Approval(FINANCE), Approval(BOTH)), asks(Approval(FINANCE)), "loosened"),
    ("a denial is lifted, much is asked", DENY, asks(Approval(FINANCE), severity="critical"), "loosened"),
    ("asked more, held less", Verdict("allow", batch="hold_all"), asks(Confirm()), "loosened"),
    (
        "each finds its own",
        asks(Approval(BOTH), Approval(FINANCE)),
        asks(Approval(FINANCE), Approval(FINANCE)),
        "tightened",
    ),
]


@pytest.mark.parametrize(("what", "old", "new", "expected"), MIXED, ids=[one[0] for one in MIXED])
def test_what_is_lost_weighs_more_than_what_is_won(what: str, old: Verdict, new: Verdict, expected: Change) -> None:
    assert change(old, new) == expected


def test_people_are_a_set_and_nobody_named_is_the_user() -> None:
    assert change(asks(Approval(BOTH)), asks(Approval(BOTH[::-1]))) == "equal"
    form: dict[str, Any] = {"type": "object"}
    assert change(asks(UserInput(form)), asks(UserInput(form, ("requester",)))) == "equal"
    assert change(asks(UserInput(form, ("requester",))), asks(UserInput(form, ("requester", "bob")))) == "loosened"


def test_why_and_by_which_policies_is_no_difference() -> None:
    told = Verdict(
        "deny", reasons=(Reason("a", "b", "deny"),), policy_digest="1", problem="x", shadow=(Reason("s", "r", "d"),)
    )
    assert change(told, DENY) == "equal"


def test_every_part_of_a_verdict_was_thought_of() -> None:
    assert set(Verdict.__struct_fields__) == CONSIDERED | NO_DEMAND
    assert not CONSIDERED & NO_DEMAND


def test_a_field_of_a_gate_that_nobody_thought_of_is_a_change() -> None:
    class Later(msgspec.Struct, frozen=True, tag="confirm"):
        novelty: int = 0

    old, new = Verdict("gated", (Later(1),)), Verdict("gated", (Later(2),))  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "describe", lambda gate: "later")
        assert change(old, new) == "changed"


def test_what_is_too_much_to_match_is_told_as_loosened(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = asks(Approval(BOTH), Approval((*BOTH, "x"))), asks(Approval(FINANCE), Approval(OPS))
    assert change(old, new) == "tightened"
    monkeypatch.setattr(module, "MATCHED_PAIRS", 3)
    assert not is_safe(change(old, asks(Approval(("y",)), Approval(("z",)))))


def test_the_words_name_what_is_lost() -> None:
    found = compare(asks(Approval(FINANCE, expires_ms=HOUR), Confirm()), asks(Approval(BOTH, expires_ms=90_000)))
    assert [(one.change, one.told) for one in found.differences] == [
        ("loosened", "approval of role:finance: may answer too: role:ops"),
        ("loosened", "no longer asked: confirm"),
        ("tightened", "approval of role:finance: open for 90s, was for 1h"),
    ]


# -- laws of the comparison, over verdicts of few parts, so that they meet often

SUBJECTS = st.sets(st.sampled_from(["role:a", "role:b", "requester"]), min_size=1, max_size=2).map(
    lambda s: tuple(sorted(s))
)
ENDS = st.sampled_from([None, 1, 2])
FORMS = st.sampled_from([{"type": "object"}, {"type": "object", "required": ["a"]}])
GATES = st.one_of(
    st.builds(Confirm, ENDS),
    st.builds(Approval, SUBJECTS, st.sampled_from([(), ("x",)]), ENDS),
    st.builds(
        UserInput, st.sampled_from([{"type": "object"}, {"type": "object", "required": ["a"]}]), st.just(()), ENDS
    ),
    st.builds(External, st.just("bank"), st.sampled_from([None, {"type": "object"}]), ENDS),
)


def _verdict(outcome: Any, gates: list[Gate], audit: bool, batch: Any, on_change: Any, severity: Any) -> Verdict:
    kept = {gate_key(gate): gate for gate in gates}
    # One order for all, and what carries the call out last, as in every verdict of the policies.
    in_order = tuple(sorted(kept.values(), key=lambda gate: (isinstance(gate, External), gate_key(gate))))
    outcome = "allow" if outcome == "gated" and not in_order else outcome
    return Verdict(outcome, in_order if outcome == "gated" else (), audit, batch, on_change, severity)


VERDICTS = st.builds(
    _verdict,
    st.sampled_from([*OUTCOMES, "gated", "gated"]),
    st.lists(GATES, max_size=3),
    st.booleans(),
    st.sampled_from(BATCHES),
    st.sampled_from(ON_CHANGES),
    st.sampled_from(SEVERITIES[:2]),
)


@given(VERDICTS, VERDICTS)
def test_what_is_joined_to_a_verdict_never_loosens_it(a: Verdict, b: Verdict) -> None:
    assert is_safe(change(a, join(a, b)))
    assert is_safe(change(b, join(a, b)))


@given(VERDICTS, VERDICTS)
def test_what_the_join_asks_more_than_the_new_one_is_shown_unless_the_new_one_is_provably_stricter(
    old: Verdict, new: Verdict
) -> None:
    found = compare(old, new)
    if not is_safe(found.change):
        assert compare(new, join(old, new)).change == "tightened", "else nothing is missing"
    assert (found.change == "equal") == (compare(new, old).change == "equal")


@given(VERDICTS, VERDICTS)
def test_two_verdicts_are_never_both_stricter_than_each_other(a: Verdict, b: Verdict) -> None:
    there, back = change(a, b), change(b, a)
    if is_safe(there) and is_safe(back):
        assert (there, back) == ("equal", "equal")
    if there == "tightened":
        assert back == "loosened"
    if there == "changed":
        assert back in {"changed", "loosened"}


@given(VERDICTS, VERDICTS, VERDICTS)
def test_two_steps_that_are_safe_are_one(a: Verdict, b: Verdict, c: Verdict) -> None:
    for second, third in ((b, c), (join(a, b), c), (join(a, b), join(b, c))):
        if is_safe(change(a, second)) and is_safe(change(second, third)):
            assert is_safe(change(a, third))


def test_sets_are_compared_action_by_action() -> None:
    def policies(gate: str) -> Any:
        text = f"apiVersion: hitl-fsm/v1\nkind: Policy\nname: p\ntools: [pay]\nrules: [{{id: r, gate: {gate}}}]\n"
        return load({"p.policy.yaml": text.encode()}, lambda path: b"")

    actions = [Action(tool, {}, Actor("alice"), NOW) for tool in ("pay", "other")]
    found = list(compare_sets(policies("confirm"), policies("allow"), actions))
    assert [(one.action.tool, one.comparison.change) for one in found] == [("pay", "loosened"), ("other", "equal")]
    asked = list(compare_sets(policies("deny"), policies("deny"), actions, default="confirm"))
    assert [(one.old.outcome, one.new.outcome) for one in asked] == [("deny", "deny"), ("gated", "gated")]
