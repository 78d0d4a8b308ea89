"""CEL's CheckedExpr (a protobuf message) -> `Node`s. `expression.py` is the door.

Field numbers are those of cel/expr/syntax.proto and checked.proto. Macros come expanded; each is told by its name in
the text and taken back apart by the shape that CEL gives it.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hitl_fsm.policy.names import OPERATORS
from hitl_fsm.policy.tokens import Span, Tokens
from hitl_fsm.policy.wire import fields, signed

MAX_TREE_DEPTH = 128
MAX_TREE_NODES = 20_000

_ANY_VALUE, _CHECKED_EXPR, _SOURCE_INFO, _POSITIONS = 2, 4, 5, 4
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_ID, _CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _COMPREHENSION = 2, 3, 4, 5, 6, 7, 8, 9
_BOOL, _INT, _UINT, _DOUBLE, _STRING = 2, 3, 4, 5, 6
_MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})


class UnreadableTreeError(ValueError):
    """The tree is too deep, too large or of a shape that is not known."""


class Uint(int):
    """An unsigned literal, `1u`: a number that CEL keeps apart from `1`."""


@dataclass(frozen=True, slots=True)
class Node:
    """One part of an expression; `offset` and `width` are in characters of its text, parentheses around it left out.

    kind           value                                     children
    literal        None, bool, int, Uint, float, str, bytes  -
    name           the name                                  -
    select         the field                                 operand
    has            the field                                 operand of the field, as in `has(operand.field)`
    call           the function, or the operator's sign      the method's receiver first, then the arguments
                   (`[]` an index, `?:` the conditional,
                   `-` with one or two children)
    list           None                                      elements
    map            None, or a message type's name            key, value, key, value, …
    comprehension  all, exists, exists_one, filter, map      range, the bound name, condition (map: value, or
                                                             condition and value)
    """

    kind: str
    value: object
    children: tuple[Node, ...]
    offset: int
    width: int


_Fields = dict[int, list[int | bytes]]
_Read = tuple[Node, Span]


class Reader:
    """Reads one message; used once."""

    __slots__ = ("_expr", "_kinds", "_nodes", "_positions", "_tokens")

    def __init__(self, text: str, data: bytes) -> None:
        checked = _message(_sub(_message(data), _ANY_VALUE))
        self._tokens = Tokens(text)
        self._expr = _sub(checked, _CHECKED_EXPR)
        self._positions: dict[int, int] = {}
        self._nodes = 0
        self._kinds: dict[int, Callable[[_Fields, int, int], _Read]] = {
            _CONST: self._literal,
            _IDENT: self._name,
            _SELECT: self._select,
            _CALL: self._call,
            _LIST: self._list,
            _STRUCT: self._struct,
            _COMPREHENSION: self._comprehension,
        }
        for entry in _message(_sub(checked, _SOURCE_INFO))[_POSITIONS]:
            place = _single(_bytes(entry))
            self._positions[place.get(_ENTRY_KEY, 0)] = place.get(_ENTRY_VALUE, 0)

    def tree(self) -> Node:
        """The root."""
        return self._read(self._expr, 0)[0]

    def _read(self, data: bytes, depth: int) -> _Read:
        self._nodes += 1
        if depth > MAX_TREE_DEPTH or self._nodes > MAX_TREE_NODES:
            msg = f"the condition has more than {MAX_TREE_NODES} parts or is nested deeper than {MAX_TREE_DEPTH}"
            raise UnreadableTreeError(msg)
        found = _message(data)
        at = self._tokens.at(self._positions.get(_int(found, _ID), 0))
        for number, value in found.items():
            if number in self._kinds:
                return self._kinds[number](_message(_bytes(value[-1])), at, depth + 1)
        raise _unknown()

    def _node(self, kind: str, value: object, children: list[Node] | tuple[Node, ...], span: Span) -> _Read:
        return Node(kind, value, tuple(children), *self._tokens.characters(span)), span

    def _literal(self, constant: _Fields, at: int, depth: int) -> _Read:
        del depth
        last = at + 1 if self._tokens.text(at) == "-" else at
        return self._node("literal", _constant(constant), (), (at, last))

    def _name(self, ident: _Fields, at: int, depth: int) -> _Read:
        del depth
        name = _text(ident, 1)
        dots = name.count(".")  # a type's name, `google.protobuf.Timestamp`: its place is the last dot
        return self._node("name", name, (), (at - 2 * dots + 1, at + 1) if dots else (at, at))

    def _list(self, made: _Fields, at: int, depth: int) -> _Read:
        elements = [self._read(_bytes(one), depth)[0] for one in made[1]]
        return self._node("list", None, elements, (at, self._tokens.close(at)))

    def _select(self, select: _Fields, at: int, depth: int) -> _Read:
        operand, span = self._read(_sub(select, 1), depth)
        field = _text(select, 2)
        if select[3]:
            return self._node("has", field, (operand,), (at - 1, self._tokens.close(at)))
        return self._node("select", field, (operand,), (self._tokens.grouped(span, postfix=True)[0], at + 1))

    def _call(self, call: _Fields, at: int, depth: int) -> _Read:
        name = _text(call, 2)
        target = [self._read(_bytes(one), depth) for one in call[1]]
        parts = target + [self._read(_bytes(one), depth) for one in call[3]]
        sign = OPERATORS.get(name)
        nodes = [node for node, _ in parts]
        if sign is None:
            first = self._tokens.grouped(target[0][1], postfix=True)[0] if target else at - 1 - 2 * name.count(".")
            return self._node("call", name, nodes, (first, self._tokens.close(at)))
        if sign == "[]":
            first = self._tokens.grouped(parts[0][1], postfix=True)[0]
            return self._node("call", sign, nodes, (first, self._tokens.close(at)))
        if len(parts) == 1:
            return self._node("call", sign, nodes, (at, self._tokens.grouped(parts[0][1], after=at)[1]))
        first, last = self._tokens.grouped(parts[0][1])[0], self._tokens.grouped(parts[-1][1])[1]
        return self._node("call", sign, nodes, (first, last))

    def _struct(self, struct_: _Fields, at: int, depth: int) -> _Read:
        children: list[Node] = []
        close = self._tokens.close(at)
        for data in struct_[2]:
            entry = _message(_bytes(data))
            value = self._read(_sub(entry, 4), depth)[0]
            if entry[3]:
                children.append(self._read(_sub(entry, 3), depth)[0])
            else:
                place = self._tokens.at(self._positions.get(_int(entry, 1), 0))
                children.append(self._node("literal", _text(entry, 2), (), (place - 1, place - 1))[0])
            children.append(value)
        return self._node("map", _text(struct_, 1) or None, children, (at, close))

    def _comprehension(self, loop: _Fields, at: int, depth: int) -> _Read:
        macro = self._tokens.text(at - 1)
        if macro not in _MACROS:
            raise _unknown()
        over, span = self._read(_sub(loop, 2), depth)
        variable = self._node("name", _text(loop, 1), (), (at + 1, at + 1))[0]
        bodies = [self._read(body, depth)[0] for body in _bodies(macro, _sub(loop, 6))]
        first = self._tokens.grouped(span, postfix=True)[0]
        return self._node("comprehension", macro, [over, variable, *bodies], (first, self._tokens.close(at)))


def _bodies(macro: str, step: bytes) -> list[bytes]:
    """What stood after the bound name: taken out of the step that CEL made of it."""
    function, arguments = _called(step)
    if macro in ("all", "exists"):  # @result && body
        return arguments[1:]
    condition: list[bytes] = []
    if function == "_?_:_":  # condition ? @result + … : @result
        condition = arguments[:1]
        if macro != "map":
            return condition
        _, arguments = _called(arguments[1])
    made = _message(_sub(_message(arguments[1]), _LIST))  # @result + [value]
    return condition + [_bytes(one) for one in made[1]]


def _called(data: bytes) -> tuple[str, list[bytes]]:
    call = _message(_sub(_message(data), _CALL))
    arguments = [_bytes(one) for one in call[3]]
    if len(arguments) <= 1:
        raise _unknown()
    return _text(call, 2), arguments


def _constant(constant: _Fields) -> object:
    for number, values in constant.items():
        value = values[-1]
        if number == _BOOL:
            return value != 0
        if number in (_INT, _UINT) and isinstance(value, int):
            return signed(value) if number == _INT else Uint(value)
        if isinstance(value, bytes):
            if number == _DOUBLE:
                return float(struct.unpack("<d", value)[0])
            return value.decode() if number == _STRING else value
    return None


def _message(data: bytes) -> _Fields:
    found: _Fields = defaultdict(list)
    for number, value in _fields_of(data):
        found[number].append(value)
    return found


def _single(data: bytes) -> dict[int, int]:
    """A message of numbers, such as an entry of a map of them; where one comes several times, the last counts."""
    return {number: value for number, value in _fields_of(data) if isinstance(value, int)}


def _fields_of(data: bytes) -> list[tuple[int, int | bytes]]:
    try:
        return fields(data)
    except ValueError:
        raise _unknown() from None


def _sub(message: _Fields, number: int) -> bytes:
    return _bytes(message[number][-1]) if message[number] else b""


def _text(message: _Fields, number: int) -> str:
    return _sub(message, number).decode()


def _int(message: _Fields, number: int) -> int:
    value = message[number][-1] if message[number] else 0
    return value if isinstance(value, int) else 0


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _unknown()
    return value


def _unknown() -> UnreadableTreeError:
    return UnreadableTreeError("the condition's tree has a form that is not known here")
