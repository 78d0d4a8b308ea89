"""The numbers that the conditions on a tool's calls compare its arguments with."""

from __future__ import annotations

from typing import NamedTuple

from hitl_fsm.policy.compiled import CompiledPolicy
from hitl_fsm.policy.condition import Condition, ConditionError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.expression import Node, path_of, tree_of, walk

THRESHOLDS_CACHED = 1_024
"""Tools, each under one policy set, whose thresholds one process remembers."""

_COMPARISONS = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_CASTS = frozenset({"double", "int", "uint"})


class Threshold(NamedTuple):
    """`where` is the argument, dotted; `reaches`: the limit itself is on its lower side. `rule` is `policy/id`."""

    where: str
    limit: float
    reaches: bool
    rule: str


_known: dict[tuple[str, str, str], tuple[Threshold, ...]] = {}


def thresholds(policies: PolicySet, tool: str, agent: str = "") -> tuple[Threshold, ...]:
    """Those of the rules that hold for this tool, each limit once; policies that only watch have none."""
    key = (policies.digest, tool, agent)
    found = _known.get(key)
    if found is None:
        if len(_known) >= THRESHOLDS_CACHED:
            _known.clear()
        found = _known[key] = tuple(
            {
                (one.where, one.limit, one.reaches): one
                for policy, rules in policies.asked(tool, agent=agent)
                if not policy.shadow
                for rule in rules
                for condition in (*rule.when, *rule.unless)
                for one in _compared(condition, policy, rule.reason.rule)
            }.values()
        )
    return found


def _compared(condition: Condition, policy: CompiledPolicy, rule: str) -> list[Threshold]:
    try:
        tree = tree_of(condition)
    except ConditionError:  # deeper or larger than a tree is read
        return []
    found: list[Threshold] = []
    for node in walk(tree):
        sign = node.value if node.kind == "call" else None
        if sign not in _COMPARISONS:
            continue
        left, right = node.children
        for argument, other, how in ((left, right, str(sign)), (right, left, _COMPARISONS[str(sign)])):
            where, limit = _argument(argument), _number(other, policy)
            if where and limit is not None:
                found.append(Threshold(where, limit, how in ("<=", ">"), f"{policy.name}/{rule}"))
    return found


def _argument(node: Node) -> str:
    if node.kind == "call" and node.value in _CASTS and len(node.children) == 1:
        return _argument(node.children[0])
    path = path_of(node) if node.kind != "has" else None
    return ".".join(path[1:]) if path is not None and path[0] == "args" else ""


def _number(node: Node, policy: CompiledPolicy) -> float | None:
    if node.kind == "call" and node.value == "-" and len(node.children) == 1:
        below = _number(node.children[0], policy)
        return None if below is None else -below
    if node.kind == "call" and node.value in _CASTS and len(node.children) == 1:
        return _number(node.children[0], policy)
    value: object = node.value if node.kind == "literal" else None
    path = path_of(node) if node.kind == "select" else None
    if path is not None and path[0] == "vars":
        value = policy.variables
        for part in path[1:]:
            value = value.get(part) if isinstance(value, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
