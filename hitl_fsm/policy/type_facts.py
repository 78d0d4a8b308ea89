"""What a condition's other parts say about a path, such as `has(args.note) && …`: the type check believes it."""

from __future__ import annotations

from typing import NamedTuple

from hitl_fsm.policy.expression import Node, path_of, walk
from hitl_fsm.policy.value_type import DYN, Type

Path = tuple[str, ...]


class Fact(NamedTuple):
    """What is known of a path.

    `there`: it is not absent. `some`: it is not null. `is int`, `not int`: its kind. `asked`: the condition looks at
    its type in a way that is not understood here, so nothing is said of it.
    """

    kind: str
    path: Path


_TYPES = {
    **{kind: kind for kind in ("int", "uint", "double", "string", "bytes", "bool", "list", "map")},
    "null_type": "null",
}

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
    """Of this path only: where one of the objects around it is absent, the question itself fails."""
    return NOTHING if path is None else frozenset({Fact("there", path)})


def _compared(left: Node, right: Node, *, equal: bool) -> Facts:
    found: set[Fact] = set()
    for one, other in ((left, right), (right, left)):
        if one.kind == "literal" and (path := path_of(other)) is not None and (one.value is None) is not equal:
            found.add(Fact("some", path))
        kind = _TYPES.get(one.value) if one.kind == "name" and isinstance(one.value, str) else None
        if kind and other.kind == "call" and other.value == "type" and (path := path_of(other.children[0])) is not None:
            found.add(Fact(f"is {kind}" if equal else f"not {kind}", path))
    return frozenset(found)


def asked(node: Node) -> Facts:
    """The paths whose type the condition looks at otherwise than by `type(…) == int`."""
    found: set[Fact] = set()
    plain: set[Node] = set()
    for part in walk(node):
        if part.kind == "call" and part.value in ("==", "!="):
            names = [child for child in part.children if child.kind == "name" and child.value in _TYPES]
            plain.update(child for child in part.children if names and child.value == "type")
        elif part.kind == "call" and part.value == "type" and part not in plain:
            path = path_of(part.children[0])
            found.update([Fact("asked", path)] if path is not None else ())
    return frozenset(found)


def narrowed(found: Type, path: Path | None, facts: Facts) -> Type:
    """A type, with what is known of the path where it stands; DYN where that leaves nothing."""
    known = {fact.kind for fact in facts if fact.path == path} if path is not None else set()
    if not known or found.alternatives is None:
        return found
    if "asked" in known:
        return DYN
    only = {kind.removeprefix("is ") for kind in known if kind.startswith("is ")}
    kept = [one for one in found.alternatives if not only or one.kind in only]
    kept = [one for one in kept if f"not {one.kind}" not in known and not (one.kind == "null" and "some" in known)]
    return Type(tuple(kept)) if kept else DYN
