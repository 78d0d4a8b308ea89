"""Law 4: a recorded rejection holds whatever comes later; cancel beats a later yes."""

from __future__ import annotations

from contextlib import suppress

import pytest

from hitl_fsm.errors import AlreadyResolved, HitlError, RunEnded
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.states import RunState
from house import House, call, calls, policies, policy_text

SCRIPT = [calls(call("pay", to="bob", amount=5))]


def test_law04_a_rejection_stays_and_its_note_reaches_the_model(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    (requirement,) = run.active_requirements
    requirement.reject(by="alice", note="far too much")
    with pytest.raises(AlreadyResolved):
        requirement.confirm(by="alice")
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == []
    (told,) = house.said_to_model(engine, run.run_id)
    assert "far too much" in told
    assert "not executed" in told


def test_law04_a_policy_that_loses_its_gate_does_not_revive_a_rejected_call(house: House) -> None:
    agent = house.agent(house.engine(), SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].reject(by="alice")
    lenient = house.agent(house.engine(policies(policy_text("- {id: all, gate: allow}"))), SCRIPT)
    assert lenient.continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.effects == []


@pytest.mark.altered
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM requirement",
        "UPDATE requirement SET state = 'resolved'",
        "UPDATE requirement SET state = 'open'",
        "UPDATE run SET state = 'continuing'",
        "UPDATE call SET state = 'authorised'",
    ],
)
def test_law04_an_edited_database_does_not_revive_a_rejected_call(house: House, damage: str) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    requirement_id = run.active_requirements[0].id
    run.active_requirements[0].reject(by="alice")
    house.sql(damage)
    again = house.agent(house.engine(), SCRIPT)
    with pytest.raises(HitlError):
        again.engine.resolve(requirement_id, Approve(), by="alice")
    with suppress(HitlError):
        again.continue_run(run_id=run.run_id)
    assert house.effects == []


def test_law04_a_cancelled_run_never_executes(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    stale = engine.runs.get(run.run_id)
    engine.cancel(run.run_id, by="alice", reason="changed my mind")
    with pytest.raises(AlreadyResolved):
        stale.active_requirements[0].confirm(by="alice")
    assert agent.continue_run(run).state is RunState.CANCELLED
    with pytest.raises(RunEnded):
        engine.cancel(run.run_id)
    assert house.effects == []


def test_law04_a_run_cancelled_after_the_yes_executes_nothing(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    assert run.state is RunState.CONTINUING
    engine.cancel(run.run_id)
    assert agent.continue_run(run).state is RunState.CANCELLED
    assert house.effects == []
