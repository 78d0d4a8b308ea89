"""`kind: Calendar` as pydantic models: what a `*.calendar.yaml` may say.

The descriptions are written for the file's author; they become `schemas/calendar.schema.json`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from hitl_fsm.policy.fields import Model, Name, Text, listed, one_or_list

MAX_DATES = 1_000
"""Dates under `closed`, and under `open`."""
MAX_WINDOWS = 24
"""Open times of one day."""
MAX_HOLIDAYS = 10
"""Countries, or parts of them, whose holidays one calendar keeps."""
_WORD_MAX = 100

_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
DAYS_PATTERN = rf"^{_DAY}(-{_DAY})?$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
WINDOW_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
HOLIDAYS_PATTERN = r"^[A-Z]{2}(-[^\s].*)?$"

Word = Annotated[str, StringConstraints(min_length=1, max_length=_WORD_MAX)]
_WINDOW = {"type": "string", "pattern": WINDOW_PATTERN, "examples": ["09:00-18:00", "00:00-24:00"]}
_WINDOWS = {"anyOf": [_WINDOW, {"type": "array", "items": _WINDOW, "maxItems": MAX_WINDOWS}]}
_DATE = {"type": "string", "pattern": DATE_PATTERN, "examples": ["2026-12-24"]}
_HOLIDAYS = {"type": "string", "pattern": HOLIDAYS_PATTERN, "examples": ["ES", "ES-MD", "US-CA"]}


def _by(pattern: str) -> WithJsonSchema:
    """A mapping whose keys fit a pattern, to open times."""
    return WithJsonSchema({"type": "object", "patternProperties": {pattern: _WINDOWS}, "additionalProperties": False})


Windows = Annotated[list[Word], BeforeValidator(listed), Field(max_length=MAX_WINDOWS)]


class CalendarDocument(Model):
    """When work is done somewhere; policies name it under `calendar`."""

    api_version: Literal["hitl-fsm/v1"] = Field(
        alias="apiVersion", description="The version of the language: `hitl-fsm/v1`."
    )
    kind: Literal["Calendar"] = Field(description="What this file is: `Calendar`.")
    name: Name = Field(description="What policies call it: `madrid`, for `calendar: madrid`.")
    owner: Text | None = Field(None, description="Who answers for it, such as `hr@example.com`.")
    description: Text | None = Field(None, description="What it is for, in a sentence.")
    timezone: Word = Field(description="Whose clock on the wall counts: a name such as `Europe/Madrid`, or `UTC`.")
    hours: Annotated[dict[Word, Windows], _by(DAYS_PATTERN)] = Field(
        description='When it is open, by day: `{mon-thu: ["09:00-13:00", "14:00-18:00"], fri: "09:00-15:00"}`.'
    )
    holidays: Annotated[
        list[Word], BeforeValidator(listed), Field(max_length=MAX_HOLIDAYS), one_or_list(_HOLIDAYS, MAX_HOLIDAYS)
    ] = Field([], description="Whose public holidays it keeps: a country, `ES`, or a part of one, `ES-MD`.")
    closed: Annotated[
        list[Word], BeforeValidator(listed), Field(max_length=MAX_DATES), one_or_list(_DATE, MAX_DATES)
    ] = Field([], description="Dates on which it is closed as well: `[2026-12-24, 2026-12-31]`.")
    open: Annotated[dict[Word, Windows], Field(max_length=MAX_DATES), _by(DATE_PATTERN)] = Field(
        {}, description='Dates with hours of their own, holidays or not: `{2026-12-26: "10:00-14:00"}`.'
    )
