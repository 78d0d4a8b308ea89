"""A form at the terminal: field by field, each checked as it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hitl_fsm.cli.choosing import chosen, offered
from hitl_fsm.cli.output import show, warn
from hitl_fsm.cli.page import Field, Fields, Page
from hitl_fsm.cli.terminal import ask
from hitl_fsm.cli.values import plain_value
from hitl_fsm.errors import AnswerRefused
from hitl_fsm.policy.form import form

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.presentation import FormField, Presentation

YES = {"y", "yes", "true"}
NO = {"n", "no", "false"}

_LEFT_OUT = object()


def ask_form(session: Session, shown: Presentation) -> dict[str, Any]:
    """The values of a form; optional fields that were left empty are not in it."""
    import sys  # noqa: PLC0415 - as it is used

    facts = (Field("question", shown.asks, "strong"), Field("for", f"{shown.tool} of {shown.run}"))
    show(session, Page((Fields(facts),)), sys.stderr)
    whole = shown.form_schema or {}
    alone: dict[str, Any] = {key: whole[key] for key in ("type", "properties", "$defs", "definitions") if key in whole}
    values: dict[str, Any] = {}
    for field in shown.fields:
        value = _ask_until_it_fits(field, alone)
        if value is not _LEFT_OUT:
            values[field.name] = value
    return values


def _ask_until_it_fits(field: FormField, schema: dict[str, Any]) -> Any:
    """The value of one field, which fits `schema`: the form without what ties its fields together."""
    while True:
        try:
            value = _ask_once(field)
        except AnswerRefused as unclear:
            warn(f"  {unclear.message}: {unclear.help}")
            continue
        if value is _LEFT_OUT:
            if not field.required:
                return value
            warn("  it is required")
            continue
        problems = form(schema).problems({field.name: value})
        if not problems:
            return value
        warn(*(f"  {problem}" for problem in problems))


def _ask_once(field: FormField) -> Any:
    """One try; `_LEFT_OUT` for an empty line of a field without a default."""
    kind = field.type if not field.choices else "one or several, parted by commas" if field.multiple else ""
    hints = [kind, "" if field.required else "optional"]
    if field.default is not None:
        hints.append(f"default {json.dumps(field.default, ensure_ascii=False)}")
    told = ", ".join(hint for hint in hints if hint)
    if field.description:
        warn(field.description)
    for line in offered(field):
        warn(f"  {line}")
    text = ask(f"{field.name} ({told}):" if told else f"{field.name}:")
    if not text:
        return _LEFT_OUT if field.default is None else field.default
    return _read(field, text)


def _read(field: FormField, text: str) -> Any:
    if field.choices:
        return chosen(field, text)
    if field.type == "boolean" and text.lower() in YES | NO:
        return text.lower() in YES
    return text if field.type == "string" else plain_value(text)
