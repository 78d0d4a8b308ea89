"""Which of the values that a field offers a person means: by the value, by its words, or by its number in the list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hitl_fsm.cli.answers.present import labelled
from hitl_fsm.errors import AnswerRefused

if TYPE_CHECKING:
    from hitl_fsm.runtime.presenting.presentation import FormField


def offered(field: FormField) -> tuple[str, ...]:
    """A line for each value, with its number: the words, and the value that they stand for."""
    lines = [f"{label} = {_shown(value)}" if label else _shown(value) for value, label in labelled(field)]
    return tuple(f"{number}) {line}" for number, line in enumerate(lines, 1))


def chosen(field: FormField, text: str) -> Any:
    """The value, or for a choice of several the list of them, that was typed; several are parted by commas.

    AnswerRefused when the text could mean two of them. What means none comes back as it is, for the form to refuse.
    """
    if not field.multiple:
        return _one(field, text)
    return [_one(field, part) if isinstance(part, str) else part for part in _parts(field, text)]


def _parts(field: FormField, text: str) -> list[Any]:
    if text.startswith("["):
        try:
            listed: Any = json.loads(text)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list):
            return listed
    if _meant(field, text):  # one whose own words have a comma
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def _one(field: FormField, text: str) -> Any:
    meant = _meant(field, text)
    if len(meant) > 1:
        msg = f"{text!r} could mean {' or '.join(_shown(field.choices[index]) for index in sorted(meant))}"
        raise AnswerRefused(msg, help="type its number, or its value")
    return field.choices[meant.pop()] if meant else text


def _meant(field: FormField, text: str) -> set[int]:
    """The places that a text could mean. A value that is typed means itself, whatever the number in front of it."""
    values = {index for index, value in enumerate(field.choices) if _shown(value) == text}
    words = {index for index, label in enumerate(field.labels) if label and label.casefold() == text.casefold()}
    number = {int(text) - 1} if text.isdecimal() and 0 < int(text) <= len(field.choices) else set[int]()
    return values | words if values else words | number


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
