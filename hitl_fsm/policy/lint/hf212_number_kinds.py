"""HF212: arithmetic that fails, or loses a part, since CEL keeps whole numbers and others apart."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.expression import Node, Uint
from hitl_fsm.policy.lint.argument_names import is_money
from hitl_fsm.policy.lint.conditions import Bound, Placed, conditions, place_of, shown, values_of, walk_bound
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF212", "number-kinds", "warning", "Arithmetic fails or loses a part, by the kind of a number")
_SIGNS = frozenset("+-*/%")
_PAIR = 2
_MADE = {"size": "int", "int": "int", "double": "double"}
Said = tuple[str, str]


def check(project: Project) -> Iterator[Diagnostic]:
    """Sums over arguments whose kind is not known; with the tools' schemas the type check (HF123) tells these."""
    typed = project.around.tools is not None
    for placed in conditions(project):
        for node, bound in walk_bound(placed.tree):
            if node.kind != "call":
                continue
            found = _cut(placed, node, bound)
            if found is None and node.value in _SIGNS and len(node.children) == _PAIR and not typed:
                found = _mixed(placed, node, bound)
            if found is not None:
                yield RULE.inside(placed.member, placed.path, (node.offset, node.width), *found)


def _cut(placed: Placed, node: Node, bound: Bound) -> Said | None:
    """A division of whole numbers, or `int()` of money."""
    if node.value == "/" and all(child.kind == "literal" for child in node.children):
        left, right = (child.value for child in node.children)
        if isinstance(left, int) and isinstance(right, int) and right and left % right:
            return (
                f"`{shown(placed, node)}` is {int(left / right)}: whole numbers are divided without the rest",
                "write 1.0 / 2.0",
            )
    if node.value in ("int", "uint") and len(node.children) == 1:
        name = _argument(node.children[0], bound)
        if name is not None and is_money(name):
            return (
                f"`{shown(placed, node)}` drops the cents: 1000.99 becomes 1000",
                "compare the amount itself: args.amount > 1000",
            )
    return None


def _mixed(placed: Placed, node: Node, bound: Bound) -> Said | None:
    left, right = node.children
    kinds = _kind(placed, left, bound), _kind(placed, right, bound)
    names = [name for part in node.children if (name := _argument(part, bound)) is not None]
    text = shown(placed, node)
    if set(kinds) == {"int", "double"}:
        return f"`{text}` can never be evaluated: CEL does not mix whole numbers and others", "write both with a point"
    if not names or None in kinds or not (kinds.count("arg") == _PAIR or {"int", "double"} & set(kinds)):
        return None
    if "double" not in kinds and not any(map(is_money, names)):
        return None
    sent = f"`{names[0][:60]}` is " + (
        "a whole number" if "double" in kinds else "a number with a fraction, such as 2.5"
    )
    if kinds.count("arg") == _PAIR:
        sent = "one is a whole number and the other one has a fraction"
    message = f"`{text}` cannot be evaluated when {sent}: CEL does not mix the two"
    return message, f"write double(args.{names[0][:60]}), and the other number with a point: 2.0"


def _argument(node: Node, bound: Bound) -> str | None:
    place = place_of(node, bound)
    return place[-1] if place is not None and place[0] == "args" and len(place) > 1 else None


def _kind(placed: Placed, node: Node, bound: Bound) -> str | None:
    """`int`, `double`, `arg`: what a model sends, or None: not known, or no number."""
    if node.kind == "call" and node.value in _MADE:
        return _MADE[str(node.value)]
    if _argument(node, bound) is not None:
        return "arg"
    values = values_of(node, placed.member, bound) if node.kind in ("literal", "select") else ()
    if len(values) != 1 or isinstance(values[0], (bool, Uint)):
        return None
    return {int: "int", float: "double"}.get(type(values[0]))
