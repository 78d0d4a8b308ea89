"""What is generated from the language is fresh: the JSON Schema for editors, the table of codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from policy_samples import REFUNDS, loaded, policy

from hitl_fsm.policy.around_schema import roles_schema, routes_schema
from hitl_fsm.policy.codes import MEANINGS, Code
from hitl_fsm.policy.schema import policy_schema, policy_schema_text
from hitl_fsm.policy.source import parse
from hitl_fsm.policy.surrounding_files import read_surroundings

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
    assert is_valid(
        REFUNDS.replace(own, DESIGN_GATE).replace("on_error: deny", "on_error: {approval: {of: [role:cfo]}}")
    )
    for gate in (
        "allow",
        "[audit, confirm]",
        "{review: {of: bo}}",
        "{deny: {note: x}}",
        "review",
        "{approval: {stages: [{name: x, of: x}, {name: y, all_of: [x, {of: y, quorum: 2}], edit: {a: lower, b: {}}}]}}",
        "{approval: {any_of: [x], expires: 1h, reminders: 30m, calendar: c, on_expiry: [{escalate: y, quorum: 2}]}}",
        "{confirm: {edit: none, grant: {max: 1, for: 1h, scope: run, vary: [a], budget: {a: 1.5}}}}",
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
        policy("- {id: a, gate: {confirm: {on_expiry: allow}}}"),
        policy("- {id: a, gate: {external: {}}}"),
        policy("- {id: a, gate: {approval: {}}}"),
        policy("- {id: a, gate: {approval: {of: x, all_of: [y]}}}"),
        policy("- {id: a, gate: {approval: {stages: [{name: x}]}}}"),
        policy("- {id: a, gate: {approval: {of: x, edit: {a: higher}}}}"),
        policy("- {id: a, gate: {approval: {of: x, grant: {max: 1}}}}"),
        policy("- {id: a, gate: {approval: {of: x, grant: {max: 1, for: 1h, budget: {a: 1, b: 1}}}}}"),
        policy("- {id: a, gate: {user_input: {of: [bo]}}}"),
        policy("- {id: a, gate: deny, examples: {matches: []}}"),
        policy("- {id: a, gate: deny, examples: {match: [{arg: {}}]}}"),
        policy("- {id: a, gate: deny, severity: extreme}"),
        policy("- {id: a b, gate: deny}"),
        policy(head="on_error: approval"),
        policy(head="on_error: allow"),
        policy(head="on_error: {confirm: {}}"),
        policy(head="steps: []"),
        policy(head="agents: [3]"),
        policy(head="mode: shadows"),
        policy(head="batch: yes"),
        policy(head="on_change: ignore"),
        policy(tools="'pay?'"),
        "kind: Policy",
    ],
)
def test_the_schema_refuses_what_the_language_refuses(text: str) -> None:
    assert not is_valid(text)


STARTERS = sorted((ROOT / "policies").rglob("*.policy.yaml"))


def test_there_are_starters_to_look_at() -> None:
    assert len(STARTERS) >= 5


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.name)
def test_an_editor_finds_the_schema_of_each_starter_and_nothing_wrong_with_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    modeline = text.splitlines()[0]
    assert modeline.startswith("# yaml-language-server: $schema=")
    named = (path.parent / modeline.partition("=")[2]).resolve()
    assert named == ROOT / "schemas" / "policy.schema.json"
    schema = json.loads(named.read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(value_of(text))] == []


def test_what_an_editor_inserts_for_a_rule_is_a_rule() -> None:
    for snippet in policy_schema()["properties"]["rules"]["items"]["defaultSnippets"]:
        body = re.sub(r"\$\{\d:([^}]*)\}", r"\1", json.dumps(snippet["body"]))
        rule = {**json.loads(body), "examples": {}}
        loaded(policy(f"- {json.dumps(rule)}"))
        assert is_valid(policy(f"- {json.dumps(rule)}"))


@pytest.mark.parametrize(
    ("schema", "kind", "right", "wrong"),
    [
        (routes_schema(), "Routes", "{routes: {bank: {description: x}}}", "{routes: {bank: {}}}"),
        (routes_schema(), "Routes", "{owner: o, description: d, routes: {}}", "{routes: {a b: {description: x}}}"),
        (routes_schema(), "Routes", "{routes: {a.b: {description: x}}}", "{routes: [bank]}"),
        (roles_schema(), "Roles", "{roles: {a: {members: bo}}}", "{roles: {a: {member: bo}}}"),
        (roles_schema(), "Roles", "{roles: {a: {groups: [g]}}, groups: {g: {}}}", "{roles: {a: [bo]}}"),
        (roles_schema(), "Roles", "{roles: {}}", "{roles: {a: {members: []}}}"),
    ],
)
def test_the_schemas_of_routes_and_roles_take_what_the_language_takes(
    schema: dict[str, Any], kind: str, right: str, wrong: str
) -> None:
    Draft202012Validator.check_schema(schema)
    for text, is_right in ((right, True), (wrong, False)):
        whole = f"{{apiVersion: hitl-fsm/v1, kind: {kind}, {text[1:]}"
        assert Draft202012Validator(schema).is_valid(value_of(whole)) is is_right
        files = {"f": whole.encode()}
        _, found = read_surroundings(files, {}) if kind == "Routes" else read_surroundings({}, files)
        assert (found == ()) is is_right


def test_every_field_is_described_and_what_is_not_enforced_says_so() -> None:
    schema = policy_schema()
    for one in (schema, routes_schema(), roles_schema()):
        for name, part in {"": one, **one["$defs"]}.items():
            for key, field in part.get("properties", {}).items():
                assert len(field.get("description", "")) >= 20, f"{name}.{key}"
    external = schema["$defs"]["ExternalGate"]["properties"]
    for key in ("calendar", "reminders"):
        assert "not enforced yet" in external[key]["description"].lower()
    assert "title" in schema
    assert "null" not in json.dumps(schema)


def test_every_code_has_its_row_in_the_docs_and_no_other() -> None:
    table = (ROOT / "docs" / "rules" / "README.md").read_text(encoding="utf-8")
    assert set(MEANINGS) == set(Code)
    rows = [line for line in table.splitlines() if line.startswith("| HF1")]
    assert rows == [f"| {code.value} | {row.meaning} | {row.remedy} |" for code, row in MEANINGS.items()]
