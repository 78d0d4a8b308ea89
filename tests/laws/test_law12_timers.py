"""Law 12: time never says yes. What is due fires once, after a restart too, and never before its time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hitl_fsm import tool
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls
from moments import HUNG_S

HOUR = 3_600_000
RULES = "- {id: all, gate: {approval: {of: [role:finance], expires: 1h}}}"
SCRIPT = [calls(call("pay", to="bob", amount=5))]


def timers(house: House) -> list[tuple[Any, ...]]:
    """The rows, read from outside."""
    return house.sql("SELECT run_id, about, kind, due_at FROM timer ORDER BY due_at")


def test_law12_a_question_that_expires_has_a_timer_until_it_is_closed(house: House) -> None:
    engine = house.engine(RULES)
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    (question,) = run.active_requirements
    assert timers(house) == [(run.run_id, question.id, "expiry", house.clock.now() + HOUR)]
    question.confirm(by="maria")
    assert timers(house) == []


def test_law12_cancelling_clears_the_timer(house: House) -> None:
    engine = house.engine(RULES)
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    engine.cancel(run.run_id, by="otto")
    assert timers(house) == []


def test_law12_nothing_fires_before_its_time_and_everything_once_after_it(house: House) -> None:
    engine = house.engine(RULES)
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    house.clock.advance(HOUR - 1)
    assert engine.sweep() == ()
    house.clock.advance(1)
    other = house.engine(RULES)
    fired = [timer.about for timer in (*engine.sweep(), *other.sweep(), *engine.sweep())]
    assert fired == [run.requirements[0].id]
    swept = engine.runs.get(run.run_id)
    assert swept.value.requirements[0].state is RequirementState.EXPIRED
    assert swept.value.calls[0].state is CallState.DENIED
    assert house.records(engine, run.run_id).count("requirement_expired") == 1
    assert house.effects == []


def test_law12_what_is_due_fires_after_a_restart_and_a_clock_that_stepped_back(house: House) -> None:
    first = house.engine(RULES)
    run = house.agent(first, SCRIPT).run("go", user="alice")
    house.clock.advance(-2 * HOUR)
    first.close()
    second = house.engine(RULES)
    agent = house.agent(second, SCRIPT)
    assert second.sweep() == (), "by this clock it is not time yet"
    house.clock.advance(3 * HOUR)
    assert len(second.sweep()) == 1
    house.clock.advance(-3 * HOUR)
    assert second.sweep() == (), "a clock that goes back does not fire it again"
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert house.said_to_model(second, run.run_id) == ["Nobody answered in time. It was not executed."]


def test_law12_a_sweeper_that_died_after_its_claim_loses_nothing(house: House) -> None:
    engine = house.engine(RULES)
    house.agent(engine, SCRIPT).run("go", user="alice")
    house.clock.advance(HOUR)
    dead = engine.parts.worker.split(":")
    dead[1] = "4194305"  # above every pid that Linux gives
    assert len(run_sync(engine.store.claim_timers(house.clock.now(), ":".join(dead)))) == 1
    assert len(engine.sweep()) == 1


def test_law12_a_claim_of_a_live_sweeper_keeps_others_off(house: House) -> None:
    engine, other = house.engine(RULES), house.engine(RULES)
    house.agent(engine, SCRIPT).run("go", user="alice")
    house.clock.advance(HOUR)
    assert len(run_sync(engine.store.claim_timers(house.clock.now(), engine.parts.worker))) == 1
    assert other.sweep() == ()


def test_law12_an_answer_before_the_timer_stands(house: House) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    house.clock.advance(2 * HOUR)
    assert engine.sweep() == ()
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


@pytest.mark.altered
def test_law12_one_damaged_run_does_not_hold_up_the_others(house: House) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    bad, good = agent.run("go", user="alice"), agent.run("go", user="alice")
    engine.close()
    house.sql("UPDATE event SET body = ? WHERE run_id = ? AND seq = 1", b"\0", bad.run_id)
    house.clock.advance(HOUR)
    assert [timer.run_id for timer in house.engine(RULES).sweep()] == [good.run_id]


def test_law12_a_timer_whose_question_is_closed_is_cleared_and_fires_nothing(house: House) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    (timer,) = house.sql("SELECT run_id, about, kind, due_at FROM timer")
    run.active_requirements[0].confirm(by="maria")
    (before,) = house.sql("SELECT version, fence, updated_at FROM run")
    house.sql(
        "INSERT INTO timer (run_id, about, kind, due_at, owner, claimed_until) VALUES (?, ?, ?, ?, '', 0)", *timer
    )
    house.clock.advance(HOUR)
    lines = len(engine.audit.records())
    assert run_sync(engine.store.health(house.clock.now())).overdue == 1
    assert engine.sweep() == ()
    assert timers(house) == []
    assert house.sql("SELECT version, fence, updated_at FROM run") == [before], "nobody who goes on is fenced"
    assert len(engine.audit.records()) == lines
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE


def test_law12_clearing_a_timer_leaves_who_advances_the_run_alone(house: House) -> None:
    engine = house.engine("- {id: all, gate: allow}")
    sweeper = house.engine()

    @tool
    def pay(to: str, amount: float) -> str:
        """Send money."""
        (row,) = house.sql("SELECT run_id FROM run")
        values = "VALUES (?, 'req_old-0001', 'expiry', 1, '', 0)"
        house.sql(f"INSERT INTO timer (run_id, about, kind, due_at, owner, claimed_until) {values}", *row)
        assert sweeper.sweep() == ()
        return "paid"

    assert house.agent(engine, SCRIPT, tools=[pay]).run("go", user="alice").state is RunState.DONE
    assert timers(house) == []


def test_law12_a_timer_that_was_put_forward_is_put_right_and_fires_in_its_time(house: House) -> None:
    engine = house.engine(RULES)
    house.agent(engine, SCRIPT).run("go", user="alice")
    right = timers(house)
    house.sql("UPDATE timer SET due_at = 1")
    assert engine.sweep() == ()
    assert timers(house) == right
    house.clock.advance(HOUR)
    assert [timer.about for timer in engine.sweep()] == [right[0][1]], "and nobody holds it"


def test_law12_a_clock_put_back_between_claim_and_look_does_not_fire(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = house.engine(RULES)
    house.agent(engine, SCRIPT).run("go", user="alice")
    claim = engine.store.claim_timers

    async def claimed(due_by: int, owner: str, *, limit: int = 100) -> Any:
        found = await claim(due_by, owner, limit=limit)
        house.clock.advance(-HOUR)
        return found

    monkeypatch.setattr(engine.store, "claim_timers", claimed)
    house.clock.advance(HOUR)
    assert engine.sweep() == ()
    assert len(timers(house)) == 1
    assert len(engine.inbox.list()) == 1


def test_law12_a_worker_sweeps_and_goes_on(house: House) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    expiring = agent.run("go", user="alice")
    house.clock.advance(HOUR)
    answered = agent.run("go", user="alice")
    answered.active_requirements[0].confirm(by="maria")

    async def is_done(run_id: str) -> bool:
        return (await engine.runs.aget(run_id)).state is RunState.DONE

    async def until_both_ended() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(engine.awork(stop, 0.01))
        async with asyncio.timeout(HUNG_S):
            for run_id in ids:
                while not await is_done(run_id):  # noqa: ASYNC110 - it ends in the store
                    await asyncio.sleep(0.01)
        stop.set()
        await worker

    ids = [expiring.run_id, answered.run_id]
    asyncio.run(until_both_ended())
    assert len(house.effects) == 1


def test_what_is_ready_is_continued_once_and_what_cannot_be_is_told(house: House) -> None:
    engine = house.engine("- {id: all, gate: confirm}")
    agent = house.agent(engine, SCRIPT)
    waiting = agent.run("go", user="alice")
    ready = agent.run("go", user="alice")
    ready.active_requirements[0].confirm()
    done = {one.run_id: one for one in engine.continue_ready()}
    assert set(done) == {ready.run_id}
    assert done[ready.run_id].run is not None
    assert engine.continue_ready() == ()
    waiting.active_requirements[0].confirm()
    stranger = house.engine()
    (told,) = stranger.continue_ready()
    assert told.run is None
    assert told.error is not None
    assert told.error.code == "HF403"
    assert len(house.effects) == 1
