"""Law 9 at the edge of the house: what a route says of its results holds, whatever policy names it, now and later."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Agent, Engine
from hitl_fsm.errors import AnswerRefused, PolicyError
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Report
from hitl_fsm.model.states import RunState
from hitl_fsm.model.verdict import External
from hitl_fsm.policy.load import restore
from hitl_fsm.runtime.policies import in_force
from house import House, call, calls, policy_text

PAY = [calls(call("pay", to="bob", amount=5))]
RULES = """
- id: out
  tools: [pay]
  gate: {external: {route: bank, result_schema: {type: object, required: [tx]}}}
"""
LATER = "- {id: out, tools: [pay], gate: [confirm, {external: {route: bank}}]}"
BANK = "{type: object, properties: {tx: {type: string}, fee: {type: number, maximum: 5}}}"
FREE = "{type: object}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_force, "SETTLE_S", 0.001)
    monkeypatch.setattr(in_force, "PAUSE_PER_LOOK", 0)


def folder(house: House) -> Path:
    made: Path = house.folder / "policies"
    made.mkdir(exist_ok=True)
    return made


def write_route(house: House, schema: str) -> None:
    told = (
        f"  bank: {{description: Sends money., result_schema: {schema}}}\n" if schema else "  bank: {description: x}\n"
    )
    (folder(house) / "all.routes.yaml").write_text(f"apiVersion: hitl-fsm/v1\nkind: Routes\nroutes:\n{told}")


def engine_of(house: House, rules: str = RULES, schema: str = BANK, extra: str = "") -> Engine:
    (folder(house) / "pay.policy.yaml").write_bytes(policy_text(rules, extra=extra))
    write_route(house, schema)
    return process(house)


def process(house: House) -> Engine:
    """A new one, with the files as they are."""
    engine = Engine(folder(house), house.url, actors=house.actors, clock=house.clock, reload=0)
    house.engines.append(engine)
    return engine


def asked(house: House, engine: Engine) -> tuple[Agent, Any]:
    agent = house.agent(engine, PAY)
    return agent, agent.run("go", user="alice")


def sizes(engine: Engine, run_id: str) -> tuple[int, int]:
    return len(engine.runs.events(run_id)), len(engine.audit.records())


def test_law09_a_result_must_fit_the_gate_and_its_route(house: House) -> None:
    engine = engine_of(house)
    agent, run = asked(house, engine)
    (requirement,) = run.active_requirements
    assert [sorted(one) for one in requirement.result_schemas] == [["required", "type"], ["properties", "type"]]
    before = sizes(engine, run.run_id)
    wrong: list[tuple[Any, list[str]]] = [
        ({"tx": 5, "fee": 9}, ["tx: 5 is not of type 'string'", "fee: 9 is greater than the maximum of 5"]),
        ({"fee": 9}, ["tx: is required", "fee: 9 is greater than the maximum of 5"]),
        ("done", ["'done' is not of type 'object'"]),
    ]
    for result, reasons in wrong:
        with pytest.raises(AnswerRefused, match="route bank") as refused:
            requirement.set_external_execution_result(result, by="worker-1")
        assert sorted(one.removeprefix("(the value): ") for one in refused.value.problems) == sorted(reasons)
        assert sizes(engine, run.run_id) == before
    requirement.set_external_execution_result({"tx": "T1", "fee": 2}, by="worker-1")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.said_to_model(engine, run.run_id) == ['{"tx":"T1","fee":2}']
    assert house.effects == []


def test_law09_a_system_that_failed_has_no_result_and_the_model_is_told_why(house: House) -> None:
    engine = engine_of(house)
    agent, run = asked(house, engine)
    (requirement,) = run.active_requirements
    before = sizes(engine, run.run_id)
    for error in ("", "  ", "x" * 4_097):
        with pytest.raises(AnswerRefused, match="no text of 1 to"):
            requirement.set_external_execution_error(error, by="worker-1")
    assert sizes(engine, run.run_id) == before
    requirement.set_external_execution_error("the account is closed", by="worker-1", note="by phone")
    assert agent.continue_run(run).state is RunState.DONE
    (said,) = house.said_to_model(engine, run.run_id)
    assert "the account is closed" in said
    assert house.effects == []


def test_law09_a_result_instead_of_the_call_must_fit_too(house: House) -> None:
    engine = engine_of(house, LATER)
    _, run = asked(house, engine)
    with pytest.raises(AnswerRefused, match="route bank"):
        run.active_requirements[0].respond({"fee": 9})
    assert run.active_requirements[0].respond({"fee": 1}).active_requirements == []


def test_law09_a_process_without_the_routes_still_holds_to_them(house: House) -> None:
    _, run = asked(house, engine_of(house))
    (requirement,) = run.active_requirements
    other = house.engine("- {id: all, gate: deny}")
    with pytest.raises(AnswerRefused, match="fee: 9"):
        other.resolve(requirement.id, Report({"tx": "T1", "fee": 9}), by="worker-1")
    assert other.resolve(requirement.id, Report({"tx": "T1"}), by="worker-1").active_requirements == []


@pytest.mark.parametrize(("now", "held"), [("", ["fee"]), (FREE, ["fee"]), ("{required: [to]}", ["fee", "to"])])
def test_law15_a_route_that_changes_in_a_pause_only_asks_for_more(house: House, now: str, held: list[str]) -> None:
    engine = engine_of(house, LATER)
    agent, run = asked(house, engine)
    was = engine.policies.digest
    write_route(house, now)
    run.active_requirements[0].confirm()
    run = agent.continue_run(run)
    assert engine.policies.digest != was, "a changed route is a changed set"
    (requirement,) = run.active_requirements
    assert requirement.is_external_tool_execution
    with pytest.raises(AnswerRefused) as refused:
        requirement.set_external_execution_result({"fee": 9}, by="worker-1")
    assert [name for name in ("fee", "to") if any(one.startswith(name) for one in refused.value.problems)] == held
    requirement.set_external_execution_result({"fee": 1, "to": "bob"}, by="worker-1")
    assert agent.continue_run(run).state is RunState.DONE


def test_law15_a_pinned_call_holds_to_the_route_of_then(house: House) -> None:
    engine = engine_of(house, LATER, extra="on_change: pin")
    agent, run = asked(house, engine)
    write_route(house, "{required: [to]}")
    run.active_requirements[0].confirm()
    run = agent.continue_run(run)
    (requirement,) = run.active_requirements
    with pytest.raises(AnswerRefused, match="fee"):
        requirement.set_external_execution_result({"fee": 9}, by="worker-1")
    assert requirement.set_external_execution_result({"fee": 1}, by="worker-1").active_requirements == []


def test_law05_what_a_reader_does_to_a_verdict_loosens_nothing(house: House) -> None:
    engine = engine_of(house, LATER)
    asked_for = {"to": "bob", "amount": 5.0}
    for _ in range(2):
        gate = engine.evaluate("pay", asked_for, user="alice").gates[-1]
        assert isinstance(gate, External)
        assert gate.route_schemas[0]["properties"]["fee"]["maximum"] == 5
        gate.route_schemas[0].clear()


def test_law05_what_was_decided_by_is_in_the_store_whole(house: House) -> None:
    engine = engine_of(house)
    asked(house, engine)
    text = asyncio.run(engine.store.policies(engine.policies.digest)) or ""
    again = restore(text, digest=engine.policies.digest)
    (gate,) = again.evaluate(Action("pay", {"to": "bob", "amount": 5}, Actor("alice"), 0)).gates
    assert isinstance(gate, External)
    assert gate.result_schemas[1]["properties"]["fee"] == {"type": "number", "maximum": 5}
    for damaged in (text.replace('"maximum":5', '"maximum":9'), text.replace('"version":2', '"version":1')):
        assert damaged != text
        with pytest.raises(PolicyError):
            restore(damaged, digest=engine.policies.digest)


@pytest.mark.parametrize("broken", ["{type: 5}", "{$ref: gone.schema.json}", "{pattern: '('}", "5", "{type: object"])
def test_law06_a_route_that_does_not_load_lets_no_engine_start_and_no_set_take_over(house: House, broken: str) -> None:
    engine = engine_of(house)
    before = engine.policies.digest
    write_route(house, broken)
    with pytest.raises(PolicyError) as refused:
        process(house)
    assert {one.place.file.rpartition("/")[2] for one in refused.value.diagnostics} == {"all.routes.yaml"}
    assert all(one.place.line >= 4 for one in refused.value.diagnostics)
    _, run = asked(house, engine)
    assert engine.policies.digest == before
    with pytest.raises(AnswerRefused, match="fee"):
        run.active_requirements[0].set_external_execution_result({"tx": "T", "fee": 9}, by="worker-1")


SILENT = "- {id: out, tools: [pay], gate: {external: {route: bank, silent: true}}}"


def test_law09_a_silent_call_waits_like_any_other_and_takes_no_bad_result(house: House) -> None:
    engine = engine_of(house, SILENT)
    agent = house.agent(engine, PAY)
    last = list(agent.run("go", user="alice", stream=True))[-1]
    assert (last.event, last.is_paused) == ("RunPaused", True)
    (requirement,) = last.active_requirements
    assert (requirement.is_silent, requirement.is_external_tool_execution) == (True, True)
    assert [one.requirement_id for one in engine.inbox.list()] == [requirement.id]
    with pytest.raises(AnswerRefused, match="fee"):
        requirement.set_external_execution_result({"fee": 9}, by="worker-1")
    requirement.set_external_execution_result({"fee": 1}, by="worker-1")
    assert agent.continue_run(run_id=last.run_id).state is RunState.DONE


def test_a_call_that_one_rule_wants_announced_is_announced(house: House) -> None:
    loud = "- {id: loud, when: args.amount > 3, tools: [pay], gate: {external: {route: bank}}}"
    _, run = asked(house, engine_of(house, f"{SILENT}\n{loud}"))
    assert [one.is_silent for one in run.active_requirements] == [False]
