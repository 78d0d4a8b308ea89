"""What is generated from the language is fresh: the JSON Schema for editors, the table of codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from policy_samples import REFUNDS, policy

from hitl_fsm.policy.codes import MEANINGS, Code
from hitl_fsm.policy.schema import policy_schema, policy_schema_text
from hitl_fsm.policy.source import parse

ROOT = Path(__file__).parents[3]
DESIGN_GATE = (
    "approval: {of: [role:finance], quorum: 2, not: [requester], expires: 4h, on_expiry: {escalate: [role:cfo]}}"
)


def value_of(text: str) -> Any:
    parsed = parse(text.encode(), "f")
    assert parsed.root is not None
    return parsed.root.value


def is_valid(text: str) -> bool:
    return Draft202012Validator(policy_schema()).is_valid(value_of(text))


def test_the_schema_file_is_fresh() -> None:
    Draft202012Validator.check_schema(policy_schema())
    assert (ROOT / "schemas" / "policy.schema.json").read_text(encoding="utf-8") == policy_schema_text()


def test_the_schema_takes_the_example_of_the_design_and_all_gates() -> None:
    assert is_valid(REFUNDS)
    own = "approval: {of: [role:finance], not: [requester], expires: 4h, on_expiry: deny}"
    assert own in REFUNDS
    assert is_valid(REFUNDS.replace(own, DESIGN_GATE).replace("on_error: deny", "on_error: {approval: {of: [role:cfo]}}"))
    for gate in (
        "allow",
        "[audit, confirm]",
        "{review: {of: bo}}",
        "{deny: {note: x}}",
        "review",
        "{approval: {stages: [{of: x}]}}",
    ):
        assert is_valid(policy(f"- {{id: a, gate: {gate}}}"))


@pytest.mark.parametrize(
    "text",
    [
        policy(head="defualt: deny"),
        policy(head="default: no"),
        policy(head="owner: "),
        policy("- {id: a}"),
        policy("- {id: a, gate: alow}"),
        policy("- {id: a, gate: {}}"),
        policy("- {id: a, gate: {confirm: {}, deny: {note: x}}}"),
        policy("- {id: a, gate: {confirm: }}"),
        policy("- {id: a, gate: [confirm, {aproval: {}}]}"),
        policy("- {id: a, gate: deny, when: []}"),
        policy("- {id: a, gate: {confirm: {expires: 5}}}"),
        "kind: Policy",
    ],
)
def test_the_schema_refuses_what_the_language_refuses(text: str) -> None:
    assert not is_valid(text)


def test_every_field_is_described_and_what_is_not_enforced_says_so() -> None:
    schema = policy_schema()
    for name, part in {"": schema, **schema["$defs"]}.items():
        for key, field in part.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"
    approval = schema["$defs"]["ApprovalGate"]["properties"]
    for key in ("quorum", "stages", "grant", "reminders", "on_expiry"):
        assert "not enforced yet" in approval[key]["description"].lower()
    assert "title" in schema
    assert "null" not in json.dumps(schema)


def test_every_code_has_its_row_in_the_docs_and_no_other() -> None:
    table = (ROOT / "docs" / "rules" / "README.md").read_text(encoding="utf-8")
    assert set(MEANINGS) == set(Code)
    rows = [line for line in table.splitlines() if line.startswith("| HF1")]
    assert rows == [f"| {code.value} | {row.meaning} | {row.remedy} |" for code, row in MEANINGS.items()]
