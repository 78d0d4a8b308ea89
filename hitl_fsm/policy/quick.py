"""The plainest conditions, answered without CEL: what compares, looks up or counts values of the same kind.

CEL decides what a condition means. Here is only a shorter way for values of which it is certain what CEL says: text
with text, whole numbers with whole numbers, and so on. Anything else, whatever is absent, of another kind or too large,
is answered by None: ask CEL. A test holds both against each other. The action's data were checked before (`data`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from hitl_fsm.model.action import Action
from hitl_fsm.policy.expression_read import Node

Ask = Callable[[Action], bool | None]
"""True, False, or None: ask CEL."""
_Get = Callable[[Action], object]

_EXACT = 2**53
"""Whole numbers up to it are the same as floating point numbers."""
_ABSENT: Final = object()
_EQUALITY: dict[str, Callable[[Any, Any], bool]] = {"==": operator.eq, "!=": operator.ne}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **_EQUALITY, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__,
}  # fmt: skip
_FIELDS: dict[tuple[str, ...], _Get] = {
    ("args",): lambda action: action.args,
    ("env",): lambda action: action.env,
    ("tool",): lambda action: action.tool,
    ("step",): lambda action: action.step,
    ("agent",): lambda action: action.agent,
    ("team",): lambda action: action.team,
    ("workflow",): lambda action: action.workflow,
    ("user", "id"): lambda action: action.user.id,
    ("user", "kind"): lambda action: action.user.kind,
    ("user", "roles"): lambda action: list(action.user.roles),
    ("run", "id"): lambda action: action.run_id,
}


def quick(node: Node, variables: Mapping[str, Any]) -> Ask | None:
    """A way to answer the condition; None where there is no short one."""
    if node.kind == "has":
        return _has(node, variables)
    if node.kind != "call":
        return _flag(node, variables)
    name, parts = str(node.value), node.children
    if name in ("&&", "||", "!"):
        return _logic(name, [quick(part, variables) for part in parts])
    if name in _COMPARISONS:
        return _compare(name, parts[0], parts[1], variables)
    if name == "in":
        return _is_in(parts[0], parts[1], variables)
    return _text(name, node, variables) if name in _TEXTS else None


def _logic(sign: str, parts: list[Ask | None]) -> Ask | None:
    asks = [part for part in parts if part is not None]
    if len(asks) != len(parts):
        return None
    return _not(asks[0]) if sign == "!" else _first(asks, decisive=sign == "||")


def _first(asks: list[Ask], *, decisive: bool) -> Ask:
    """`&&` and `||`: the first answer that decides. One that cannot be told here is left to CEL, with the rest."""

    def ask(action: Action) -> bool | None:
        for one in asks:
            answer = one(action)
            if answer is None or answer is decisive:
                return answer
        return not decisive

    return ask


def _not(one: Ask) -> Ask:
    def ask(action: Action) -> bool | None:
        answer = one(action)
        return None if answer is None else not answer

    return ask


def _flag(node: Node, variables: Mapping[str, Any]) -> Ask | None:
    """A value that is itself true or false."""
    get = _value(node, variables)
    if get is None:
        return None

    def ask(action: Action) -> bool | None:
        value = get(action)
        return value if isinstance(value, bool) else None

    return ask


def _has(node: Node, variables: Mapping[str, Any]) -> Ask | None:
    get, field = _value(node.children[0], variables), str(node.value)
    if get is None:
        return None

    def ask(action: Action) -> bool | None:
        value = get(action)
        return field in value if isinstance(value, dict) else None

    return ask


def _compare(sign: str, left: Node, right: Node, variables: Mapping[str, Any]) -> Ask | None:
    first, second, compare = _value(left, variables), _value(right, variables), _COMPARISONS[sign]
    if first is None or second is None:
        return None
    if right.kind == "literal":
        return _compare_with(sign, first, right.value, _argument_of(left))

    def ask(action: Action) -> bool | None:
        a, b = first(action), second(action)
        return compare(a, b) if _are_alike(a, b, sign) else None

    return ask


def _compare_with(sign: str, get: _Get, literal: Any, argument: str | None) -> Ask:
    compare, kind = _COMPARISONS[sign], type(literal)
    plain, name = None if kind is bool else kind, argument or ""

    def ask_argument(action: Action) -> bool | None:  # the most frequent one, without a call in between
        value = action.args.get(name, _ABSENT)
        if type(value) is plain or _are_alike(value, literal, sign):
            return compare(value, literal)
        return None

    def ask(action: Action) -> bool | None:
        value = get(action)
        return compare(value, literal) if _are_alike(value, literal, sign) else None

    return ask if argument is None else ask_argument


def _argument_of(node: Node) -> str | None:
    """The name of a call's argument, if the node is nothing else."""
    path = _path(node)
    return path[1] if path is not None and path[0] == "args" and len(path) == 2 else None  # noqa: PLR2004


