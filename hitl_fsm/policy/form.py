"""JSON Schema forms and result schemas: prebuilt validators whose every regular expression is RE2.

Answers are untrusted and bounded first. A form takes the fields it names and no others; a result schema is taken as it
is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from hitl_fsm.errors import ToolError
from hitl_fsm.policy.ask_user import ask_user_schema
from hitl_fsm.policy.choices import choices_of
from hitl_fsm.policy.form_check import check_form, check_schema, compiled, size_problem

__all__ = ["Form", "ask_user_schema", "check_form", "check_schema", "form", "value_problems"]

MAX_VALUE_NODES = 20_000
MAX_VALUE_DEPTH = 64
MAX_VALUE_CHARS = 1_000_000
MAX_PROBLEMS = 50
MAX_PROBLEM_CHARS = 200
MAX_FORMS = 256

_CHOSEN = ("oneOf", "anyOf")
_COMBINATORS = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas", "$ref"})


class Form:
    """A schema with its prebuilt validator. Build it with `form` or `value_problems`, which keep it."""

    __slots__ = ("_validator", "schema")

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self._validator = _validator_class()(schema, registry=_no_registry(), format_checker=_formats())

    def problems(self, value: Any) -> tuple[str, ...]:
        """One line a field, in the order of the schema's fields; empty when the value fits. Never raises on a value."""
        if (problem := _value_problem(value)) is not None:
            return (problem,)
        lines: dict[str, str] = {}
        try:
            for error in self._validator.iter_errors(value):
                for place, text in _lines(error):
                    lines.setdefault(place, text)
                if len(lines) >= MAX_PROBLEMS:
                    break
        except (RecursionError, ArithmeticError, ValueError) as error:
            return (f"the value cannot be checked: {type(error).__name__}",)
        order = {name: index for index, name in enumerate(self.schema.get("properties", {}))}
        ranked = sorted(lines.items(), key=lambda item: order.get(item[0].split(".")[0].split("[")[0], len(order)))
        return tuple(f"{place}: {text}" if place else text for place, text in ranked)


def form(schema: Mapping[str, Any]) -> Form:
    """The form of an object schema, closed: keys that it does not name are refused, unless it says otherwise.

    Raises ToolError when the schema cannot be a form.
    """
    return _built(_key(schema), closed=True)


