"""`schemas/workflow.schema.json`, from the pydantic models."""

from __future__ import annotations

from typing import Any

from hitl_fsm.policy.schema import plain_schema
from hitl_fsm.policy.workflows.document import KINDS, WorkflowDocument

_NODE = {"$ref": "#/$defs/NodeEntry"}


def workflow_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one `*.workflow.yaml`."""
    body = plain_schema(WorkflowDocument.model_json_schema(by_alias=True))
    definitions = body.pop("$defs")
    for model in (body, *definitions.values()):
        for field in model["properties"].values():
            _one_or_several(field)
    definitions["NodeEntry"]["oneOf"] = [{"required": [kind, *keys.needs]} for kind, keys in KINDS.items()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:hitl-fsm:schema:workflow:v1",
        "title": "hitl-fsm workflow",
        **body,
        "$defs": {one: definitions[one] for one in sorted(definitions)},
    }


def _one_or_several(field: dict[str, Any]) -> None:
    """One node may be written without the list."""
    if field.get("items") == _NODE:
        several = {key: field.pop(key) for key in ("type", "items", "minItems", "maxItems")}
        field["anyOf"] = [_NODE, several]
