"""The values that a field of a form offers, with the words that a person reads for them.

Plain ones are `enum` or `const`; those with labels are `oneOf` (or `anyOf`) with a `const` and a `title` each. A list
whose items offer values is a choice of several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hitl_fsm.policy.form_check import target

_MANY = ("oneOf", "anyOf")


class Choices(NamedTuple):
    """`labels` has one text for each of `values`, empty where the value has none; `multiple`: some of them."""

    values: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    multiple: bool = False


NONE = Choices()


def choices_of(field: Mapping[str, Any]) -> Choices:
    """What a field's schema offers; empty values where a person is free to write."""
    own = _offered(field)
    if own is not None:
        return Choices(*own)
    items = field.get("items")
    if isinstance(items, dict) and (of_items := _offered(items)) is not None:
        return Choices(*of_items, multiple=True)
    return NONE


def resolved(root: Mapping[str, Any], field: Mapping[str, Any]) -> dict[str, Any]:
    """A field with what its own local references name, also that of its items. Beside a reference, the field counts."""
    found = _followed(root, field)
    items = found.get("items")
    return {**found, "items": _followed(root, items)} if isinstance(items, dict) else found


def _followed(root: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(schema)
    while isinstance(reference := found.pop("$ref", None), str):  # a checked schema has no circles
        named = target(dict(root), reference)
        found = {**named, **found} if isinstance(named, dict) else found
    return found


def _offered(schema: Mapping[str, Any]) -> tuple[tuple[Any, ...], tuple[str, ...]] | None:
    if isinstance(values := schema.get("enum"), list) and values:
        return tuple(values), ("",) * len(values)
    if "const" in schema:
        return (schema["const"],), (_label(schema),)
    for keyword in _MANY:
        options = schema.get(keyword)
        if isinstance(options, list) and options and all(isinstance(one, dict) and "const" in one for one in options):
            return tuple(one["const"] for one in options), tuple(_label(one) for one in options)
    return None


def _label(option: Mapping[str, Any]) -> str:
    found = option.get("title") or option.get("description") or ""
    return found if isinstance(found, str) else ""
