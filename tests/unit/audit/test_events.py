"""The models of the record's events: strict, closed, documented, and told as schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from pydantic import BaseModel

from hitl_fsm.audit.chain import GENESIS, seal
from hitl_fsm.audit.events.all import EVENTS, line_model, line_schemas, problem_of
from hitl_fsm.audit.events.base import Data
from hitl_fsm.audit.events.reference import page
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RequirementState, RunState
from house import House, call, calls

ROOT = Path(__file__).parents[3]
PAUSED = Record("run_paused", 7, Actor("alice"), "run_1", {"trigger": "gate_raised"})


def line(**changed: Any) -> bytes:
    return seal(msgspec.structs.replace(PAUSED, **changed), 1, GENESIS)[0]


def test_a_line_fits_its_model_and_nothing_else_does() -> None:
    assert problem_of(line()) == ""
    for bad, what in [
        (line(event="run_dreamt"), "no event 'run_dreamt'"),
        (line(data={"trigger": "gate_raised", "mood": "good"}), "data.mood"),
        (line(data={"trigger": "luck"}), "data.trigger"),
        (line(data={}), "data"),
        (line().replace(b'"at":7', b'"at":7,"contents":{"secret":"%s"}' % (b"0" * 64)), "contents"),
        (line().replace(b'"at":7', b'"at":7.0'), "at"),
        (line().replace(b'"at":7', b'"at":"7"'), "at"),
        (line().replace(b'"at":7', b'"at":-7'), "at"),
        (line().replace(b'"seq":1', b'"seq":0'), "seq"),
        (line().replace(b'"at":7', b'"at":7,"v":2'), "v"),
        (line().replace(b'"id":"alice"', b'"id":"alice","rank":1'), "by.rank"),
        (b"no line", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
    ]:
        assert what in problem_of(bad), bad[:80]


def test_a_float_fits_nowhere() -> None:
    schemas = json.dumps(line_schemas())
    assert '"type": "number"' not in schemas
    would = {"outcome": "gated", "gates": [{"type": "confirm", "patience": {"x": [1.5]}}]}
    data = {
        "call": "1.0",
        "tool": "pay",
        "digest": "",
        "outcome": "allow",
        "reasons": [],
        "policies": "",
        "would": would,
    }
    assert "would" in problem_of(line(event="call_judged", data=data))
    would["gates"] = [{"type": "confirm", "patience": {"x": [1]}}]
    assert problem_of(line(event="call_judged", data=data)) == ""


def test_each_state_of_a_question_and_each_that_a_run_comes_to_has_its_event() -> None:
    wanted = {f"requirement_{state.value}" for state in RequirementState if state is not RequirementState.OPEN}
    wanted |= {f"run_{state.value}" for state in RunState if state is not RunState.RUNNING}
    assert wanted <= set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_each_says_what_is_learned_from_it_and_names_what_it_is_committed_to(event: str) -> None:
    kind = EVENTS[event]
    assert kind.__doc__
    assert kind.__doc__ not in {Data.__doc__, BaseModel.__doc__}
    assert "__doc__" in vars(kind), "it does not borrow that of another event"
    assert kind.model_config["extra"] == "forbid"
    assert all(meaning and meaning[0].islower() for meaning in kind.CONTENTS.values())
    assert line_model(event).__doc__ == kind.__doc__


def test_the_reference_is_what_the_models_say() -> None:
    assert (ROOT / "docs/reference/record.md").read_text() == page()


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """Of a published schema; `test_schema_fresh` holds each to what a schema is, which takes ten times as long."""
    return jsonschema.Draft202012Validator(json.loads((ROOT / "schemas" / name).read_text()))


def test_lines_of_a_real_run_fit_the_published_schemas(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice", note="fine")
    agent.continue_run(run)
    any_line = validator("record.schema.json")
    lines = engine.audit.records()
    assert len(lines) > 10
    for one in lines:
        told = json.loads(one.body)
        own = validator(f"record/{told['event']}.v1.schema.json")
        own.validate(told)
        any_line.validate(told)
        with pytest.raises(jsonschema.ValidationError):
            own.validate({**told, "more": 1})


def test_writing_records_does_not_bring_pydantic(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from hitl_fsm.adapters.store.recording import encoded\n"
        "from hitl_fsm.model.record import Record\n"
        "from hitl_fsm.model.actor import Actor\n"
        "encoded(Record('run_paused', 1, Actor('a'), 'r', {'trigger': 'gate_raised'}))\n"
        "assert 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
