"""HF204: a condition by which waiting is enough."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node, walk
from hitl_fsm.policy.lint.conditions import conditions, shown
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF204", "timer-says-yes", "warning", "With time alone, an action becomes allowed")
_LESS = {"<": -1, "<=": -1, ">": 1, ">=": 1}


def check(project: Project) -> Iterator[Diagnostic]:
    """Questions about `now` in rules that let through, and in exceptions, unless time only makes them stricter."""
    for placed in conditions(project):
        if not placed.decides or (placed.key == "when" and not placed.lets_through) or "now" not in placed.text:
            continue
        for question in placed.questions:
            node = question.node
            if not _reads_now(node):
                continue
            trend = _becomes_true(node)
            if trend is None or question.loosens is None or (trend > 0) is question.loosens:
                message = f"`{shown(placed, node)}` lets the action through after some time, without anybody's yes"
                help_text = "ask somebody (`approval`), or turn it round: allow only before an instant"
                yield RULE.inside(placed.member, placed.path, (node.offset, node.width), message, help_text)


def _reads_now(node: Node) -> bool:
    return any(part.kind == "name" and part.value == "now" for part in walk(node))


def _becomes_true(node: Node) -> int | None:
    """1: from some instant on it is true, -1: false; None: neither is certain, such as at every hour of the day."""
    if node.kind != "call" or node.value not in _LESS:
        return None
    left, right = (_growth(part) for part in node.children)
    if left is None or right is None or left == right:
        return None
    return _LESS[str(node.value)] * (1 if left > right else -1)


def _growth(node: Node) -> int | None:
    """1: grows as time goes on, -1: shrinks, 0: stays."""
    if not _reads_now(node):
        return 0
    if node.kind == "name":
        return 1
    if node.kind != "call" or node.value not in ("+", "-") or len(node.children) == 1:
        return None
    left, right = (_growth(part) for part in node.children)
    if left is None or right is None:
        return None
    grown = left + right if node.value == "+" else left - right
    return grown if abs(grown) <= 1 else None
