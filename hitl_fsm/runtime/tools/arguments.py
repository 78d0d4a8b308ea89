"""From argument text that a model wrote to a dict, or one short error: nothing doubtful gets past (law 6).

Read once, strictly: what two JSON readers could understand differently (a key twice, NaN, integers beyond a double's
reach, broken surrogates) is refused, so that what was judged, shown and approved is what runs. The error's text goes
back to the model; it says what to change.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, NoReturn

from hitl_fsm.errors import ArgumentsUnreadable
from hitl_fsm.model.visible import visible

ARGUMENTS_BYTES = 256 * 1024
"""Bytes of argument text (UTF-8) that one call may have."""
ARGUMENTS_DEPTH = 64
"""Arrays and objects that may stand inside each other, the outermost counted."""
INTEGER_MAX = 2**53 - 1
"""The largest integer that every JSON reader keeps exact; the smallest is its negative."""

_INTEGER_CHARS = len(str(-INTEGER_MAX))  # longer text is out of range; int() of very long text is slow, then an error
_KEY_SHOWN = 40  # characters of a key that an error repeats
# A string (closed or not, so that each character is looked at once) or a bracket; strings are skipped.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def read_arguments(raw: str) -> dict[str, Any]:
    """The arguments of a tool call; empty text means none, as providers send it for tools without parameters.

    Raises ArgumentsUnreadable for everything that is not exactly one JSON object within the limits above.
    """
    _check_size(raw)
    if raw.count("[") + raw.count("{") > ARGUMENTS_DEPTH:  # fewer brackets cannot be deeper
        _check_depth(raw)
    try:
        value = _DECODER.decode(raw)
    except json.JSONDecodeError as error:
        if not raw.strip():
            return {}
        _refuse(f"they are not valid JSON: {error.msg} at character {error.pos + 1}", cause=error)
    if type(value) is not dict:
        _refuse(f"they must be a JSON object, not {_KINDS.get(type(value), 'a number')}")
    if "\\u" in raw and not _encodable(value):
        _refuse("a \\u escape is half of a surrogate pair; write the character itself")
    return value


def _check_size(raw: str) -> None:
    if type(raw) is not str:
        _refuse(f"they must be JSON text, not {type(raw).__name__}")
    if raw.isascii() or len(raw) > ARGUMENTS_BYTES:
        size = len(raw)
    else:
        try:
            size = len(raw.encode())
        except UnicodeEncodeError as error:
            _refuse(f"character {error.start + 1} is half of a surrogate pair", cause=error)
    if size > ARGUMENTS_BYTES:
        _refuse(f"they are larger than {ARGUMENTS_BYTES // 1024} KiB; send less, or a reference to the data")


def _check_depth(raw: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(raw):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth > ARGUMENTS_DEPTH:
                _refuse(f"they are nested deeper than {ARGUMENTS_DEPTH} levels")
        elif first != '"':
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                _refuse(f'the key "{visible(key[:_KEY_SHOWN])}" stands twice in one object')
            seen.add(key)
    return found


def _integer(text: str) -> int:
    if len(text) <= _INTEGER_CHARS:
        number = int(text)
        if -INTEGER_MAX <= number <= INTEGER_MAX:
            return number
    return _refuse(f"an integer is beyond ±{INTEGER_MAX}; send it as a string")


def _float(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _refuse("a number is too large for a double; send it as a string")


def _constant(text: str) -> NoReturn:
    _refuse(f"{text} is not JSON")


def _encodable(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(why: str, cause: Exception | None = None) -> NoReturn:
    msg = f"the arguments cannot be read: {why}"
    raise ArgumentsUnreadable(msg, help="call the tool again with one valid JSON object") from cause


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)
