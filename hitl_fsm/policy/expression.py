"""The tree of a condition, as its author wrote it: macros are not expanded, operators have their signs.

It is read from what CEL itself checked, so there is no second grammar that could disagree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from hitl_fsm.policy.condition import Condition, ConditionError, checked_bytes
from hitl_fsm.policy.expression_read import MAX_TREE_DEPTH, MAX_TREE_NODES, Node, Reader, Uint, UnreadableTreeError
from hitl_fsm.policy.names import NameProblem

__all__ = [
    "LOGIC",
    "MAX_TREE_DEPTH",
    "MAX_TREE_NODES",
    "Node",
    "Uint",
    "branches",
    "conjuncts",
    "names_used",
    "parse_tree",
    "path_of",
    "text_of",
    "tree_of",
    "walk",
]

LOGIC: Final = frozenset({"&&", "||", "!", "?:"})
_MAX_REMEMBERED = 1024


@lru_cache(maxsize=_MAX_REMEMBERED)
def parse_tree(text: str) -> Node:
    """The tree of an expression. ConditionError when it does not compile, or is deeper or larger than the limits."""
    return _tree(text, checked_bytes(text))


def tree_of(condition: Condition) -> Node:
    """The tree of a condition that is compiled already; ConditionError as `parse_tree`. Not kept."""
    return _tree(condition.text, condition.checked_bytes())


def _tree(text: str, data: bytes) -> Node:
    try:
        return Reader(text, data).tree()
    except UnreadableTreeError as error:
        raise ConditionError((NameProblem(0, max(1, len(text.rstrip())), str(error), None, "syntax"),)) from None


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before its children, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def conjuncts(node: Node) -> tuple[Node, ...]:
    """The parts that must all hold: `a && (b && c)` -> a, b, c; anything else is its own only part."""
    return tuple(_leaves(node, frozenset({"&&"})))


def branches(node: Node) -> tuple[Node, ...]:
    """The questions that `&&`, `||`, `!` and `?:` put together, none of them one of these itself."""
    return tuple(_leaves(node, LOGIC))


def _leaves(node: Node, inner: frozenset[str]) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.kind == "call" and node.value in inner:
            waiting.extend(reversed(node.children))
        else:
            yield node


def names_used(node: Node) -> frozenset[str]:
    """The names in scope that the expression reads; not those that its own macros bind."""
    found: set[str] = set()
    waiting: list[tuple[Node, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        here, bound = waiting.pop()
        if here.kind == "name" and here.value not in bound:
            found.add(str(here.value))
        elif here.kind == "comprehension":
            first, variable, *bodies = here.children
            waiting.append((first, bound))
            waiting.extend((body, bound | {str(variable.value)}) for body in bodies)
        else:
            waiting.extend((child, bound) for child in here.children)
    return frozenset(found)


def path_of(node: Node) -> tuple[str, ...] | None:
    """`args.card.number`, `args['card'].number`, `has(args.card.number)` -> ('args', 'card', 'number'); else None."""
    parts: list[str] = []
    while node.kind != "name":
        if node.kind in ("select", "has"):
            parts.append(str(node.value))
        elif node.kind == "call" and node.value == "[]" and isinstance(node.children[1].value, str):
            if node.children[1].kind != "literal":
                return None
            parts.append(node.children[1].value)
        else:
            return None
        node = node.children[0]
    return (str(node.value), *reversed(parts))


def text_of(text: str, node: Node) -> str:
    """The node's own part of the expression's text, without parentheses around it."""
    return text[node.offset : node.offset + node.width]