def value_problems(schema: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    """How a value fails a schema, one line a place; the schema is taken as it is written."""
    return _built(_key(schema), closed=False).problems(value)


def _key(schema: Mapping[str, Any]) -> str:
    try:
        return json.dumps(schema, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"the schema is not JSON: {error}"
        raise ToolError(msg) from error


@lru_cache(maxsize=MAX_FORMS)
def _built(text: str, *, closed: bool) -> Form:
    schema = json.loads(text)
    problems = check_form(schema) if closed else check_schema(schema)
    if problems:
        msg = f"the schema cannot be used: {'; '.join(problems)}"
        raise ToolError(msg, help="`hitl-fsm validate` checks the schemas of policies")
    return Form(close_schema(schema) if closed else schema)


def close_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema, refusing keys that it does not name, at every level that says nothing about them.

    Levels that are put together with others (`allOf`, `$ref`, …) stay open below the top: there, no single part knows
    all the keys.
    """
    result = dict(schema)
    if isinstance(result.get("properties"), dict):
        result["properties"] = {name: _closed_below(child) for name, child in result["properties"].items()}
        result.setdefault("additionalProperties", False)
    if isinstance(result.get("items"), dict):
        result["items"] = _closed_below(result["items"])
    return result


def _closed_below(schema: Any) -> Any:
    return close_schema(schema) if isinstance(schema, dict) and not _COMBINATORS & schema.keys() else schema


def _value_problem(value: Any) -> str | None:
    if (problem := size_problem(value, MAX_VALUE_NODES, MAX_VALUE_DEPTH, MAX_VALUE_CHARS)) is not None:
        return f"the value is {problem}"
    return next(_unreadable(value), None)


def _unreadable(value: Any) -> Iterator[str]:
    """What is not JSON in a value of bounded depth."""
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                yield f"the key {key!r} is not text"
            yield from _unreadable(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _unreadable(child)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield f"{value} is not a finite number"
    elif not (value is None or isinstance(value, (str, bool, int))):
        yield f"a value of type {type(value).__name__} is not JSON"


def _lines(error: Any) -> Iterator[tuple[str, str]]:
    """A validation error as (field, text)."""
    path = list(error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield _place([*path, name]), "is required"
    elif error.validator == "additionalProperties" and isinstance(error.message, _Extra):
        yield _place([*path, error.message.name]), str(error.message)
    elif error.validator in _CHOSEN and (offered := choices_of({error.validator: error.validator_value})).values:
        yield _place(path), _clip(f"{error.instance!r} is not one of {list(offered.values)!r}")
    else:
        yield _place(path), _clip(str(error.message))


def _place(path: list[str | int]) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part.isascii() and part.replace("-", "_").isidentifier() else repr(part[:60])
            text += f".{name}" if text else name
    return text


def _clip(text: str) -> str:
    return (
        text
        if len(text) <= MAX_PROBLEM_CHARS
        else f"{text[: MAX_PROBLEM_CHARS // 2]} … {text[-MAX_PROBLEM_CHARS // 2 :]}"
    )


class _Extra(str):
    """The message on one key that the schema does not name."""

    __slots__ = ("name",)
    name: str


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - costs 0.1 s, and most commands need no form
    from jsonschema.validators import extend  # noqa: PLC0415

    keywords: dict[str, Callable[..., Any]] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    return extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]


@lru_cache(maxsize=1)
def _no_registry() -> Any:
    """References stay inside the schema; nothing is fetched."""
    from referencing import Registry  # noqa: PLC0415

    return Registry()


@lru_cache(maxsize=1)
def _formats() -> Any:
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415

    known = [name for name in Draft202012Validator.FORMAT_CHECKER.checkers if name != "regex"]  # Python's own rules
    checker = FormatChecker(formats=())
    checker.checkers = {name: Draft202012Validator.FORMAT_CHECKER.checkers[name] for name in known}
    checker.checks("date-time", raises=ValueError)(_is_date_time)
    checker.checks("time", raises=ValueError)(_is_time)
    checker.checks("uri")(_is_uri)
    return checker


def _is_date_time(value: object) -> bool:
    from datetime import datetime  # noqa: PLC0415

    if not isinstance(value, str):
        return True
    if not compiled(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$").search(value):
        return False
    datetime.fromisoformat(value)
    return True


def _is_time(value: object) -> bool:
    from datetime import time  # noqa: PLC0415

    if isinstance(value, str):
        time.fromisoformat(value)
    return True


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(compiled(r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$").search(value))


def _errors() -> Any:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415

    return ValidationError


def _search(pattern: str, text: str) -> bool:
    try:
        return compiled(pattern).search(text) is not None
    except UnicodeEncodeError:  # half of a surrogate pair matches nothing
        return False


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not _search(pattern, instance):
        yield _errors()(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: dict[str, Any], instance: Any, _schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, schema in patterns.items():
        for name, value in instance.items():
            if _search(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, additional: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_search(pattern, name) for pattern in patterns):
            continue
        if additional is False:
            close = get_close_matches(name[:60], list(known), n=1)
            message = _Extra("is not a field here" + (f"; did you mean `{close[0]}`?" if close else ""))
            message.name = name
            yield _errors()(message)
        else:
            yield from validator.descend(value, additional, path=name)


def _unique_items(_validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[Any]:  # noqa: FBT001
    """Linear, where the library's own is quadratic on mixed items."""
    if wanted and isinstance(instance, list) and len({_identity(item) for item in instance}) != len(instance):
        yield _errors()("has the same item twice")


def _identity(item: Any) -> Any:
    """Equal for values that JSON Schema calls equal: 1 and 1.0, but not 1 and true."""
    if isinstance(item, dict):
        return ("object", frozenset((key, _identity(value)) for key, value in item.items()))
    if isinstance(item, (list, tuple)):
        return ("array", tuple(_identity(value) for value in item))
    return (type(item) if isinstance(item, (bool, str)) or item is None else float, item)
