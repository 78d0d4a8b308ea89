"""Policies and actions for the tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import dedent, indent
from typing import Any

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import check, load

NOW = 1_767_225_600_000

REASON_FORM = {
    "type": "object",
    "properties": {"reason": {"type": "string", "minLength": 3}},
    "required": ["reason"],
}

# The example of the design, with one approver and without escalation.
REFUNDS = """\
# yaml-language-server: $schema=../../schemas/policy.schema.json
apiVersion: hitl-fsm/v1
kind: Policy
name: refunds
owner: treasury-compliance@example.com
description: Money that leaves us is seen by a person.
tools: [payments.refund, "payments.payout.*"]
mode: enforce
default: deny
on_error: deny
on_change: strictest
batch: in_order
vars: {home: [EUR, GBP]}
rules:
  - id: small
    tools: payments.refund
    when: args.currency in vars.home && args.amount > 0
    gate: allow
  - id: large
    severity: high
    tools: payments.refund
    when: args.amount > 1000
    unless: "'treasury-head' in user.roles"
    gate:
      - user_input: {schema: {$ref: ../../schemas/forms/refund-reason.schema.json}, of: [requester]}
      - approval: {of: [role:finance], not: [requester], expires: 4h, on_expiry: deny}
    examples:
      match: [{args: {amount: 1000.01, currency: EUR, order_id: o1}}]
      not_match: [{args: {amount: 1000, currency: EUR, order_id: o1}}]
  - id: sanctions
    tools: "payments.payout.*"
    gate: {external: {route: sanctions-screening, timeout: 30s, result_schema: {type: object}}}
"""
REFUNDS_FILE = "policies/refunds/refunds.policy.yaml"
FORM_FILE = "schemas/forms/refund-reason.schema.json"
SCHEMAS = {FORM_FILE: json.dumps(REASON_FORM).encode()}


def reader(files: Mapping[str, bytes]) -> Any:
    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path]

    return read


def policy(rules: str = "", *, name: str = "p", tools: str = "pay", head: str = "") -> str:
    """A document with these rules (YAML list items, any indentation)."""
    body = f"apiVersion: hitl-fsm/v1\nkind: Policy\nname: {name}\ntools: {tools}\n{dedent(head).strip()}\n"
    return body.replace("\n\n", "\n") + (f"rules:\n{indent(dedent(rules).strip(), '  ')}\n" if rules else "")


def loaded(*texts: str, schemas: Mapping[str, bytes] | None = None) -> PolicySet:
    return load({f"p{index}.policy.yaml": text.encode() for index, text in enumerate(texts)}, reader(schemas or {}))


def findings(*texts: str | bytes, schemas: Mapping[str, bytes] | None = None) -> list[Diagnostic]:
    files = {
        f"p{index}.policy.yaml": text if isinstance(text, bytes) else text.encode() for index, text in enumerate(texts)
    }
    found, _, policies, _ = check(files, reader(schemas or {}))
    assert (policies is None) == bool(found)
    return list(found)


def codes(*texts: str | bytes, schemas: Mapping[str, bytes] | None = None) -> list[tuple[str, int, int]]:
    return [(found.code, found.place.line, found.place.column) for found in findings(*texts, schemas=schemas)]


def action(
    args: dict[str, Any] | None = None, *, tool: str = "pay", user: str = "alice", roles: tuple[str, ...] = ()
) -> Action:
    return Action(tool, args or {}, Actor(user, roles), NOW, run_id="run_1", agent="support", env={"stage": "prod"})
