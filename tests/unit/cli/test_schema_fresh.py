"""`schemas/` is what `hitl-fsm schema --out schemas` writes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from hitl_fsm.audit.events.base import Envelope
from hitl_fsm.cli.policies.schemas import VALUES, file_name, file_text, schemas
from hitl_fsm.model.record import Record
from hitl_fsm.policy.catalogue import catalogue_of
from hitl_fsm.runtime.presenting.presentation import presentation
from hitl_fsm.runtime.tools.catalogue import tool_shapes
from house import House, call, calls

FOLDER = Path(__file__).parents[3] / "schemas"
FILES = {str(file.relative_to(FOLDER)) for file in [*FOLDER.glob("*.json"), *(FOLDER / "record").glob("*.json")]}
NAMES = sorted(file.removesuffix(file_name("")) for file in FILES)


@cache
def made() -> dict[str, dict[str, Any]]:
    return schemas()


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_fresh(name: str) -> None:
    written = (FOLDER / file_name(name)).read_text(encoding="utf-8")
    assert written == file_text(made()[name]), "run: hitl-fsm schema --out schemas"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(made()[name])
    versioned = name.replace("/", ":").replace(".v", ":v") if "/" in name else f"{name}:v1"
    assert made()[name]["$id"] == f"urn:hitl-fsm:schema:{versioned}"


def test_no_schema_file_is_left_over() -> None:
    assert {file_name(name) for name in made()} == FILES


def test_a_record_line_is_a_record_with_its_place_in_the_chain() -> None:
    ends_there = {"data", "contents", "subject"}  # by event, or not in the line
    assert set(Envelope.model_fields) == {"seq", "prev", *Record.__struct_fields__} - ends_there


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
    assert set(values) == {*VALUES, "record"}
    for name, several in values.items():
        validator = Draft202012Validator(made()[name])
        for value in several:
            validator.validate(json.loads(msgspec.json.encode(value)))
