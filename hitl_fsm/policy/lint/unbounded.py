"""The parts of a form that take a value of any size. What is not sure is not told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from hitl_fsm.policy.form_check import target
from hitl_fsm.policy.lint.forms import MAX_NESTING, Pointer, types_of

_SHORT_FORMATS = frozenset({"date", "time", "date-time", "ipv4", "ipv6", "uuid"})
_WORDS = frozenset({"title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"})
_FINITE = frozenset({"enum", "const"})
_JOINED = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
_PARTS = frozenset({"properties", "items", "prefixItems", "additionalProperties"})
_DECIDING = frozenset({"if", "not", "dependentSchemas"})
_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_ENDLESS = re.compile(r"[*+]|\{\d+,\}")


class Unbounded(NamedTuple):
    """`pointer` leads to the part, `field` names it to the author, `text` says what it takes, `remedy` what to add."""

    pointer: Pointer
    field: str
    text: str
    remedy: str


def unbounded(schema: Any, root: Mapping[str, Any], at: Pointer = (), field: str = "") -> Iterator[Unbounded]:
    """Every part without a bound of a schema in which each object is closed that can be."""
    if not isinstance(schema, dict):
        if schema is True:
            yield Unbounded(at, field, "takes any value", "give it a `type`")
    elif len(at) > MAX_NESTING or _FINITE & schema.keys():
        return
    elif _JOINED & schema.keys():
        yield from _of_parts(schema, root, at, field)
    elif "type" in schema:
        yield from _of_type(schema, root, at, field)
    elif not schema.keys() - _WORDS:
        yield Unbounded(at, field, "takes any value", "give it a `type`")


def _of_parts(schema: dict[str, Any], root: Mapping[str, Any], at: Pointer, field: str) -> Iterator[Unbounded]:
    if "$ref" in schema:
        if not schema.keys() - _WORDS - {"$ref"}:  # what stands beside it may be the bound
            for one in unbounded(target(dict(root), schema["$ref"]), root, (*at, "$ref"), field):
                yield one._replace(pointer=(*at, "$ref"))
    elif "allOf" in schema:
        yield from _merged(schema, "allOf", schema["allOf"], root, (at, field))
    else:
        word = "anyOf" if "anyOf" in schema else "oneOf"
        flat = {key: value for key, value in schema.items() if not _PARTS & {key} or isinstance(value, bool)}
        for index, part in enumerate(schema[word]):
            yield from _merged(flat, word, [part], root, ((*at, word, index), field))
        yield from _fields(schema, root, at, field)  # once, not in each of the parts


def _merged(
    schema: dict[str, Any], word: str, parts: list[Any], root: Mapping[str, Any], place: tuple[Pointer, str]
) -> Iterator[Unbounded]:
    """Parts that hold together: a bound of any of them is a bound of all."""
    whole = {key: value for key, value in schema.items() if key != word}
    for part in parts:
        if not isinstance(part, dict) or "$ref" in part:
            return
        whole |= part
    yield from unbounded(whole, root, *place)


def _of_type(schema: dict[str, Any], root: Mapping[str, Any], at: Pointer, field: str) -> Iterator[Unbounded]:
    types = types_of(schema)
    if "string" in types and not _is_short(schema):
        yield Unbounded(at, field, "takes a text of any length", "add `maxLength`")
    if "array" in types:
        if "maxItems" not in schema and not (schema.get("items") is False and "prefixItems" in schema):
            yield Unbounded(at, field, "takes any number of items", "add `maxItems`")
        if "items" in schema:
            yield from unbounded(schema["items"], root, (*at, "items"), field)
        elif schema.get("maxItems") != 0 and "prefixItems" not in schema:
            yield Unbounded(at, field, "takes items of any kind", "add `items`")
        for index, part in enumerate(schema.get("prefixItems", ())):
            yield from unbounded(part, root, (*at, "prefixItems", index), field)
    if "object" in types and not _DECIDING & schema.keys():
        yield from _of_object(schema, root, at, field)


def _of_object(schema: dict[str, Any], root: Mapping[str, Any], at: Pointer, field: str) -> Iterator[Unbounded]:
    more = schema.get("additionalProperties", True)
    if "maxProperties" not in schema and more is not False:
        yield Unbounded(at, field, "takes fields that nobody named", "add `additionalProperties: false`")
    elif more is not False and more is not True:
        yield from unbounded(more, root, (*at, "additionalProperties"), field)
    elif "maxProperties" not in schema and schema.get("patternProperties"):
        yield Unbounded(at, field, "takes any number of fields", "add `maxProperties`")
    yield from _fields(schema, root, at, field)


def _fields(schema: dict[str, Any], root: Mapping[str, Any], at: Pointer, field: str) -> Iterator[Unbounded]:
    for name, part in schema.get("properties", {}).items():
        yield from unbounded(part, root, (*at, "properties", name), f"{field}.{name}" if field else str(name))


def _is_short(schema: Mapping[str, Any]) -> bool:
    pattern = schema.get("pattern")
    return (
        "maxLength" in schema
        or schema.get("format") in _SHORT_FORMATS
        or (isinstance(pattern, str) and is_bounded_pattern(pattern))
    )


def is_bounded_pattern(pattern: str) -> bool:
    """Whether only texts of a bounded length match; False where that is not sure."""
    plain = _CLASS.sub("c", pattern)
    is_anchored = pattern.startswith(("^", "\\A")) and pattern.endswith(("$", "\\z")) and not pattern.endswith("\\$")
    return is_anchored and "|" not in _without_groups(plain) and "(?" not in plain and not _ENDLESS.search(plain)


def _without_groups(plain: str) -> str:
    """What stands outside of all parentheses."""
    depth, outside = 0, []
    for sign in plain:
        depth += (sign == "(") - (sign == ")")
        if not depth:
            outside.append(sign)
    return "".join(outside)
