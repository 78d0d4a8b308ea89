"""A form as a table: what is asked, what must be there, what is allowed. What has no words is quoted as its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hitl_fsm.policy.choices import NONE, choices_of
from hitl_fsm.policy.describe.paper import Block, Code, Para, Table, Text, codes, joined

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "array": "a list",
    "object": "a group of values",
    "null": "nothing",
}
_SAID = frozenset({"type", "title", "description", "enum"})
_OF_A_FORM = frozenset({"type", "properties", "required", "title", "description", "$schema", "$id"})


def fields_of(schema: Mapping[str, Any], caption: str) -> tuple[Block, ...]:
    """The fields of a form, or of a result; the whole schema, quoted, where it does not list any."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        return (Para((f"{caption} fits this JSON Schema: ", Code(_json(dict(schema))))),)
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    rows = tuple(_row(name, field, name in needed) for name, field in properties.items())
    table = Table(caption, ("Field", "Needed", "What is asked", "What is allowed"), rows)
    rest = {name: value for name, value in schema.items() if name not in _OF_A_FORM}
    return (table, Para((f"{caption} as a whole: ", Code(_json(rest))))) if rest else (table,)


def _row(name: str, field: Any, needed: bool) -> tuple[Text, ...]:  # noqa: FBT001 - a cell of the row
    if not isinstance(field, dict):
        return ((Code(name),), ("yes" if needed else "no",), ("",), (Code(_json(field)),))
    asked = [str(field[key]) for key in ("title", "description") if isinstance(field.get(key), str)]
    return ((Code(name),), ("yes" if needed else "no",), (": ".join(asked),), _allowed(field))


def _allowed(field: dict[str, Any]) -> Text:
    kind, values = field.get("type"), field.get("enum")
    labelled = choices_of({"oneOf": field["oneOf"]}) if isinstance(field.get("oneOf"), list) else NONE
    known = isinstance(kind, str) and kind in _TYPES
    out: list[Any] = [_TYPES[str(kind)]] if known else []
    if isinstance(values, list) and values:
        out += [": " if out else "", *codes([_json(one) for one in values], "or")]
    if labelled.values:
        out += [": " if out else "", *joined([_option(*one) for one in zip(*labelled[:2], strict=True)], "or")]
    said = _SAID | {"oneOf"} if labelled.values and _is_plain(field["oneOf"]) else _SAID
    kept = {key: value for key, value in field.items() if key not in said}
    if kind is not None and not known:
        kept = {"type": kind, **kept}
    if kept or not out:
        out += ["; " if out else "", Code(_json(kept))]
    return tuple(out)


def _option(value: Any, label: str) -> Text:
    return (f"{label} (", Code(_json(value)), ")") if label else (Code(_json(value)),)


def _is_plain(options: list[Any]) -> bool:
    """Whether the options say no more than a value and its words."""
    return all(isinstance(one, dict) and one.keys() <= {"const", "title"} for one in options)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
