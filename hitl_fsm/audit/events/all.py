"""The registry: each event by its name, the model of its whole line, and what does not fit it."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic.json_schema import models_json_schema

from hitl_fsm.audit.events import call, keeping, outgoing, people, policy, record_itself, requirement, run
from hitl_fsm.audit.events.base import FIRST_VERSION, Digest, Envelope

THEMES = MappingProxyType(
    {
        "Runs and models": run.EVENTS,
        "Calls": call.EVENTS,
        "Questions to people": requirement.EVENTS,
        "People and permissions": people.EVENTS,
        "Policies": policy.EVENTS,
        "The record itself": {**record_itself.EVENTS, **keeping.EVENTS},
        "What goes out": outgoing.EVENTS,
    }
)
"""The events by what they are about, in the order of the reference."""
EVENTS = MappingProxyType({name: kind for theme in THEMES.values() for name, kind in theme.items()})
"""Every event that may stand in the record."""

_PROBLEMS_TOLD = 5


class _Event(msgspec.Struct):
    event: str


_event = msgspec.json.Decoder(_Event)


@cache
def line_model(event: str) -> type[BaseModel]:
    """The model of an event's whole line; KeyError for what is no event of the record."""
    kind = EVENTS[event]
    more: dict[str, Any] = {"event": (Literal[event], ...)}
    if kind.model_fields:
        needed = any(field.is_required() for field in kind.model_fields.values())
        more["data"] = (kind, ... if needed else Field(default_factory=kind))
    if kind.CONTENTS:
        told = "; ".join(f"{name}: {meaning}" for name, meaning in kind.CONTENTS.items())
        what = f"Salted commitments (hex) to what is kept beside the line. {told}."
        described: Any = Field(default={}, description=what)
        more["contents"] = (dict[Literal[tuple(kind.CONTENTS)], Digest], described)  # type: ignore[misc]  # its names
    if kind.VERSION != FIRST_VERSION:
        more["v"] = (Literal[kind.VERSION], ...)
    else:
        more["v"] = (Literal[FIRST_VERSION], FIRST_VERSION)
    made: type[BaseModel] = create_model(f"{kind.__name__}Line", __base__=Envelope, __doc__=kind.__doc__, **more)
    return made


def problem_of(line: bytes) -> str:
    """Why these bytes are no line of the record, in a sentence; empty where they are one."""
    try:
        event = _event.decode(line).event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"it is no JSON object with an event: {error}"
    if event not in EVENTS:
        return f"there is no event {event!r}"
    try:
        line_model(event).model_validate_json(line)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)[:_PROBLEMS_TOLD]
        told = (f"{'.'.join(map(str, one['loc'])) or 'the line'}: {one['msg']}" for one in found)
        return f"{event}: {'; '.join(told)}"
    return ""


def line_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each event's line, by event."""
    return {event: line_model(event).model_json_schema() for event in EVENTS}


def union_schema() -> dict[str, Any]:
    """The JSON Schema of any line."""
    models = {event: line_model(event) for event in EVENTS}
    named, whole = models_json_schema([(model, "validation") for model in models.values()])
    return {
        "description": "One stored line of the audit log: exactly one of its events.",
        "oneOf": [named[model, "validation"] for model in models.values()],
        **whole,
    }
