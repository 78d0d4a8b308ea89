"""`schemas/` is what `hitl-fsm schema --out schemas` writes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from hitl_fsm.cli.schemas import VALUES, RecordLine, file_name, file_text, schemas
from hitl_fsm.model.record import Record
from hitl_fsm.policy.catalogue import catalogue_of
from hitl_fsm.runtime.catalogue import tool_shapes
from hitl_fsm.runtime.presentation import presentation
from house import House, call, calls

FOLDER = Path(__file__).parents[3] / "schemas"
MADE = schemas()


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_file_is_fresh(name: str) -> None:
    written = (FOLDER / file_name(name)).read_text(encoding="utf-8")
    assert written == file_text(MADE[name]), "run: hitl-fsm schema --out schemas"


@pytest.mark.parametrize("name", sorted(MADE))
def test_it_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(MADE[name])
    assert MADE[name]["$id"] == f"urn:hitl-fsm:schema:{name}:v1"


def test_no_schema_file_is_left_over() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == {file_name(name) for name in MADE}


def test_a_record_line_is_a_record_with_its_place_in_the_chain() -> None:
    assert set(RecordLine.__struct_fields__) == {"seq", "prev", *Record.__struct_fields__}


def test_real_values_fit_their_schemas(house: House) -> None:
    engine = house.engine("- {id: all, gate: confirm}")
    run = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    (requirement,) = run.requirements
    stored = engine.runs.events(run.run_id)
    values = {
        "presentation": [presentation(requirement.value, run.value)],
        "requirement": [requirement.value],
        "run": [run.value],
        "entry": stored,
        "record": [msgspec.Raw(line.body) for line in engine.audit.records()],
        "tools": [catalogue_of(tool_shapes(engine).values())],
    }
    assert set(values) == set(VALUES)
    for name, several in values.items():
        validator = Draft202012Validator(MADE[name])
        for value in several:
            validator.validate(json.loads(msgspec.json.encode(value)))