def _are_alike(a: object, b: object, sign: str) -> bool:
    """Whether Python compares the two exactly as CEL does."""
    kinds = {type(a), type(b)}
    if kinds == {int, float}:
        return abs(a if isinstance(a, int) else b) <= _EXACT  # type: ignore[arg-type]
    if len(kinds) > 1:
        return False
    return kinds <= {str, int, float} or (kinds == {bool} and sign in _EQUALITY)


def _is_in(needle: Node, container: Node, variables: Mapping[str, Any]) -> Ask | None:
    get = _value(needle, variables)
    if get is None:
        return None
    elements = _elements(container, variables)
    if elements is None:
        return _is_in_list(get, _value(container, variables))
    kinds = {type(element) for element in elements}
    if kinds not in ({str}, {int}):
        return None
    known, kind, argument = frozenset(elements), kinds.pop(), _argument_of(needle)
    name = argument or ""

    def ask_argument(action: Action) -> bool | None:
        value = action.args.get(name, _ABSENT)
        return value in known if type(value) is kind else None

    def ask(action: Action) -> bool | None:
        value = get(action)
        return value in known if type(value) is kind else None

    return ask if argument is None else ask_argument


def _is_in_list(get: _Get, container: _Get | None) -> Ask | None:
    """A text in a list of texts, such as a role."""
    if container is None:
        return None

    def ask(action: Action) -> bool | None:
        value, elements = get(action), container(action)
        if type(value) is not str or type(elements) is not list or not all(type(one) is str for one in elements):
            return None
        return value in elements

    return ask


def _text(name: str, node: Node, variables: Mapping[str, Any]) -> Ask | None:
    first, second, asked = _value(node.children[0], variables), _value(node.children[-1], variables), _TEXTS[name]
    if first is None or second is None or len(node.children) != 2:  # noqa: PLR2004 - the text, and what is sought in it
        return None

    def ask(action: Action) -> bool | None:
        text, part = first(action), second(action)
        return asked(text, part) if isinstance(text, str) and isinstance(part, str) else None

    return ask


def _elements(node: Node, variables: Mapping[str, Any]) -> list[Any] | None:
    """Of a list that the policy holds: written out, or in `vars`."""
    if node.kind == "list":
        values = [child.value for child in node.children if child.kind == "literal"]
        return values if len(values) == len(node.children) else None
    path = _path(node)
    found = _below(variables, path[1:]) if path and path[0] == "vars" else None
    return found if isinstance(found, list) else None


def _value(node: Node, variables: Mapping[str, Any]) -> _Get | None:
    """How to get a value: a literal, a path, or the size of what is at a path. None for anything else."""
    if node.kind == "literal":
        return _constant(node.value) if type(node.value) in (str, int, float, bool) else None
    if node.kind == "call" and node.value == "size" and len(node.children) == 1:
        return _size(_value(node.children[0], variables))
    path = _path(node)
    if path is None:
        return None
    if path[0] == "vars":
        return _constant(_below(variables, path[1:]))
    for length in (1, 2):
        if (get := _FIELDS.get(path[:length])) is not None:
            return _argument(path[1]) if path[0] == "args" and len(path) == 2 else _at(get, path[length:])  # noqa: PLR2004
    return None


def _constant(value: object) -> _Get:
    return lambda _: value


def _argument(name: str) -> _Get:
    return lambda action: action.args.get(name, _ABSENT)


def _at(get: _Get, path: tuple[str, ...]) -> _Get:
    return get if not path else lambda action: _below(get(action), path)


def _size(get: _Get | None) -> _Get | None:
    if get is None:
        return None

    def size(action: Action) -> object:
        value = get(action)
        return len(value) if isinstance(value, (str, list, dict)) else _ABSENT

    return size


def _below(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        value = value.get(name, _ABSENT) if isinstance(value, dict) else _ABSENT
    return value


def _path(node: Node) -> tuple[str, ...] | None:
    names: list[str] = []
    while node.kind == "select":
        names.append(str(node.value))
        node = node.children[0]
    return (str(node.value), *reversed(names)) if node.kind == "name" else None
