"""`schemas/policytest.schema.json`, from the pydantic models: what an editor offers and underlines in a test file."""

from __future__ import annotations

from typing import Any

from hitl_fsm.policy.schema import plain_schema
from hitl_fsm.policy.testing.document import PinnedGate, PolicyTestDocument

SCHEMA_ID = "urn:hitl-fsm:schema:policytest:v1"


def policytest_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one test file. It refuses unknown keys; what it cannot say, `hitl-fsm test` says."""
    schema = PolicyTestDocument.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.pop("$defs")
    gate = definitions[PinnedGate.__name__]
    gate["minProperties"] = gate["maxProperties"] = 1
    body = plain_schema(schema)
    body.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "hitl-fsm policy test",
        **body,
        "$defs": {name: plain_schema(definitions[name]) for name in sorted(definitions)},
    }
