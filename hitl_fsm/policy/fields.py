"""What the documents of the language are made of: names, patterns, durations, and fields that are refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

MAX_NAMES = 500
MAX_CONDITIONS = 50
MAX_SUBJECTS = 100
MAX_TEXT = 2000
MAX_DURATION_MS = 366 * 86_400_000
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TOOL_PATTERN = r"^[A-Za-z0-9_.:/*-]{1,128}$"
DURATION_PATTERN = r"^[1-9][0-9]{0,8}(ms|s|m|h|d|w)$"

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d|w)")


def _always(value: object) -> bool:
    return value is not None


@dataclass(frozen=True, slots=True)
class NotYet:
    """Marks a field whose value is not enforced yet. `when` picks the values; `word` names it to the author."""

    when: Callable[[Any], bool] = _always
    word: str = ""
    help: str | None = None


@dataclass(frozen=True, slots=True, eq=False)  # so that it has a hash: annotations of a union are compared by theirs
class Hints:
    """What to say about a word that an author is likely to write there: (message, help) by the word."""

    by_word: dict[str, tuple[str, str]]


def duration_ms(text: object) -> int:
    """`30s`, `15m`, `4h`, `2d` -> milliseconds; ValueError otherwise."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        msg = f"{text!r} is not a duration; write a number and a unit: 30s, 15m, 4h, 2d"
        raise ValueError(msg)
    milliseconds = int(found[1]) * _UNIT_MS[found[2]]
    if milliseconds > MAX_DURATION_MS:
        msg = f"{text!r} is longer than a year"
        raise ValueError(msg)
    return milliseconds


def listed(value: object) -> object:
    """One item may be written without the list."""
    return value if isinstance(value, list) else [value]


def shape_of(value: object) -> str:
    """By which a field that takes a word, a mapping or a list is told apart."""
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list) else "word"


def one_or_list(item: dict[str, Any], limit: int) -> WithJsonSchema:
    """The JSON Schema of a field that takes one item or a list."""
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": limit}]})


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Duration = Annotated[
    int,
    BeforeValidator(duration_ms),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30s", "15m", "4h", "2d", "1w"]}),
]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Patterns = Annotated[
    list[Pattern],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_NAMES),
    one_or_list({"type": "string", "pattern": TOOL_PATTERN, "examples": ["payments.refund", "payments.*"]}, MAX_NAMES),
]
NamePatterns = Annotated[
    list[Pattern],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_NAMES),
    one_or_list({"type": "string", "minLength": 1, "maxLength": 128, "examples": ["ship", "support-*"]}, MAX_NAMES),
]
Conditions = Annotated[
    list[Text],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_CONDITIONS),
    one_or_list(
        {"type": "string", "minLength": 1, "examples": ["args.amount > 1000", "'finance' in user.roles"]},
        MAX_CONDITIONS,
    ),
]
_SUBJECTS = ("role:finance", "group:treasury", "requester", "owner", "alice")
Subject = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Subjects = Annotated[
    list[Subject],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_SUBJECTS),
    one_or_list(
        {
            "type": "string",
            "minLength": 1,
            "examples": [*_SUBJECTS],
        },
        MAX_SUBJECTS,
    ),
]
JsonObject = dict[str, Any]


class Model(BaseModel):
    """A mapping of the language: no unknown keys, no conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)
