"""Workflow files: what they may say, and each thing that is wrong with one, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hitl_fsm.policy.source import MAX_FILE_BYTES
from hitl_fsm.policy.workflows.read import WorkflowFile, read_workflow
from hitl_fsm.policy.workflows.schema import workflow_schema

HEAD = "apiVersion: hitl-fsm/v1\nkind: Workflow\nname: refunds\nsteps:\n"
EVERYTHING = (
    HEAD
    + """\
  - {step: check, run: "app:check", description: Looks the order up., on_reject: {retry: 2, then: skip}}
  - parallel: look
    steps:
      - {step: a, run: "app:a", on_error: ask}
      - {group: b, steps: {step: b1, run: "app:b"}, on_reject: skip}
  - condition: large
    when: app:is_large
    then: {step: ask, run: "app.agents:clerk", on_reject: {else: {step: tell, run: "app:tell"}}}
    otherwise: [{step: auto, run: "app:auto", on_error: {retry: 2}}]
  - {loop: polish, steps: [{step: write, run: "app:write"}], until: "app:good", max_iterations: 4}
  - {router: way, choices: [{step: x, run: "app:x"}, {step: y, run: "app:y"}], choose: "app:choose"}
"""
)


def read(steps: str) -> WorkflowFile:
    return read_workflow((HEAD + steps).encode(), "w.workflow.yaml")


def told(steps: str) -> list[str]:
    found = read(steps)
    assert found.document is None
    return [f"{one.place.line}:{one.place.column} {one.code} {one.message}" for one in found.findings]


def test_everything_that_can_be_said() -> None:
    found = read_workflow(EVERYTHING.encode(), "w.workflow.yaml")
    assert found.findings == ()
    assert found.document is not None
    assert [one.model_fields_set for one in found.document.steps][1] == {"parallel", "steps"}
    Draft202012Validator(workflow_schema()).validate(yaml.safe_load(EVERYTHING))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - {step: a, rum: app:a}", "5:15 HF106 unknown key `rum`"),
        ("  - {step: a}", "5:6 HF107 `run` is missing in this step"),
        ("  - {step: a, run: app.a}", "5:20 HF108 'app.a' is no import path; write it as module:name, such as"),
        ("  - {step: a, run: 'app:a', until: 'app:b'}", "5:29 HF106 a step has no `until`"),
        ("  - {loop: x, step: y, steps: []}", "5:31 HF108"),
        ("  - {loop: x, step: y, steps: [{step: a, run: 'a:b'}]}", "5:5 HF108 one node is both step and loop"),
        ("  - {description: hm}", "5:5 HF108 this node does not say what it is"),
        ("  - {step: 1a, run: 'app:a'}", "5:12 HF108 '1a' is not the name of a step"),
        ("  - {step: a, run: 'app:a', on_reject: fail}", "5:40 HF108 a rejected step does not fail"),
        ("  - {step: a, run: 'app:a', on_error: {retry: 0}}", "5:47 HF108"),
        ("  - {step: a, run: null}", "5:15 HF108 `run` has no value"),
        ("  - {step: a, run: 'app:a'}\n  - {step: a, run: 'app:b'}", "6:12 HF108 the name `a` stands twice"),
        (
            "  - {step: a, run: 'a:a', on_reject: {else: {step: a, run: 'a:b'}}}",
            "5:52 HF108 the name `a` stands twice",
        ),
        ("  []", "5:3 HF108"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(steps: str, expected: str) -> None:
    found = told(steps)
    assert found[0].startswith(expected), found


def test_what_is_no_workflow_at_all() -> None:
    for data in (b"", b"- a", b"a: [", b"\xff", b"kind: Policy\n", b"x" * (MAX_FILE_BYTES + 1)):
        found = read_workflow(data, "w.workflow.yaml")
        assert found.document is None
        assert found.findings


def test_import_paths_are_followed_only_where_somebody_does() -> None:
    data = (HEAD + "  - {condition: c, when: 'a:b', then: {step: s, run: 'a:c'}}").encode()
    assert read_workflow(data, "w").document is not None
    asked: list[str] = []

    def resolves(text: str) -> str | None:
        asked.append(text)
        return "there is no module 'a'" if text == "a:c" else None

    found = read_workflow(data, "w", resolves)
    assert (asked, found.document) == (["a:b", "a:c"], None)
    assert [(one.place.column, one.message) for one in found.findings] == [(54, "there is no module 'a'")]


def test_the_schema_in_the_repository_is_this_one() -> None:
    import json

    file = Path(__file__).parents[3] / "schemas" / "workflow.schema.json"
    assert json.loads(file.read_text(encoding="utf-8")) == workflow_schema()


@pytest.mark.parametrize("steps", ["  - {step: a}", "  - {loop: x, step: y, run: 'a:b', steps: {step: z, run: 'a:b'}}"])
def test_an_editor_sees_it_too(steps: str) -> None:
    assert list(Draft202012Validator(workflow_schema()).iter_errors(yaml.safe_load(HEAD + steps)))
