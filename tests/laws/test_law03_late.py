"""Law 3 where a worker is slow, not dead: what it comes to late is kept, counts once, and answers the question."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from typing import Any

import pytest

from hitl_fsm import current_call, tool
from hitl_fsm.errors import AnswerTooEarly, Fenced, RunBusy, StoreError
from hitl_fsm.model.answer import GiveUp
from hitl_fsm.model.event import CallReturned, CallsStarted, LateResult
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.runtime import execute, late, leases, threads
from house import House, call, calls
from moments import HUNG_S
from receiver import wait_for

SCRIPT = [calls(call("pay", to="bob", amount=5))]


class Slow:
    """A plain function that acts only when it is let go."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.go = threading.Event()
        self.begun = threading.Event()

    def tool(self, **options: Any) -> Any:
        @tool(**options)
        def pay(to: str, amount: float) -> str:
            """Send money."""
            self.begun.set()
            assert self.go.wait(HUNG_S)
            self.house.effects.append(("pay", to, current_call().idempotency_key))
            return "paid late"

        return pay


def timed_out(house: House) -> tuple[Any, Any, Any, Slow]:
    """Engine, agent, the run that waits for an answer about its call, and the tool that still acts."""
    slow = Slow(house)
    engine = house.engine()
    agent = house.agent(engine, SCRIPT, tools=[slow.tool(timeout_s=0.05)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    return engine, agent, agent.continue_run(run), slow


@pytest.mark.usefixtures("begun_in_time")
def test_law03_did_it_happen_waits_until_the_worker_cannot_act_any_more(house: House) -> None:
    engine, agent, run, slow = timed_out(house)
    (question,) = run.active_requirements
    for answer in (question.it_did_not_happen, question.give_up, lambda by: question.it_happened("x", by=by)):
        with pytest.raises(AnswerTooEarly, match="may still act"):
            answer(by="otto")
    house.clock.advance(50 + LEASE_MS - 1)
    with pytest.raises(AnswerTooEarly):
        question.give_up(by="otto")
    assert len(engine.runs.events(run.run_id)) == run.value.version, "nothing was stored"
    house.clock.advance(1)
    question.give_up(by="otto")
    slow.go.set()
    assert agent.continue_run(run).state is RunState.DONE


@pytest.mark.usefixtures("begun_in_time")
def test_law03_what_a_hung_tool_comes_to_answers_the_open_question(house: House) -> None:
    engine, agent, run, slow = timed_out(house)
    slow.go.set()
    wait_for(lambda: engine.runs.get(run.run_id).state is RunState.CONTINUING)
    run = agent.continue_run(run_id=run.run_id)
    assert run.state is RunState.DONE
    assert house.said_to_model(engine, run.run_id) == ["paid late"]
    assert len(house.effects) == 1
    (question,) = [r for r in engine.runs.get(run.run_id).value.requirements if r.kind == "outcome"]
    assert question.state is RequirementState.SUPERSEDED


@pytest.mark.usefixtures("begun_in_time")
def test_law03_a_late_result_is_kept_but_does_not_overrule_a_person(house: House) -> None:
    engine, agent, run, slow = timed_out(house)
    house.clock.advance(LEASE_MS + 50)
    run.active_requirements[0].it_happened("done by hand", by="otto")
    slow.go.set()

    def found() -> list[Any]:
        return [e.event for e in engine.runs.events(run.run_id) if isinstance(e.event, LateResult)]

    wait_for(lambda: bool(found()))
    assert [event.result for event in found()] == ["paid late"]
    run = agent.continue_run(run_id=run.run_id)
    assert house.said_to_model(engine, run.run_id) == ["done by hand"]
    assert [line["data"]["taken"] for line in engine.runs.timeline(run.run_id) if line["event"] == "late_result"] == [
        False
    ]


def test_law03_a_late_result_after_a_cancellation_tells_what_had_begun(house: House) -> None:
    slow = Slow(house)
    engine = house.engine("- {id: all, gate: allow}")
    agent = house.agent(engine, SCRIPT, tools=[slow.tool()])
    worker = threading.Thread(target=agent.run, args=("go",))
    worker.start()
    assert slow.begun.wait(HUNG_S)
    (row,) = engine.runs.list()
    cancelled = engine.cancel(row.run_id, by="otto")
    assert cancelled.value.calls[0].state is CallState.EXECUTING, "it is not said to be undone"
    told = [line["data"] for line in engine.runs.timeline(row.run_id) if line["event"] == "run_cancelled"]
    assert told[0]["begun"] == ["1.0"]
    slow.go.set()
    worker.join(HUNG_S)
    run = engine.runs.get(row.run_id)
    assert run.state is RunState.CANCELLED
    assert run.value.calls[0].state is CallState.SUCCEEDED
    assert run.value.calls[0].result == "paid late"


def test_law03_an_idempotent_tool_that_is_late_is_tried_again_with_the_same_key(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "RETRY_BACKOFF_S", 0.01)
    keys: list[str] = []

    @tool(idempotent=True, timeout_s=0.05)
    async def pay(to: str, amount: float) -> str:
        """Send money."""
        keys.append(current_call().idempotency_key)
        if len(keys) < 3:
            await asyncio.sleep(HUNG_S)
        return "paid"

    engine = house.engine("- {id: all, gate: allow}")
    run = house.agent(engine, SCRIPT, tools=[pay]).run("go")
    assert run.state is RunState.DONE
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_law03_an_idempotent_tool_is_tried_a_bounded_number_of_times(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "RETRY_BACKOFF_S", 0.01)
    starts: list[int] = []

    @tool(idempotent=True, timeout_s=0.02)
    async def pay(to: str, amount: float) -> None:
        """Send money."""
        starts.append(current_call().attempt)
        await asyncio.sleep(HUNG_S)

    engine = house.engine("- {id: all, gate: allow}")
    run = house.agent(engine, SCRIPT, tools=[pay]).run("go")
    assert starts == [1, 2, 3]
    assert run.active_requirements[0].is_outcome_unknown


def test_law03_a_worker_that_lost_its_run_before_the_tool_began_does_not_begin_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a stopped process does that goes on after its lease: its own clock tells that it cannot be sure."""
    monkeypatch.setattr(late, "LATE_PAUSE_S", 0.01)
    engine = house.engine("- {id: all, gate: allow}")
    agent = house.agent(engine, SCRIPT)
    away = [0.0]
    real = leases.uptime
    monkeypatch.setattr(leases, "uptime", lambda: real() + away[0])

    async def taken_over(run_id: str, lease: Any) -> bool:
        return False

    commit = engine.store.commit

    async def commit_and_sleep(step: Any) -> int:
        fence = await commit(step)
        if step.entries and isinstance(step.entries[0].event, CallsStarted):
            away[0] += LEASE_MS
        return fence

    monkeypatch.setattr(engine.store, "renew", taken_over)
    monkeypatch.setattr(engine.store, "commit", commit_and_sleep)
    with pytest.raises(Fenced, match="taken over"):
        agent.run("go")
    assert house.effects == []


def test_law03_a_worker_that_slept_and_still_holds_its_run_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = house.engine("- {id: all, gate: allow}")
    away = [0.0]
    real = leases.uptime
    monkeypatch.setattr(leases, "uptime", lambda: real() + away[0])
    commit = engine.store.commit

    async def commit_and_sleep(step: Any) -> int:
        fence = await commit(step)
        if step.entries and isinstance(step.entries[0].event, CallsStarted):
            away[0] += LEASE_MS
        return fence

    monkeypatch.setattr(engine.store, "commit", commit_and_sleep)
    assert house.agent(engine, SCRIPT).run("go").state is RunState.DONE
    assert len(house.effects) == 1


def test_law03_a_call_that_found_no_free_thread_is_known_not_to_have_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded = threads.Threads(1)
    monkeypatch.setattr(threads, "_threads", crowded)
    slow = Slow(house)
    crowded.submit(lambda: slow.go.wait(HUNG_S))
    engine = house.engine("- {id: all, gate: allow}")
    run = house.agent(engine, SCRIPT, tools=[slow.tool(timeout_s=0.05)]).run("go")
    slow.go.set()
    assert run.state is RunState.DONE
    (told,) = house.said_to_model(engine, run.run_id)
    assert "did not begin" in told
    assert "not executed" in told
    assert house.effects == []


def test_law03_a_stopped_worker_says_what_it_left(house: House) -> None:
    """An async tool that is cancelled acts no more, so that the question can be answered at once."""
    begun = asyncio.Event()

    @tool
    async def pay(to: str, amount: float) -> str:
        """Send money."""
        begun.set()
        await asyncio.sleep(HUNG_S)
        return "paid"

    engine = house.engine("- {id: all, gate: allow}")
    agent = house.agent(engine, SCRIPT, tools=[pay])

    async def stop_inside() -> None:
        task = asyncio.create_task(agent.arun("go"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(stop_inside())
    (row,) = engine.runs.list()
    run = engine.runs.get(row.run_id)
    (question,) = run.active_requirements
    assert question.is_outcome_unknown
    question.give_up(by="otto")
    assert agent.continue_run(run_id=row.run_id).state is RunState.DONE


def test_law03_who_came_too_late_does_not_take_the_lease_from_who_holds_it(house: House) -> None:
    """Two continue one run in one engine: the loser's leaving must not end the winner's hold."""
    slow = Slow(house)
    engine = house.engine("- {id: all, gate: allow}")
    agent = house.agent(engine, SCRIPT, tools=[slow.tool()])
    winner = threading.Thread(target=agent.run, args=("go",))
    winner.start()
    assert slow.begun.wait(HUNG_S)
    (row,) = engine.runs.list()
    with pytest.raises(RunBusy):
        agent.continue_run(run_id=row.run_id)
    assert engine.door.leases.is_sure(row.run_id)
    slow.go.set()
    winner.join(HUNG_S)
    assert engine.runs.get(row.run_id).state is RunState.DONE
    assert not engine.door.leases.is_sure(row.run_id)


def taken_from(house: House, engine: Any, run_id: str, *, leased_until: int) -> str:
    """Another worker of this host, which lives, takes the run while its tool acts; returns that worker's name."""
    other: str = house.engine().parts.worker
    changed = "UPDATE run SET owner = ?, leased_until = ?, fence = fence + 1 WHERE run_id = ?"
    house.sql(changed, other, leased_until, run_id)
    assert engine.parts.may_be_alive(other)
    return other


def inside_its_tool(house: House) -> tuple[Any, Any, str, Slow, threading.Thread, list[BaseException]]:
    """Engine, agent, a run whose plain function acts, that function, its thread, and what came of it."""
    slow = Slow(house)
    engine = house.engine("- {id: all, gate: allow}")
    agent = house.agent(engine, SCRIPT, tools=[slow.tool()])
    raised: list[BaseException] = []

    def advance() -> None:
        try:
            agent.run("go")
        except Fenced as error:
            raised.append(error)

    worker = threading.Thread(target=advance)
    worker.start()
    assert slow.begun.wait(HUNG_S)
    (row,) = engine.runs.list()
    return engine, agent, row.run_id, slow, worker, raised


def late_events(engine: Any, run_id: str) -> list[Any]:
    return [entry.event.result for entry in engine.runs.events(run_id) if isinstance(entry.event, LateResult)]


def test_law03_a_late_result_is_told_over_a_frozen_worker_whose_lease_has_ended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "LATE_PAUSE_S", 3600.0)
    engine, agent, run_id, slow, worker, raised = inside_its_tool(house)
    taken_from(house, engine, run_id, leased_until=1)
    before = house.sql("SELECT fence FROM run WHERE run_id = ?", run_id)
    slow.go.set()
    worker.join(HUNG_S)
    assert not worker.is_alive(), "it did not wait for who holds nothing any more"
    assert len(raised) == 1
    assert late_events(engine, run_id) == ["paid late"]
    assert house.sql("SELECT owner, leased_until FROM run WHERE run_id = ?", run_id) == [("", 0)]
    assert house.sql("SELECT fence FROM run WHERE run_id = ?", run_id) > before, "the frozen one is fenced"
    assert agent.continue_run(run_id=run_id).state is RunState.DONE
    assert house.said_to_model(engine, run_id) == ["paid late"]
    assert len(house.effects) == 1


def test_law03_a_late_result_never_fences_a_live_worker_and_outlasts_one_that_froze(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "LATE_PAUSE_S", 0.01)
    engine, agent, run_id, slow, worker, raised = inside_its_tool(house)
    row = "SELECT version, fence, owner, leased_until FROM run WHERE run_id = ?"
    taken_from(house, engine, run_id, leased_until=int(time.time() * 1000) + LEASE_MS)
    before = house.sql(row, run_id)
    monkeypatch.setattr(late, "OUTLAST_ATTEMPTS", 100_000)
    slow.go.set()
    worker.join(HUNG_S)
    assert len(raised) == 1
    assert house.sql(row, run_id) == before, "nothing disturbed who holds it"
    assert late_events(engine, run_id) == []
    (told,) = [line for line in engine.audit.records(run_id=run_id) if b'"late_result"' in line.body]
    beside = asyncio.run(engine.store.contents([told.seq]))
    assert house.store_url or beside == {told.seq: {"result": "paid late"}}, "the record has it first"
    assert b"paid late" not in told.body
    house.sql("UPDATE run SET leased_until = 1 WHERE run_id = ?", run_id)
    wait_for(lambda: late_events(engine, run_id) == ["paid late"])
    wait_for(lambda: house.sql("SELECT owner FROM run WHERE run_id = ?", run_id) == [("",)])
    assert agent.continue_run(run_id=run_id).state is RunState.DONE
    assert house.said_to_model(engine, run_id) == ["paid late"]


def test_law03_a_worker_is_outlasted_for_longer_than_its_lease() -> None:
    assert late.LATE_PAUSE_S * late.OUTLAST_ATTEMPTS * 1000 >= LEASE_MS


@pytest.mark.usefixtures("begun_in_time")
def test_law03_a_worker_that_is_gone_by_now_is_not_waited_for(house: House) -> None:
    """The question was opened while it might still act; it ended meanwhile."""
    engine, _, run, slow = timed_out(house)
    question = run.active_requirements[0]
    with pytest.raises(AnswerTooEarly):
        question.give_up(by="otto")
    parts = dataclasses.replace(engine.parts, may_be_alive=lambda worker: False)
    engine.in_force.parts = parts
    engine.resolve(question.id, GiveUp(), by="otto")
    assert engine.runs.get(run.run_id).value.calls[0].state is CallState.FAILED
    slow.go.set()


def test_law03_a_result_that_the_store_cannot_take_is_told_when_it_can(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for a moment, between the effect and its result."""
    monkeypatch.setattr(late, "LATE_PAUSE_S", 0.02)
    engine = house.engine("- {id: all, gate: allow}")
    agent = house.agent(engine, SCRIPT)
    commit, full = engine.store.commit, threading.Event()

    async def commit_unless_full(step: Any) -> int:
        if step.entries and isinstance(step.entries[0].event, CallReturned):
            full.set()
        if full.is_set():
            raise StoreError("the disk is full")
        return await commit(step)

    monkeypatch.setattr(engine.store, "commit", commit_unless_full)
    with pytest.raises(StoreError):
        agent.run("go")
    monkeypatch.setattr(engine.store, "commit", commit)
    (row,) = engine.runs.list()
    wait_for(lambda: engine.runs.get(row.run_id).value.calls[0].state is CallState.SUCCEEDED)
    assert agent.continue_run(run_id=row.run_id).state is RunState.DONE
    assert len(house.effects) == 1
