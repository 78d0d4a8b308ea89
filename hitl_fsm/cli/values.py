"""Values from the command line: `--set name=value`, and JSON given as text, as `@file`, or as `@-` (standard input)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import typer

from hitl_fsm.errors import HitlError, SettingsError

FILE_BYTES = 1024 * 1024
"""A value's file larger than this is not read; the engine's own limits are below it."""


def assignments(pairs: list[str], option: str = "--set") -> dict[str, str]:
    """`name=value` each, the values as they were typed. The last one of a name counts."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            msg = f"{pair!r} is not NAME=VALUE"
            raise typer.BadParameter(msg, param_hint=option)
        found[name] = text
    return found


def typed(texts: dict[str, str], kinds: Callable[[str], str | None]) -> dict[str, Any]:
    """The values of assignments; `kinds` gives the JSON Schema type of a name, None where nothing is known.

    Text stays text where text is wanted, so that `--set zip=01234` and `--set id=42` arrive as they were typed.
    """
    return {name: text if kinds(name) == "string" else plain_value(text) for name, text in texts.items()}


def plain_value(text: str) -> Any:
    """A JSON value where `text` is one, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def json_object(given: str, option: str) -> dict[str, Any]:
    """One JSON object, read as strictly as a model's: no duplicate keys, no NaN, within the limits of arguments."""
    from hitl_fsm.runtime.tools.arguments import read_arguments  # noqa: PLC0415 - only with the option

    text = _text(given, option)
    if not text.strip():
        msg = f"{option} is empty"
        raise SettingsError(msg, help="give one JSON object, or @file with one")
    try:
        return read_arguments(text)
    except HitlError as error:
        msg = f"{option}: {error.message}"
        raise SettingsError(msg, help="give one JSON object, or @file with one") from error


def json_value(given: str, option: str) -> Any:
    """Any JSON value, as strictly."""
    text = _text(given, option)
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        msg = f"{option} is not JSON: {error}"
        raise SettingsError(msg, help=f"""quote text twice: {option} '"done"'; or give @file""") from error


def _refuse(word: str) -> NoReturn:
    msg = f"{word} is no JSON value"
    raise ValueError(msg)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a key is there twice"
        raise ValueError(msg)
    return found


def _text(given: str, option: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        if given == "@-":
            data = sys.stdin.buffer.read(FILE_BYTES + 1)
        else:
            with Path(given[1:]).open("rb") as file:
                data = file.read(FILE_BYTES + 1)
    except OSError as error:
        msg = f"{option}: {given[1:]} cannot be read: {error.strerror}"
        raise SettingsError(msg, help="the path is relative to where you are") from error
    if len(data) > FILE_BYTES:
        msg = f"{option}: {given[1:]} is larger than {FILE_BYTES} bytes"
        raise SettingsError(msg, help="give less")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{option}: {given[1:]} is not UTF-8"
        raise SettingsError(msg, help="save it as UTF-8") from error
