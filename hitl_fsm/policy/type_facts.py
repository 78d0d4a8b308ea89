"""What a condition's other parts say about a path, such as `has(args.note) && …`: the type check believes it."""

from __future__ import annotations

from typing import NamedTuple

from hitl_fsm.policy.expression import Node, path_of, walk

Path = tuple[str, ...]


class Fact(NamedTuple):
    """`there`: it is not absent; `some`: it is not null; `asked`: its type was looked at, so nothing is said of it."""

    kind: str
    path: Path


Facts = frozenset[Fact]
NOTHING: Facts = frozenset()


def facts_if(node: Node, *, holds: bool) -> Facts:
    """What is known when this part is true (`holds`), or false.

    Only parts that cannot fail on an absent path tell: where `&&` has one false side, the other may fail unseen.
    """
    found = NOTHING
    if node.kind == "has" and holds:
        found = _there(path_of(node))
    if node.kind != "call":
        return found
    sign, parts = node.value, node.children
    match sign:
        case "!":
            found = facts_if(parts[0], holds=not holds)
        case "&&" | "||":
            left, right = facts_if(parts[0], holds=holds), facts_if(parts[1], holds=holds)
            found = left | right if (sign == "&&") is holds else left & right
        case "?:":
            then = facts_if(parts[0], holds=True) | facts_if(parts[1], holds=holds)
            found = then & (facts_if(parts[0], holds=False) | facts_if(parts[2], holds=holds))
        case "==" | "!=":
            found = _compared(parts[0], parts[1], equal=(sign == "==") is holds)
        case "in" if holds and parts[0].kind == "literal" and isinstance(parts[0].value, str):
            inside = path_of(parts[1])
            found = _there((*inside, parts[0].value)) if inside else NOTHING
    return found


def _there(path: Path | None) -> Facts:
    if path is None:
        return NOTHING
    return frozenset(Fact("there", path[:length]) for length in range(2, len(path) + 1))


def _compared(left: Node, right: Node, *, equal: bool) -> Facts:
    found: set[Fact] = set()
    for one, other in ((left, right), (right, left)):
        if one.kind == "literal" and (path := path_of(other)) is not None and (one.value is None) is not equal:
            found.add(Fact("some", path))
    return frozenset(found)


def asked(node: Node) -> Facts:
    """The paths whose type the condition looks at itself, with `type(…)`."""
    found: set[Fact] = set()
    for part in walk(node):
        if part.kind == "call" and part.value == "type" and (path := path_of(part.children[0])) is not None:
            found.add(Fact("asked", path))
    return frozenset(found)
