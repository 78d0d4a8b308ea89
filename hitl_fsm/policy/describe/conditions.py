"""A condition in plain English, where that says exactly what it says; everything else is quoted.

What has a sentence: `&&`, `||`, `!` over comparisons of one name with a value or a variable of the policy, membership
in a list, roles, `has`, `startsWith`, `endsWith`. Whether a sentence says the same is a property test: the English is
read back and held against CEL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from hitl_fsm.policy.condition import ConditionError
from hitl_fsm.policy.describe.paper import Code, Item, Text, codes, joined
from hitl_fsm.policy.expression import Node, parse_tree, path_of, text_of, walk

MAX_LISTED = 20
"""Values of a list that are written out in a sentence."""
MAX_NESTED = 4
"""Lists inside each other; what is nested deeper is quoted."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACES = {
    ("tool",): "the tool",
    ("step",): "the step",
    ("agent",): "the agent",
    ("team",): "the team",
    ("workflow",): "the workflow",
    ("user", "id"): "the requester's id",
    ("user", "kind"): "the requester's kind",
    ("run", "id"): "the run's id",
}
_EQUAL = {"==": ("is", "is not"), "!=": ("is not", "is")}
_ORDER = {
    ">": ("is greater than", "is not greater than"),
    ">=": ("is at least", "is not at least"),
    "<": ("is less than", "is not less than"),
    "<=": ("is at most", "is not at most"),
}
_FLIPPED = {"==": "==", "!=": "!=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
_AFFIX = {"startsWith": ("begins with", "does not begin with"), "endsWith": ("ends with", "does not end with")}


class Says(NamedTuple):
    """One statement, and its contrary."""

    yes: Text
    no: Text


class All(NamedTuple):
    """Each of them."""

    parts: tuple[Meaning, ...]


class Some(NamedTuple):
    """One of them, or several."""

    parts: tuple[Meaning, ...]


class Not(NamedTuple):
    """The contrary of several taken together."""

    part: All | Some


Meaning = Says | All | Some | Not


class _Value(NamedTuple):
    """A literal or a variable: how it is shown, and what it is."""

    shown: Text
    value: Any


def meaning(text: str, variables: Mapping[str, Any]) -> Meaning:
    """What an expression says; `variables` are the policy's `vars`."""
    try:
        tree = parse_tree(text)
    except ConditionError:
        return _quoted(text)
    found = _Reading(text, variables).read(tree)
    return found if _depth(found) <= MAX_NESTED else _quoted(text)


def negated(found: Meaning) -> Meaning:
    """The contrary."""
    match found:
        case Says(yes, no):
            return Says(no, yes)
        case Not(part):
            return part
        case All() | Some():
            return Not(found)


def inline(found: Meaning) -> Text:
    """In one line; what is taken together stands in brackets."""
    match found:
        case Says(yes, _):
            return yes
        case Not(whole):
            return ("not ", *_bracketed(whole))
        case All(parts) | Some(parts):
            word = " and " if isinstance(found, All) else " or "
            out: list[Any] = []
            for index, part in enumerate(parts):
                out += [word] if index else []
                out += inline(part) if isinstance(part, Says | Not) else _bracketed(part)
            return tuple(out)


def items(found: Meaning) -> tuple[Item, ...]:
    """As a list, one statement a line."""
    match found:
        case Says(yes, _):
            return (Item(yes),)
        case All(parts):
            return tuple(_item(part) for part in parts)
        case Some() | Not():
            return (_item(found),)


def _item(found: Meaning) -> Item:
    match found:
        case Says(yes, _):
            return Item(yes)
        case All(parts):
            return Item(("all of these:",), tuple(_item(part) for part in parts))
        case Some(parts):
            return Item(("at least one of these:",), tuple(_item(part) for part in parts))
        case Not(whole):
            head = "not all of these:" if isinstance(whole, All) else "none of these:"
            return Item((head,), tuple(_item(one) for one in whole.parts))


def _bracketed(found: Meaning) -> Text:
    return ("(", *inline(found), ")")


def _depth(found: Meaning) -> int:
    match found:
        case Says():
            return 0
        case Not(part):
            return _depth(part)
        case All(parts) | Some(parts):
            return 1 + max(_depth(part) for part in parts)


def _quoted(text: str) -> Says:
    code = Code(one_line(text))
    return Says((code, " is true"), (code, " is not true"))


def one_line(text: str) -> str:
    """An expression without its line breaks, where they mean nothing."""
    if "//" in text or "'''" in text or '"""' in text:
        return text
    return re.sub(r"[ \t]*\n\s*", " ", text.strip())


class _Reading:
    """One expression being read; whatever it has no sentence for is quoted from the text."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._text = text
        self._variables = variables

    def read(self, node: Node) -> Meaning:
        """Node by node."""
        if node.kind == "call" and node.value in {"&&", "||"}:
            kind: type[All | Some] = All if node.value == "&&" else Some
            parts: list[Meaning] = []
            for child in node.children:
                part = self.read(child)
                parts += part.parts if isinstance(part, kind) else (part,)
            return kind(tuple(parts))
        if node.kind == "call" and node.value == "!":
            return negated(self.read(node.children[0]))
        return self._says(node) or _quoted(text_of(self._text, node))

    def _says(self, node: Node) -> Says | None:
        if node.kind == "has":
            place = self._place(node.children[0], str(node.value))
            return None if place is None else Says((*place, " is given"), (*place, " is not given"))
        if node.kind == "call" and len(node.children) == 2:  # noqa: PLR2004 - two operands
            return self._compared(str(node.value), *node.children)
        place = self._place(node)
        return None if place is None else Says((*place, " is true"), (*place, " is not true"))

    def _compared(self, sign: str, left: Node, right: Node) -> Says | None:
        if sign == "in":
            return self._among(left, right)
        if sign in _AFFIX:
            place, value = self._place(left), self._value(right)
            return _told(place, _AFFIX[sign], value) if value is not None and isinstance(value.value, str) else None
        if sign not in _FLIPPED:
            return None
        if self._place(left) is None:
            sign, left, right = _FLIPPED[sign], right, left
        place, value = self._place(left), self._value(right)
        if value is None or isinstance(value.value, list | dict):
            return None
        if sign in _EQUAL:
            return _told(place, _EQUAL[sign], value)
        is_number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
        return _told(place, _ORDER[sign], value) if is_number else None

    def _among(self, left: Node, right: Node) -> Says | None:
        if path_of(right) == ("user", "roles") and right.kind == "select":
            role = self._value(left)
            if role is None or not isinstance(role.value, str):
                return None
            shown = (Code(role.value),) if left.kind == "literal" else role.shown
            return Says(("the requester has the role ", *shown), ("the requester lacks the role ", *shown))
        if right.kind == "list":
            several = [self._value(child) for child in right.children]
            if not several or any(one is None or isinstance(one.value, list | dict) for one in several):
                return None
            listed = joined([one.shown for one in several if one is not None], "or")
            return _told(self._place(left), ("is one of", "is none of"), _Value(listed, ()))
        found = self._value(right)
        if found is None or not isinstance(found.value, list) or not found.value:
            return None
        return _told(self._place(left), ("is one of", "is none of"), found)

    def _place(self, node: Node, field: str = "") -> Text | None:
        """A name in scope that is no variable of the policy; with `field`, that field of it."""
        path = _plain_path(node)
        if path is None:
            return None
        path = (*path, field) if field else path
        if path in _PLACES:
            return (_PLACES[path],)
        if len(path) > 1 and path[0] == "args":
            return ("the argument ", Code(".".join(path[1:])))
        if len(path) == 2 and path[0] == "env":  # noqa: PLR2004 - a name in the environment
            return ("the environment's ", Code(path[1]))
        return None

    def _value(self, node: Node) -> _Value | None:
        if node.kind == "literal" and not isinstance(node.value, bytes):
            shown = json.dumps(node.value, ensure_ascii=False) if isinstance(node.value, str) else None
            return _Value((Code(shown or text_of(self._text, node)),), node.value)
        path = _plain_path(node)
        if path is None or path[0] != "vars" or len(path) == 1:
            return None
        return self._variable(path)

    def _variable(self, path: tuple[str, ...]) -> _Value | None:
        value: Any = self._variables
        for part in path[1:]:
            if not isinstance(value, dict | Mapping) or part not in value:
                return None
            value = value[part]
        name = Code(".".join(path))
        if isinstance(value, list):
            if any(isinstance(one, list | dict) for one in value):
                return None
            if len(value) > MAX_LISTED:
                return _Value(("the values of ", name), value)
            return _Value((name, " (", *codes([json_text(one) for one in value]), ")"), value)
        if isinstance(value, dict):
            return None
        return _Value((name, " (", Code(json_text(value)), ")"), value)


def json_text(value: Any) -> str:
    """A value as it would be written."""
    return json.dumps(value, ensure_ascii=False)


def _told(place: Text | None, words: tuple[str, str], value: _Value | None) -> Says | None:
    if place is None or value is None:
        return None
    return Says((*place, f" {words[0]} ", *value.shown), (*place, f" {words[1]} ", *value.shown))


def _plain_path(node: Node) -> tuple[str, ...] | None:
    """The path of a value (not of a `has`), if each part of it is a plain name."""
    if any(one.kind == "has" for one in walk(node)):
        return None
    path = path_of(node)
    return path if path is not None and all(_NAME.fullmatch(part) for part in path) else None
