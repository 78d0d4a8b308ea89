"""Tools that a rule cannot tell apart: their schemas say the same about the arguments that its conditions look at.

A pattern may cover a thousand tools; each condition is then checked once for each kind of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hitl_fsm.policy.expression import Node, walk
from hitl_fsm.policy.surroundings import ToolShape


def arguments_used(trees: Iterable[Node]) -> frozenset[str] | None:
    """The names of the arguments that conditions look at; None when they look at `args` or `tool` as a whole."""
    used: set[str] = set()
    for tree in trees:
        reached: set[tuple[int, int]] = set()
        for node in walk(tree):
            owner = node.children[0] if node.children else None
            if owner is not None and owner.kind == "name" and owner.value == "args":
                name = _name(node)
                if name is not None:
                    used.add(name)
                    reached.add((owner.offset, owner.width))
            if node.kind == "name" and (
                node.value == "tool" or (node.value == "args" and (node.offset, node.width) not in reached)
            ):
                return None
    return frozenset(used)


def _name(node: Node) -> str | None:
    if node.kind in ("select", "has"):
        return str(node.value)
    if node.kind == "call" and node.value == "[]":
        key = node.children[1]
        return key.value if key.kind == "literal" and isinstance(key.value, str) else None
    return None


class Groups:
    """What the schemas of all tools say, in a form that can be compared."""

    __slots__ = ("_around", "_each", "_known")

    def __init__(self, tools: Mapping[str, ToolShape]) -> None:
        self._known: dict[str, int] = {}
        self._each: dict[str, dict[str, int]] = {}
        self._around: dict[str, int] = {}
        for name, tool in tools.items():
            schema = tool.parameters
            properties, required = schema.get("properties"), schema.get("required")
            needed = frozenset(one for one in required if isinstance(one, str)) if isinstance(required, list) else ()
            inner = properties if isinstance(properties, Mapping) else {}
            self._each[name] = {one: self._number([one in needed, said]) for one, said in inner.items()}
            rest = {key: said for key, said in schema.items() if key not in ("properties", "required", "description")}
            self._around[name] = self._number([rest, isinstance(properties, Mapping)])

    def alike(self, names: Iterable[str], used: frozenset[str] | None) -> list[list[str]]:
        """The tools of these names, those together that differ in nothing that is used."""
        if used is None:
            return [[name] for name in names]
        groups: dict[tuple[object, ...], list[str]] = {}
        order = sorted(used)
        for name in names:
            each = self._each[name]
            groups.setdefault((self._around[name], *map(each.get, order)), []).append(name)
        return list(groups.values())

    def _number(self, said: Any) -> int:
        text = json.dumps(said, sort_keys=True, default=repr)
        return self._known.setdefault(text, len(self._known))
