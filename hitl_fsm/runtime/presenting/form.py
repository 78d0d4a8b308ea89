"""A form as a person is shown it, read from its JSON Schema."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from hitl_fsm.policy.choices import choices_of, resolved
from hitl_fsm.policy.sensitive import KEYWORD, MASK


class FormField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of a form. `schema` is its JSON Schema; the rest is read from it.

    `choices` are the values that it offers: one of them is the answer, with `multiple` a list of some. `labels` are the
    words for each of them, empty where a value stands for itself; without any words, there are no labels.
    `sensitive`: nobody is shown what is filled in, nor a default.
    """

    name: str
    type: str
    required: bool
    schema: dict[str, Any]
    description: str = ""
    choices: tuple[Any, ...] = ()
    default: Any = None
    labels: tuple[str, ...] = ()
    multiple: bool = False
    sensitive: bool = False


def form_fields(schema: dict[str, Any], sensitive: Collection[str] = ()) -> tuple[FormField, ...]:
    """The fields of an object schema, in its own order; those named in `sensitive` are so, whatever it says."""
    required = set(schema.get("required", ()))
    return tuple(
        _field(name, found, name in required, name in sensitive or found.get(KEYWORD) is True)
        for name, field in schema.get("properties", {}).items()
        for found in (resolved(schema, field) if isinstance(field, dict) else {},)
    )


def shown_schema(schema: dict[str, Any], sensitive: Collection[str] = ()) -> dict[str, Any]:
    """The schema without the values that it would fill in, or gives as examples, where nobody is shown them."""
    shown: dict[str, Any] = _without_values(schema)
    fields = shown.get("properties", {})
    if not sensitive or fields.keys().isdisjoint(sensitive):
        return shown
    hidden = {name: _hidden(one) if name in sensitive else one for name, one in fields.items()}
    return {**shown, "properties": hidden}


def _without_values(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return [_without_values(one) for one in node]
    if not isinstance(node, dict):
        return node
    parts = {key: _without_values(one) for key, one in node.items()}
    return _hidden(parts) if node.get(KEYWORD) is True else parts


def _hidden(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    return {key: MASK if key == "default" else one for key, one in schema.items() if key != "examples"}


def _field(name: str, schema: dict[str, Any], required: bool, sensitive: bool) -> FormField:  # noqa: FBT001 - read from a schema
    kind = schema.get("type", "any")
    offered = choices_of(schema)
    return FormField(
        name=name,
        type=kind if isinstance(kind, str) else "|".join(str(one) for one in kind),
        required=required,
        schema=_hidden(schema) if sensitive else shown_schema(schema),
        description=str(schema.get("description") or schema.get("title") or ""),
        choices=offered.values,
        default=None if sensitive else schema.get("default"),
        labels=offered.labels if any(offered.labels) else (),
        multiple=offered.multiple,
        sensitive=sensitive,
    )
