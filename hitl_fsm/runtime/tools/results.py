"""From whatever a tool returned to something that JSON, the log and the model can hold. Total: never an error."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from math import isfinite, isnan
from typing import Any

import msgspec

from hitl_fsm.model.text import repaired

RESULT_LIMIT = 256 * 1024
"""Bytes of JSON that a result may take; a larger one becomes text that ends with what was left out."""
RESULT_DEPTH = 64
"""Containers inside each other; what lies deeper becomes a mark (so does a value that contains itself)."""
RESULT_NODES = 100_000
"""Values in one result; those after become a mark."""
ERROR_LIMIT = 10_000
"""Characters of a tool's error, its type's name counted; the rest is cut."""

_INTEGER_MAX = 2**53 - 1  # beyond it a JSON reader may round
_DEEP, _MANY = "⟨too deep⟩", "⟨left out: too many values⟩"


def to_result(value: object) -> Any:
    """JSON-able: None, bool, int, finite float, str, list, dict with text keys.

    Models, dataclasses and named tuples become objects, sets and tuples arrays; NaN, infinities and integers beyond
    ±(2^53-1) become text, dates ISO 8601, and anything else its `str()`.
    """
    try:
        plain = _Reader().read(value, 0)
        text = msgspec.json.encode(plain)
    except Exception as error:  # noqa: BLE001 - a foreign __str__ or property may raise; the tool did act, so say what is known
        return f"⟨{type(value).__name__}: unreadable, {type(error).__name__}⟩"
    if len(text) <= RESULT_LIMIT:
        return plain
    whole = plain.encode() if isinstance(plain, str) else text
    kept = whole[:RESULT_LIMIT].decode(errors="ignore")
    return f"{kept}\n⟨cut: {len(whole)} bytes, of which the first {RESULT_LIMIT} are shown⟩"


def error_text(error: BaseException) -> str:
    """`TypeName: message`, or the name alone. Total, whatever the error's own `__str__` does."""
    name = type(error).__name__
    try:
        message = str.__str__(str(error))
    except Exception as unreadable:  # noqa: BLE001 - a foreign __str__ may raise; the tool failed all the same
        message = f"⟨unreadable, {type(unreadable).__name__}⟩"
    return repaired((f"{name}: {message[:ERROR_LIMIT]}" if message else name)[:ERROR_LIMIT])


class _Reader:
    """Walks one value, counting."""

    __slots__ = ("room",)

    def __init__(self) -> None:
        self.room = RESULT_NODES

    def read(self, value: object, depth: int) -> Any:
        self.room -= 1
        if self.room < 0:
            return _MANY
        if isinstance(value, Enum):
            return self.read(value.value, depth)
        if value is None or isinstance(value, (bool, int, float, str)):
            return _scalar(value)
        if depth >= RESULT_DEPTH:
            return _DEEP
        return self._container(value, depth + 1)

    def _container(self, value: object, depth: int) -> Any:
        members = _members(value)
        if members is not None:
            return self._object(members, depth)
        if not isinstance(value, type) and callable(dump := getattr(value, "model_dump", None)):
            return self.read(dump(), depth)  # a pydantic model, without importing pydantic
        if isinstance(value, (list, tuple, deque)):
            return self._array(value, depth)
        if isinstance(value, AbstractSet):
            return self._array(_ordered(value), depth)
        return _leaf(value)

    def _array(self, values: Any, depth: int) -> list[Any]:
        found: list[Any] = []
        for value in values:
            found.append(self.read(value, depth))
            if self.room < 0:
                break
        return found

    def _object(self, members: Mapping[Any, Any], depth: int) -> Any:
        found: dict[str, Any] = {}
        for key, value in members.items():
            name = _key(key)
            if name in found:  # 1 and "1": as pairs, neither is lost
                return self._array([[k, v] for k, v in members.items()], depth)
            found[name] = self.read(value, depth)
            if self.room < 0:
                break
        return found


def _members(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        return dict(zip(names, value, strict=True))
    return None


def _ordered(values: AbstractSet[Any]) -> list[Any]:
    """One order, so that equal results have equal bytes."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _leaf(value: object) -> str:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode(errors="backslashreplace")
    return _text(str(value))


def _key(key: object) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return _text(key)
    return _text(str(_scalar(key) if key is None or isinstance(key, (bool, int, float)) else key))


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value) if -_INTEGER_MAX <= value <= _INTEGER_MAX else str(int(value))
    if isfinite(value):
        return float(value)
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(value: str) -> str:
    """Plain `str` without lone surrogates, which no store can hold."""
    text = str.__str__(value)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
