"""A verdict held against what a case expects. What the case does not say is not compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.source import Node
from hitl_fsm.policy.testing.case import Check, What
from hitl_fsm.policy.testing.document import GATE_WORDS, PinnedGate
from hitl_fsm.policy.testing.words import (
    details_of,
    in_order,
    is_same,
    kind_of,
    listed,
    names_rule,
    outcome_of,
    pins_of,
    rule_name,
    spelled,
    told,
)

_NOTHING = "nothing"


class Mismatch(NamedTuple):
    """One thing that is not as expected; `node` is where the expectation is written."""

    what: str
    expected: str
    got: str
    node: Node


def mismatches(checks: Sequence[Check], verdict: Verdict, shadow: Verdict | None) -> Iterator[Mismatch]:
    """All of them, in the order of the checks. `shadow` is None where no shadow policy covers the action."""
    for check in checks:
        if check.what == "shadow":
            yield from _shadow(check, shadow)
        else:
            yield from _differs(check, verdict)


def _differs(check: Check, verdict: Verdict) -> Iterator[Mismatch]:
    what, value, node = check
    if what == "gates":
        yield from _gates(value, verdict, node)
        return
    if what == "rules":
        yield from _rules(value, verdict, node)
        return
    if what == "outcome":
        right, got = _is_outcome(value, verdict), told(verdict)
    elif what == "rule":
        right = any(names_rule(value, reason) for reason in verdict.reasons)
        got = ", ".join(rule_name(reason) for reason in verdict.reasons)
    elif what == "problem":
        right, got = value in (verdict.problem or ""), verdict.problem or "no problem"
    else:
        found = getattr(verdict, what)
        right, got = found == value, _word(found)
    if not right:
        yield Mismatch(what, _word(value), got, node)


def _is_outcome(word: str, verdict: Verdict) -> bool:
    if word in GATE_WORDS:
        return [kind_of(gate) for gate in verdict.gates] == [word]
    return outcome_of(verdict) == word


def _gates(items: Sequence[str | PinnedGate], verdict: Verdict, node: Node) -> Iterator[Mismatch]:
    pins = [pins_of(item) for item in items]
    kinds = [kind for kind, _ in pins]
    if kinds != [kind_of(gate) for gate in verdict.gates]:
        yield Mismatch("gates", in_order(kinds), told(verdict), node)
        return
    for index, ((kind, pinned), gate) in enumerate(zip(pins, verdict.gates, strict=True)):
        found = details_of(gate)
        for name, value in pinned.items():
            if not is_same(name, value, found.get(name)):
                at = _below(node, index, kind, name)
                yield Mismatch(f"{kind}.{name}", spelled(name, value), spelled(name, found.get(name)), at)


def _below(node: Node, *path: str | int) -> Node:
    for element in path:
        node = node.children.get(element, node)
    return node


def _rules(names: Sequence[str], verdict: Verdict, node: Node) -> Iterator[Mismatch]:
    matched = all(any(names_rule(name, reason) for reason in verdict.reasons) for name in names)
    named = all(any(names_rule(name, reason) for name in names) for reason in verdict.reasons)
    if not (matched and named):
        got = listed([rule_name(reason) for reason in verdict.reasons])
        yield Mismatch("rules", listed(names), got, node)


def _shadow(check: Check, shadow: Verdict | None) -> Iterator[Mismatch]:
    _, value, node = check
    if value == _NOTHING or shadow is None:
        if (value == _NOTHING) != (shadow is None):
            expected = value if isinstance(value, str) else "a verdict"
            yield Mismatch("shadow", expected, _NOTHING if shadow is None else told(shadow), node)
        return
    for part in _parts(value, node):
        for found in _differs(part, shadow):
            yield found._replace(what=f"shadow {found.what}")


def _parts(value: Any, node: Node) -> list[Check]:
    if isinstance(value, str):
        return [Check("outcome", value, node)]
    if isinstance(value, list):
        return [Check("gates", value, node)]
    names: tuple[What, ...] = ("outcome", "gates", "rule", "severity")
    return [Check(name, getattr(value, name), _below(node, name)) for name in names if getattr(value, name) is not None]


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
