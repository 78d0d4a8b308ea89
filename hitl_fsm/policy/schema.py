"""`schemas/policy.schema.json`, from the pydantic models: what an editor offers and underlines in a policy."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from hitl_fsm.policy.document import PolicyDocument
from hitl_fsm.policy.document_gates import GATE_WORDS, WHO, ApprovalGate, GateMapping, StageEntry
from hitl_fsm.policy.fields import NotYet
from hitl_fsm.policy.shape import models_of

SCHEMA_ID = "urn:hitl-fsm:schema:policy:v1"
_LATER = "Not enforced yet: refused by name."
_WORDS = {
    "allow": "Nothing is asked. Like every rule that matches, it takes the place of the policy's `default`.",
    "audit": "Nothing is asked; the record is marked. Like every rule that matches, it takes the place of `default`.",
    "confirm": "The run's own user says yes or no.",
    "deny": "The action does not happen.",
    "review": "The run's own user looks at the output before the model does.",
}


def policy_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of one policy file. It refuses unknown keys; what it cannot say, `validate` says."""
    schema = PolicyDocument.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.pop("$defs")
    _one_gate(definitions[GateMapping.__name__])
    _gate_words(definitions)
    for gate in (ApprovalGate, StageEntry):
        _one_who(definitions[gate.__name__])
    schema["properties"]["rules"]["items"] = {
        **schema["properties"]["rules"]["items"],
        "defaultSnippets": _RULE_SNIPPETS,
    }
    for model in _models(PolicyDocument, {}).values():
        target = schema if model is PolicyDocument else definitions.get(model.__name__)
        if target is not None:
            _mark_later(model, target)
    body = plain_schema(schema)
    body.pop("title", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "hitl-fsm policy",
        **body,
        "$defs": {name: plain_schema(definitions[name]) for name in sorted(definitions)},
    }


def policy_schema_text() -> str:
    """The content of `schemas/policy.schema.json`."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


_RULE_SNIPPETS = [
    {
        "label": "rule: confirm above a limit",
        "description": "The run's own user says yes or no, with examples that hold the limit in place.",
        "body": {
            "id": "${1:large}",
            "when": "${2:args.amount > 1000}",
            "gate": "confirm",
            "examples": {"match": [{"args": {}}], "not_match": [{"args": {}}]},
        },
    },
    {
        "label": "rule: approval by a role",
        "description": "Somebody with a role decides, never the one who asked, and not for ever.",
        "body": {
            "id": "${1:large}",
            "when": "${2:args.amount > 1000}",
            "gate": {"approval": {"of": ["role:${3:finance}"], "not": ["requester"], "expires": "${4:4h}"}},
        },
    },
    {
        "label": "rule: deny with a reason",
        "description": "It does not happen, and the model reads why.",
        "body": {"id": "${1:never}", "when": "${2:args.amount > 10000}", "gate": {"deny": {"note": "${3:why not}"}}},
    },
]
"""What an editor with the YAML language server inserts for a new rule."""


def _one_gate(mapping: dict[str, Any]) -> None:
    """A mapping names exactly one gate, and never null: the models' own `None` is no part of the language."""
    mapping["minProperties"] = mapping["maxProperties"] = 1


def _one_who(gate: dict[str, Any]) -> None:
    """Who approves is said in one of several ways."""
    gate["oneOf"] = [{"required": [key]} for key in WHO if key in gate["properties"]]


def _gate_words(definitions: dict[str, Any]) -> None:
    words = {"oneOf": [{"const": word, "description": _WORDS[word]} for word in GATE_WORDS]}
    item = {"anyOf": [words, {"$ref": f"#/$defs/{GateMapping.__name__}"}]}
    definitions["Gate"] = item
    gate = definitions["Rule"]["properties"]["gate"]
    definitions["Rule"]["properties"]["gate"] = {
        "description": gate["description"],
        "anyOf": [{"$ref": "#/$defs/Gate"}, {"type": "array", "items": {"$ref": "#/$defs/Gate"}, "minItems": 1}],
    }


def _models(model: type[BaseModel], known: dict[str, type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """The model and all that its fields use."""
    if model.__name__ not in known:
        known[model.__name__] = model
        for info in model.model_fields.values():
            for child in models_of(info.annotation):
                _models(child, known)
    return known


def _mark_later(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Say at each field what this release refuses."""
    for name, info in model.model_fields.items():
        for marker in info.metadata:
            if not isinstance(marker, NotYet):
                continue
            field = schema["properties"][info.alias or name]
            what = _LATER if not marker.word else f"`{marker.word}` is not enforced yet and refused by name."
            if not marker.word and info.annotation is int:
                what = "More than 1 is not enforced yet and refused by name."
            field["description"] = f"{field.get('description', '')} {what}".strip()


def plain_schema(node: Any) -> Any:
    """Without pydantic's generated titles, null defaults and nulls, which no author writes."""
    if isinstance(node, list):
        return [plain_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        key: {name: plain_schema(child) for name, child in value.items()}
        if key == "properties"
        else plain_schema(value)
        for key, value in node.items()
        if not (key == "default" and value in (None, [], {})) and not (key == "title" and isinstance(value, str))
    }
    options = plain.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        plain.pop("anyOf")
        plain = {**(rest[0] if len(rest) == 1 else {"anyOf": rest}), **plain}
    return plain
