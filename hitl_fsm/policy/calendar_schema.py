"""`schemas/calendar.schema.json`, from the pydantic models."""

from __future__ import annotations

from typing import Any

from hitl_fsm.policy.calendar_documents import CalendarDocument
from hitl_fsm.policy.schema import plain_schema


def calendar_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one `*.calendar.yaml`."""
    body = plain_schema(CalendarDocument.model_json_schema(by_alias=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:hitl-fsm:schema:calendar:v1",
        "title": "hitl-fsm calendar",
        **body,
    }
