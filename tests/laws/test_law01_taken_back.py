"""Law 1 when a yes is taken back while a later gate is asked: that one waits until the first is passed again."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.errors import AlreadyResolved
from hitl_fsm.model.dispatch import Handover, Outcome, Taken
from hitl_fsm.model.states import RequirementState, RunState
from house import House, call, calls

PAY = [calls(call("pay", to="bob", amount=5))]
OUT = "- {id: out, tools: [pay], gate: [confirm, {external: {route: bank}}]}"
FORM = """
- id: form
  tools: [pay]
  gate: [confirm, {user_input: {schema: {type: object, properties: {memo: {type: string}}, required: [memo]}}}]
"""


class Bank:
    """It takes what it is handed, and will call back."""

    idempotent = False

    def __init__(self) -> None:
        self.given: list[Handover] = []

    async def hand_over(self, handover: Handover) -> Outcome:
        self.given.append(handover)
        return Taken()


def asked_for_the_second(house: House, rules: str, **options: Any) -> tuple[Engine, Any, Any]:
    """The engine, the first question, answered with yes, and the second one, open."""
    engine = house.engine(rules, **options)
    run = house.agent(engine, PAY).run("go", user="alice")
    (first,) = run.active_requirements
    first.confirm(by="alice")
    (second,) = engine.advance(run.run_id).active_requirements
    return engine, first, second


def test_law01_nothing_is_reported_of_a_call_whose_yes_was_taken_back(house: House) -> None:
    engine, first, second = asked_for_the_second(house, OUT)
    first.revoke(by="alice")
    with pytest.raises(AlreadyResolved):
        second.set_external_execution_result("done", by="maria")
    (again,) = engine.runs.get(first.value.run_id).active_requirements
    assert (again.kind, engine.inbox.get(second.id).state) == ("confirm", RequirementState.SUPERSEDED)
    again.confirm(by="alice")
    (last,) = engine.advance(first.value.run_id).active_requirements
    last.set_external_execution_result("done", by="maria")
    assert engine.advance(first.value.run_id).state is RunState.DONE


def test_law01_nothing_is_handed_over_whose_yes_was_taken_back(house: House) -> None:
    bank = Bank()
    engine, first, _ = asked_for_the_second(house, OUT, routes={"bank": bank})
    first.revoke(by="alice")
    engine.routes.dispatch()
    assert bank.given == []


def test_law03_what_was_handed_over_before_a_yes_was_taken_back_is_not_handed_over_again(house: House) -> None:
    bank = Bank()
    engine, first, _ = asked_for_the_second(house, OUT, routes={"bank": bank})
    engine.routes.dispatch()
    first.revoke(by="alice")
    (again,) = engine.runs.get(first.value.run_id).active_requirements
    again.confirm(by="alice")
    (last,) = engine.advance(first.value.run_id).active_requirements
    engine.routes.dispatch()
    assert len(bank.given) == 1
    assert last.is_external_tool_execution
    assert [one.requirement_id for one in engine.routes.stranded()] == [last.id]


def test_law01_a_form_is_not_asked_for_while_the_yes_before_it_was_taken_back(house: House) -> None:
    engine, first, second = asked_for_the_second(house, FORM)
    first.revoke(by="alice")
    (again,) = engine.runs.get(first.value.run_id).active_requirements
    assert (again.kind, engine.inbox.get(second.id).state) == ("confirm", RequirementState.SUPERSEDED)
