"""HF213: a number that is compared letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node
from hitl_fsm.policy.lint.argument_names import is_number
from hitl_fsm.policy.lint.conditions import Bound, Placed, conditions, place_of, shown, values_of, walk_bound
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF213", "money-as-text", "warning", "An amount is compared as text")
_ORDERS = frozenset({"<", "<=", ">", ">="})
_EQUAL = frozenset({"==", "!=", "in"})
_COMPARED = _ORDERS | _EQUAL
_TEXT = frozenset({"startsWith", "endsWith", "contains", "matches"})
_NUMERIC = re.compile(r"\s*[-+]?[^\w\s-]?\s*\d[\d.,' ]*\s*\w{0,3}")
_PAIR = 2
_HELP = "compare numbers, without quotes: args.amount > 1000"


def check(project: Project) -> Iterator[Diagnostic]:
    """Arguments that sound like money or a quantity, beside quoted numbers or as `string(…)`."""
    for placed in conditions(project):
        for node, bound in walk_bound(placed.tree):
            if node.kind == "call" and (message := _problem(placed, node, bound)):
                yield RULE.inside(placed.member, placed.path, (node.offset, node.width), message, _HELP)


def _problem(placed: Placed, node: Node, bound: Bound) -> str | None:  # noqa: PLR0911 - one for each form
    if node.value == "string" and len(node.children) == 1 and _is_number(node.children[0], bound):
        return f"`{shown(placed, node)}` makes a text of a number, and its form decides: 1000, 1000.0, 1e+03"
    if len(node.children) != _PAIR:
        return None
    left, right = node.children
    if node.value in _TEXT and _is_number(left, bound):
        return f"`{shown(placed, node)}` looks at the digits of a number, not at how much it is"
    if node.value not in _COMPARED:
        return None
    for one, other in ((left, right), (right, left)):
        if _is_number(one, bound) and (text := _quoted(placed, other, bound)) is not None:
            part = shown(placed, node)
            if node.value in _ORDERS:
                return f"`{part}` compares letter by letter, where '900' is more than '{text[:60]}', or fails"
            return (
                f"`{part}` asks for the text '{text[:60]}': a number is none, and the amount can be written otherwise"
            )
    return None


def _is_number(node: Node, bound: Bound) -> bool:
    place = place_of(node, bound)
    return place is not None and place[0] == "args" and len(place) > 1 and is_number(place[-1])


def _quoted(placed: Placed, node: Node, bound: Bound) -> str | None:
    values = values_of(node, placed.member, bound)
    return next((value for value in values if isinstance(value, str) and _NUMERIC.fullmatch(value)), None)
