"""Verdicts as Hypothesis makes them, and what the algebra of the join says of two of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

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
    Review,
    Seat,
    UserInput,
    Verdict,
)
from hitl_fsm.policy.join import BATCHES, ON_CHANGES, OUTCOMES, SEVERITIES, gate_key

BEFORE: list[Gate] = [
    Confirm(),
    Confirm(5),
    Approval(("bo",)),
    Approval(("role:x",), ("bo",)),
    Approval(("bo",), quorum=2),
    Approval(("bo",), name="first"),
    Approval(("bo", "al"), ways=((Seat(("bo",)), Seat(("al",))),)),
    Approval(("bo",), expires_ms=5, patience=Patience((1,), "", (Escalation(("al",), 5),))),
    Confirm(edit=Editing({"n": {"const": 1}}), grant=GrantOffer(1, 5)),
    Confirm(edit=Editing({"n": {"const": True}})),
    UserInput({"const": 1}),
    UserInput({"const": True}),
]
REASONS = st.builds(Reason, st.sampled_from("pq"), st.sampled_from("ab"), st.sampled_from(["allow", "deny"]))


CHECKS: tuple[dict[str, Any], ...] = ({"type": "object"}, {"const": 1}, {"const": True})


def externals() -> st.SearchStrategy[External]:
    """Of two routes, silent or not, with what the route says of results, then or now."""
    checks = st.lists(st.sampled_from(CHECKS), max_size=2, unique_by=repr)
    return st.builds(External, st.sampled_from("rs"), silent=st.booleans(), route_schemas=checks.map(in_order))


def in_order(checks: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """As the join leaves them."""
    return tuple(sorted(checks, key=json.dumps))


@st.composite
def gate_lists(draw: st.DrawFn) -> tuple[Gate, ...]:
    """As an author may write them: what carries the call out comes after the questions, a review after that."""
    before = draw(st.lists(st.sampled_from(BEFORE), max_size=4, unique_by=gate_key))
    external = draw(st.lists(externals(), max_size=1))
    review = draw(st.lists(st.builds(Review, st.sampled_from([(), ("bo",)])), max_size=1))
    return (*before, *external, *review)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    gates = draw(gate_lists())
    return Verdict(
        outcome="gated" if gates else draw(st.sampled_from(["allow", "deny"])),
        gates=gates,
        audit=draw(st.booleans()),
        batch=draw(st.sampled_from(BATCHES)),
        on_change=draw(st.sampled_from(ON_CHANGES)),
        severity=draw(st.sampled_from(SEVERITIES)),
        reasons=tuple(draw(st.lists(REASONS, max_size=2))),
        shadow=tuple(draw(st.lists(REASONS, max_size=2))),
        policy_digest=draw(st.sampled_from(["one", "two"])),
        problem=draw(st.sampled_from([None, "x", "y", "x\ny"])),
    )


def core(verdict: Verdict) -> tuple[Any, ...]:
    """What the laws of the algebra speak about: all but order, digest, and the reason of a clash of routes."""
    reasons = frozenset(reason for reason in verdict.reasons if reason.rule != "one-route")
    return (
        verdict.outcome,
        frozenset(map(gate_key, verdict.gates)),
        verdict.audit,
        verdict.batch,
        verdict.on_change,
        verdict.severity,
        reasons,
        frozenset(verdict.shadow),
        verdict.problem,
    )


def at_least(strict: Verdict, loose: Verdict) -> bool:
    """Whether one verdict demands all that the other does: the order of the lattice."""
    if OUTCOMES.index(strict.outcome) < OUTCOMES.index(loose.outcome):
        return False
    same_gates = strict.outcome == "deny" or all(_is_held(gate, strict.gates) for gate in loose.gates)
    settings_hold = (
        BATCHES.index(strict.batch) >= BATCHES.index(loose.batch)
        and ON_CHANGES.index(strict.on_change) >= ON_CHANGES.index(loose.on_change)
        and SEVERITIES.index(strict.severity) >= SEVERITIES.index(loose.severity)
    )
    return same_gates and settings_hold and strict.audit >= loose.audit


def _is_held(gate: Gate, gates: Iterable[Gate]) -> bool:
    """Whether a gate is among others, or one of them that takes its place: announced too, with its checks and more."""
    if not isinstance(gate, External):
        return gate_key(gate) in map(gate_key, gates)
    wanted = set(map(json.dumps, gate.route_schemas))
    return any(
        gate.route == other.route
        and gate.silent >= other.silent
        and wanted <= set(map(json.dumps, other.route_schemas))
        for other in gates
        if isinstance(other, External)
    )
