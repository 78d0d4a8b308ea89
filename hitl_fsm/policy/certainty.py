"""Answers that follow from what is fixed, such as the tool's name: parts behind them are not reached by every tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hitl_fsm.policy.expression import Node
from hitl_fsm.policy.value_type import Type, kind_of

_Fixed = tuple[Any] | None
_PAIR = 2


def certain(node: Node, scope: Mapping[str, Type]) -> bool | None:
    """What a part is for every call, or None; `scope` has the types of the names."""
    if node.kind == "literal":
        return node.value if isinstance(node.value, bool) else None
    if node.kind != "call":
        return None
    sign, parts = str(node.value), node.children
    if sign == "!":
        inner = certain(parts[0], scope)
        return None if inner is None else not inner
    if sign in ("&&", "||"):
        sides = [certain(part, scope) for part in parts]
        if (sign == "||") in sides:
            return sign == "||"
        return None if None in sides else sign == "&&"
    return _answer(sign, _fixed(parts[0], scope), _fixed(parts[1], scope)) if len(parts) == _PAIR else None


def _fixed(node: Node, scope: Mapping[str, Type]) -> _Fixed:
    """The only value that a part can have, in a tuple."""
    if node.kind == "list":
        elements = [_fixed(child, scope) for child in node.children]
        return None if None in elements else ([one[0] for one in elements if one is not None],)
    if node.kind == "literal":
        return (node.value,)
    found = scope.get(str(node.value)) if node.kind == "name" else None
    values = found.values if found is not None else None
    return (values[0],) if values is not None and len(values) == 1 else None


def _answer(sign: str, left: _Fixed, right: _Fixed) -> bool | None:
    if left is None or right is None:
        return None
    one, other = left[0], right[0]
    if not isinstance(one, str):
        return None
    if sign in ("==", "!="):
        return (kind_of(other) == "string" and one == other) is (sign == "==")
    if sign == "in":
        return one in other if isinstance(other, list) else None
    if not isinstance(other, str):
        return None
    return {"startsWith": one.startswith(other), "endsWith": one.endswith(other), "contains": other in one}.get(sign)
