"""Tools and a policy around one condition, for the tests of the type check."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.load import check
from hitl_fsm.policy.surroundings import Surroundings, ToolShape

REFUND: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "count": {"type": "integer"},
        "currency": {"type": "string", "enum": ["EUR", "GBP"]},
        "kind": {"const": "refund"},
        "note": {"type": "string"},
        "memo": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "fast": {"type": "boolean", "default": False},
        "limit": {"type": "integer", "default": "none"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "card": {"$ref": "#/$defs/card"},
        "backup": {"anyOf": [{"$ref": "#/$defs/card"}, {"type": "null"}]},
        "either": {"type": ["integer", "string"]},
        "meta": {"type": "object", "additionalProperties": {"type": "string"}},
        "blob": {},
        "loop": {"$ref": "#/$defs/loop"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "odd": {"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]},
    },
    "required": [
        "amount", "count", "currency", "kind", "tags", "card", "backup", "either", "meta", "blob", "loop", "lines",
        "odd",
    ],
    "additionalProperties": False,
    "$defs": {
        "card": {
            "type": "object",
            "properties": {"number": {"type": "string"}, "cvc": {"type": "string", "default": "000"}},
            "required": ["number"],
        },
        "line": {
            "type": "object",
            "properties": {"price": {"type": "integer"}, "sale": {"type": "boolean"}},
            "required": ["price"],
        },
        "loop": {"$ref": "#/$defs/loop"},
    },
}  # fmt: skip
LISTING = {"type": "object", "properties": {"page": {"type": "integer"}}, "required": ["page"]}
TOOLS = {"pay.refund": ToolShape("pay.refund", REFUND), "pay.list": ToolShape("pay.list", LISTING)}
VARS = {"home": ["EUR", "USD"], "away": ["USD"], "max": 5, "limits": {"EUR": 10}}


def find(
    when: str | Sequence[str],
    *,
    unless: str | Sequence[str] = (),
    tools: str | Sequence[str] = "pay.refund",
    catalogue: Mapping[str, ToolShape] = TOOLS,
) -> tuple[Diagnostic, ...]:
    rule = {"id": "r", "when": when, "unless": unless or [], "gate": "confirm"}
    policy = {"apiVersion": "hitl-fsm/v1", "kind": "Policy", "name": "p", "owner": "o", "vars": VARS, "tools": tools}
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in policy.items())
    text += "\nrules:\n  - id: r\n" + "".join(
        f"    {key}: {json.dumps(rule[key], ensure_ascii=False)}\n" for key in ("when", "unless", "gate") if rule[key]
    )
    return check({"p": text.encode()}, lambda _: b"", Surroundings(catalogue)).findings
