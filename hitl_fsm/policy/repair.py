"""So that one wrong key does not hide the findings behind it: the wrong parts are taken out, the rest is checked.

What comes out is only good for finding more; it is never enforced.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from hitl_fsm.policy.document import PolicyDocument
from hitl_fsm.policy.document_gates import WHO
from hitl_fsm.policy.source import Path

MAX_ROUNDS = 4
_REQUIRED: dict[str, Any] = {"apiVersion": "hitl-fsm/v1", "kind": "Policy", "name": "unnamed"}
_ANY: dict[str, Any] = {"tools": "*", "steps": "*", "agents": "*"}


def repaired(value: dict[str, Any], error: ValidationError) -> PolicyDocument | None:
    """The document without its wrong parts, or None where nothing is left to check."""
    value = copy.deepcopy(value)
    for attempt in range(MAX_ROUNDS):
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            _take_out(value, found["loc"], found["type"], gently=attempt == 0)
        try:
            return PolicyDocument.model_validate(value)
        except ValidationError as again:
            error = again
    return None


def _take_out(value: dict[str, Any], path: Path, kind: str, *, gently: bool) -> None:
    """Remove what stands at `path`, or the smallest part around it that the document can do without.

    `gently` first tries to keep the rest of a gate.
    """
    key = path[0]
    if key != "rules" or len(path) == 1 or not isinstance(value.get("rules"), list):
        _replace(value, str(key), {**_REQUIRED, **_ANY})
        if key == "vars":  # conditions that use them would all look wrong
            for rule in _mappings(value.get("rules")):
                _without_conditions(rule)
        return
    index = path[1]
    if not isinstance(index, int) or index >= len(value["rules"]):
        return
    stand_in = {"id": f"rule.{index}", "gate": "deny"}
    rule = value["rules"][index]
    if not isinstance(rule, dict) or len(path) == 2:  # noqa: PLR2004 - the rule itself
        value["rules"][index] = stand_in
        return
    field = str(path[2])
    if field == "gate" and gently and kind != "missing" and _take_detail(rule[field], path[3:], kind):
        return
    _replace(rule, field, stand_in)
    if field in {"when", "unless", *_ANY} and kind != "extra_forbidden":  # the examples no longer mean what they did
        rule.pop("examples", None)


def _take_detail(gate: Any, path: Path, kind: str) -> bool:
    """Remove one detail of a gate; False where it is the gate itself that is wrong."""
    parents: list[tuple[dict[str, Any], str]] = []
    node = gate
    for element in path:  # what the value does not have is a name that pydantic gave to a branch
        if isinstance(node, dict) and element in node:
            parents.append((node, str(element)))
            node = node[element]
        elif isinstance(node, list) and isinstance(element, int) and element < len(node):
            node = node[element]
    if len(parents) < 2:  # noqa: PLR2004 - the gate's name, and the detail
        return False
    mapping, key = parents[1]
    mapping.pop(key)
    told = parents[0][1] == "approval" and not any(one in mapping for one in WHO)
    if told and (key in WHO or kind == "extra_forbidden"):  # or a misspelt `of`
        mapping["of"] = "nobody"
    return True


def _replace(mapping: dict[str, Any], key: str, stand_ins: dict[str, Any]) -> None:
    if key in stand_ins:
        mapping[key] = stand_ins[key]
    else:
        mapping.pop(key, None)


def _mappings(value: Any) -> Sequence[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _without_conditions(rule: dict[str, Any]) -> None:
    for key in ("when", "unless", "examples"):
        rule.pop(key, None)
