"""A form at the terminal: field by field, each checked as it is given, then all of it together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hitl_fsm.cli.answers.choosing import chosen, offered
from hitl_fsm.cli.output import warn
from hitl_fsm.cli.terminal import agreed, ask, ask_secret
from hitl_fsm.cli.values import plain_value
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.policy.form import form, value_problems
from hitl_fsm.policy.sensitive import KEYWORD
from hitl_fsm.runtime.presenting.presentation import form_fields

if TYPE_CHECKING:
    from hitl_fsm.runtime.presenting.presentation import FormField, Presentation

YES = {"y", "yes", "true"}
NO = {"n", "no", "false"}
NESTED_MAX = 3
"""Levels of objects and lists that are asked for field by field; what is deeper is typed as JSON."""
ITEMS_MAX = 100
"""Items of one list that are asked for."""
_DEFINITIONS = ("$defs", "definitions")

_LEFT_OUT = object()


class Spot(NamedTuple):
    """Where in a form: the names that lead there, and the definitions of the whole, to which references lead."""

    way: tuple[str, ...]
    definitions: dict[str, Any]

    @property
    def label(self) -> str:
        return ".".join(self.way)

    def below(self, name: str) -> Spot:
        return self._replace(way=(*self.way, name))


def ask_form(shown: Presentation) -> dict[str, Any]:
    """The values of a form; optional fields that were left empty are not in it."""
    return ask_object(shown.form_schema or {}, shown.fields)


def ask_result(shown: Presentation) -> Any:
    """A result that fits the route's schema, where it has one: an object field by field, anything else as JSON."""
    schemas = tuple(one for one in (shown.result_schema, *shown.route_schemas) if one is not None)
    schema = next(iter(schemas), {})
    if schema.get("type") == "object" and schema.get("properties"):
        return ask_object(schema, form_fields(schema))
    while True:
        value = plain_value(ask("result (JSON, or text):"))
        problems = [problem for one in schemas for problem in value_problems(one, value)]
        if not problems:
            return value
        warn(*(f"  {problem}" for problem in problems))


def ask_object(schema: dict[str, Any], fields: Sequence[FormField]) -> dict[str, Any]:
    """All fields; then those again that do not fit together, each with the reason."""
    definitions = {key: schema[key] for key in _DEFINITIONS if key in schema}
    values = _ask_fields(fields, Spot((), definitions))
    while problems := form(schema).problems(values):
        warn(*(f"  {problem}" for problem in problems))
        named = [field for field in fields if any(_is_about(problem, field.name) for problem in problems)]
        for field in named or fields:
            values.pop(field.name, None)
        values |= _ask_fields(named or fields, Spot((), definitions))
    return {field.name: values[field.name] for field in fields if field.name in values}


def _is_about(problem: str, name: str) -> bool:
    return problem.startswith((f"{name}:", f"{name}.", f"{name}["))


def _ask_fields(fields: Sequence[FormField], spot: Spot) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields:
        value = _ask_until_it_fits(field, spot.below(field.name))
        if value is not _LEFT_OUT:
            found[field.name] = value
    return found


def _ask_until_it_fits(field: FormField, spot: Spot) -> Any:
    """The value of one field, which fits its own schema; `_LEFT_OUT` for an optional one that was left empty."""
    while True:
        try:
            value = _ask(field, spot)
        except AnswerRefused as unclear:
            warn(f"  {unclear.message}: {unclear.help}")
            continue
        if value is _LEFT_OUT:
            if not field.required:
                return value
            warn("  it is required")
            continue
        problems = value_problems({**spot.definitions, **field.schema}, value)
        if not problems:
            return value
        warn(*(f"  {spot.label}: {problem}" for problem in problems))


def _ask(field: FormField, spot: Spot) -> Any:
    """One try: an object by its fields, a list by its items, anything else, and what is nested deeper, on one line."""
    if len(spot.way) <= NESTED_MAX and not field.choices and field.default is None:
        if field.type == "object" and field.schema.get("properties"):
            return _ask_nested(field, spot)
        items = field.schema.get("items")
        if field.type == "array" and isinstance(items, dict):
            return _ask_items(field, items, spot)
    return _ask_line(field, spot)


def _ask_nested(field: FormField, spot: Spot) -> Any:
    if field.description:
        warn(field.description)
    if not field.required and not agreed(f"{spot.label} (optional): fill it in?"):
        return _LEFT_OUT
    return _ask_fields(form_fields({**spot.definitions, **field.schema}), spot)


def _ask_items(field: FormField, items: dict[str, Any], spot: Spot) -> Any:
    """One after the other, until an empty line; a list that nothing was given for is left out."""
    if field.description:
        warn(field.description)
    whole = {**spot.definitions, "properties": {"item": items}}
    (item,) = form_fields(whole)
    found: list[Any] = []
    most = min(ITEMS_MAX, field.schema.get("maxItems", ITEMS_MAX))
    warn(f"{spot.label}: one item after the other; an empty line ends it")
    while len(found) < most:
        here = spot.below(str(len(found) + 1))
        if item.type == "object" and found and not agreed(f"{here.label}: one more?"):
            break
        value = _ask_until_it_fits(item, here)
        if value is _LEFT_OUT:
            break
        found.append(value)
    return found if found or field.required else _LEFT_OUT


def _ask_line(field: FormField, spot: Spot) -> Any:
    """`_LEFT_OUT` for an empty line of a field without a default."""
    is_secret = field.schema.get(KEYWORD) is True
    kind = field.type if not field.choices else "one or several, parted by commas" if field.multiple else ""
    if field.type in {"object", "array"} and not field.choices:
        kind = f"{field.type}, as JSON"
    hints = [kind, "" if field.required else "optional"]
    if field.default is not None:
        hints.append("default kept secret" if is_secret else f"default {json.dumps(field.default, ensure_ascii=False)}")
    told = ", ".join(hint for hint in hints if hint)
    if field.description:
        warn(field.description)
    for line in offered(field):
        warn(f"  {line}")
    prompt = f"{spot.label} ({told}):" if told else f"{spot.label}:"
    text = ask_secret(f"{prompt} (not shown)") if is_secret else ask(prompt)
    if not text:
        return _LEFT_OUT if field.default is None else field.default
    return _read(field, text)


def _read(field: FormField, text: str) -> Any:
    if field.choices:
        return chosen(field, text)
    if field.type == "boolean" and text.lower() in YES | NO:
        return text.lower() in YES
    return text if "string" in field.type.split("|") else plain_value(text)
