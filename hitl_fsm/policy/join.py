"""The join of verdicts: obligations add up, `deny` absorbs, the strictest setting wins.

Commutative, associative and idempotent, up to the order of gates and reasons; the digest is that of the second
operand, the later one.

The order of gates: each operand's own order is kept (an author's list is passed as written); where that leaves a
choice, the order is user_input, confirm, approval, external, review, and then that of appearance. Operands that
contradict each other are put into that order too. An `external` gate is the last one before the call, since it carries
it out; a `review` comes after the call.

External gates that are the same but for `silent` and what their route says of results become one: it is announced
unless all are silent, and a result must fit what each of them says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeVar

import msgspec

from hitl_fsm.model.verdict import (
    Approval,
    Batch,
    Confirm,
    External,
    Gate,
    OnChange,
    Reason,
    Review,
    Severity,
    UserInput,
    Verdict,
    Would,
)

T = TypeVar("T")
Outcome = Literal["allow", "gated", "deny"]

BATCHES: tuple[Batch, ...] = ("run_ungated", "in_order", "hold_all")
ON_CHANGES: tuple[OnChange, ...] = ("pin", "strictest")
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
OUTCOMES: tuple[Outcome, ...] = ("allow", "gated", "deny")

_PHASE: dict[type, int] = {UserInput: 0, Confirm: 1, Approval: 2, External: 3, Review: 4}
_PARTS = ((0, 1, 2), (3,), (4,))
_KEY_CHARS = 16
_ENCODER = msgspec.json.Encoder(order="sorted")
_CONFLICT = "two external gates differ; only one system can execute the call"


def strictest(order: Sequence[T], a: T, b: T) -> T:
    """The later of two in `order`."""
    return order[max(order.index(a), order.index(b))]


def gate_key(gate: Gate) -> str:
    """A gate's identity: the same demand, wherever it is written, has the same key (16 hex characters)."""
    return _key_of(_ENCODER.encode(gate))


@lru_cache(maxsize=4096)  # bounded: one entry a distinct gate; policies have few
def _key_of(encoded: bytes) -> str:
    return hashlib.sha256(encoded).hexdigest()[:_KEY_CHARS]


def merge_gates(lists: Sequence[Sequence[Gate]]) -> tuple[Gate, ...]:
    """The union, without doubles, in the order that the module's docstring tells."""
    if len(lists) == 1:
        return tuple(lists[0])
    lists = _with_one_external(lists)
    gates: dict[str, Gate] = {}
    before: dict[str, set[str]] = {}
    for one in lists:
        earlier: list[str] = []
        for gate in one:
            key = gate_key(gate)
            gates.setdefault(key, gate)
            before.setdefault(key, set()).update(other for other in earlier if other != key)
            earlier.append(key)
    rank = {key: (_PHASE[type(gate)], index) for index, (key, gate) in enumerate(gates.items())}
    placed: list[str] = []
    for part in _PARTS:  # so that what carries the call out, or looks at it then, waits also for those that contradict
        left = {key for key, gate in gates.items() if _PHASE[type(gate)] in part}
        while left:
            free = [key for key in left if not before[key] & left]
            chosen = min(free or left, key=rank.__getitem__)
            placed.append(chosen)
            left.discard(chosen)
    return tuple(gates[key] for key in placed)


def _with_one_external(lists: Sequence[Sequence[Gate]]) -> Sequence[Sequence[Gate]]:
    """The lists, in which those externals that can be joined are the same."""
    alike: dict[str, External] = {}
    found = [gate for one in lists for gate in one if isinstance(gate, External)]
    if len(set(map(gate_key, found))) < 2:  # noqa: PLR2004 - two can differ
        return lists
    for gate in found:
        other = alike.setdefault(_plain_key(gate), gate)
        schemas = {_ENCODER.encode(one): one for one in (*other.route_schemas, *gate.route_schemas)}
        alike[_plain_key(gate)] = msgspec.structs.replace(
            gate,
            silent=other.silent and gate.silent,
            route_schemas=tuple(schemas[key] for key in sorted(schemas)),
        )
    return [[alike[_plain_key(gate)] if isinstance(gate, External) else gate for gate in one] for one in lists]


def _plain_key(gate: External) -> str:
    return gate_key(msgspec.structs.replace(gate, silent=False, route_schemas=()))


def conflict(gates: Sequence[Gate]) -> Reason | None:
    """Two different external gates cannot both carry out one call: that is a denial, and this is why."""
    if sum(isinstance(gate, External) for gate in gates) < 2:  # noqa: PLR2004 - two make a conflict
        return None
    return Reason("engine", "one-route", "deny", note=_CONFLICT)


def unique(items: Sequence[T]) -> tuple[T, ...]:
    """Without doubles, in order of first appearance."""
    kept: list[T] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return tuple(kept)


def join_problems(problems: Sequence[str | None]) -> str | None:
    """One line a problem, without doubles, sorted."""
    lines = {line for problem in problems if problem for line in problem.split("\n")}
    return "\n".join(sorted(lines)) or None


def join(a: Verdict, b: Verdict) -> Verdict:
    """The stricter of two verdicts in every respect (law 15: `a` is then, `b` is now)."""
    outcome: Outcome = strictest(OUTCOMES, a.outcome, b.outcome)
    reasons = unique((*a.reasons, *b.reasons))
    gates: tuple[Gate, ...] = ()
    if outcome == "gated":
        gates = merge_gates([a.gates, b.gates])
        if (clash := conflict(gates)) is not None:
            outcome, gates, reasons = "deny", (), unique((*reasons, clash))
    return Verdict(
        outcome=outcome,
        gates=gates,
        audit=a.audit or b.audit,
        batch=strictest(BATCHES, a.batch, b.batch),
        on_change=strictest(ON_CHANGES, a.on_change, b.on_change),
        severity=strictest(SEVERITIES, a.severity, b.severity),
        reasons=reasons,
        shadow=unique((*a.shadow, *b.shadow)),
        policy_digest=b.policy_digest,
        problem=join_problems([a.problem, b.problem]),
        looked=unique((*a.looked, *b.looked)),
        would=_join_would(a.would, b.would),
    )


def _join_would(a: Would | None, b: Would | None) -> Would | None:
    if a is None or b is None:
        return a or b
    outcome: Outcome = strictest(OUTCOMES, a.outcome, b.outcome)
    gates = merge_gates([a.gates, b.gates]) if outcome == "gated" else ()
    if conflict(gates) is not None:
        outcome, gates = "deny", ()
    return Would(
        outcome=outcome,
        gates=gates,
        audit=a.audit or b.audit,
        severity=strictest(SEVERITIES, a.severity, b.severity),
        looked=unique((*a.looked, *b.looked)),
        problem=join_problems([a.problem, b.problem]),
    )
