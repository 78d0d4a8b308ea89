"""`schemas/routes.schema.json` and `schemas/roles.schema.json`, from the pydantic models."""

from __future__ import annotations

from typing import Any

from hitl_fsm.policy.around_documents import RolesDocument, RoutesDocument
from hitl_fsm.policy.fields import Model
from hitl_fsm.policy.schema import plain_schema


def routes_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one `*.routes.yaml`."""
    return _schema_of(RoutesDocument, "routes")


def roles_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one `*.roles.yaml`."""
    return _schema_of(RolesDocument, "roles")


def _schema_of(kind: type[Model], name: str) -> dict[str, Any]:
    body = plain_schema(kind.model_json_schema(by_alias=True))
    definitions = body.pop("$defs")
    for field in body["properties"].values():
        if "patternProperties" in field:  # names that are no names are refused
            field["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hitl-fsm:schema:{name}:v1",
        "title": f"hitl-fsm {name}",
        **body,
        "$defs": {one: definitions[one] for one in sorted(definitions)},
    }
