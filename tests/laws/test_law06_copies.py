"""A second copy of the record that blocks: what a person allowed waits, never runs unrecorded; all else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.errors import CopyBehind
from hitl_fsm.model.reader import COPY
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.outgoing import copied, copies
from house import House, call, calls
from receiver import wait_for
from sinks import Mood, MoodySink, event_of, first_times, healthy_copies_take_their_time, seqs

PAY = [calls(call("pay", to="bob", amount=5))]
RULES = "- {id: paying, tools: pay, gate: confirm}\n- {id: noting, tools: note, gate: allow}"
BLOCKED: list[Mood] = ["refuses", "hangs", "raises"]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    healthy_copies_take_their_time(monkeypatch)
    for module in (copied, copies):
        monkeypatch.setattr(module, "SHORT_S", 0.1)
    monkeypatch.setattr(copied, "WAIT_S", 0.3)
    monkeypatch.setattr(copied, "HELD_S", 0.3)
    monkeypatch.setattr(copies, "WRITE_S", 0.2)
    monkeypatch.setattr(copies, "PAUSE_S", 0.01)
    monkeypatch.setattr(copies, "PAUSE_MAX_S", 0.05)


@pytest.fixture
def sink() -> Iterator[MoodySink]:
    made = MoodySink()
    yield made
    made.mood = "takes"


def stored(engine: Engine) -> list[bytes]:
    return [line.body for line in run_sync(engine.store.records())]


def approved(house: House, sink: MoodySink, replies: list[Any] = PAY, **options: Any) -> tuple[Agent, Any]:
    agent = house.agent(house.engine(RULES, sinks=[sink]), replies, **options)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    return agent, run


def test_law06_every_line_is_in_the_copy_exactly_and_in_order(house: House, sink: MoodySink) -> None:
    agent, run = approved(house, sink)
    assert agent.continue_run(run).state is RunState.DONE
    lines = stored(agent.engine)
    assert sink.lines == lines
    assert seqs(sink.lines) == list(range(1, len(lines) + 1))


@pytest.mark.parametrize("mood", BLOCKED)
def test_law06_what_a_person_allowed_waits_while_a_copy_blocks(house: House, sink: MoodySink, mood: Mood) -> None:
    agent, run = approved(house, sink)
    sink.mood = mood
    with pytest.raises(CopyBehind, match="the record's copy 'moody' is behind since 20") as caught:
        agent.continue_run(run)
    assert caught.value.help
    assert house.effects == []
    after = agent.engine.runs.get(run.run_id)
    assert (after.state, after.value.calls[0].state.value) == (RunState.CONTINUING, "authorised")
    assert "call_started" not in house.records(agent.engine, run.run_id)
    assert [row.run_id for row in run_sync(agent.engine.store.ready())] == [run.run_id]
    sink.mood = "takes"
    assert agent.continue_run(run).state is RunState.DONE
    assert [effect[0] for effect in house.effects] == ["pay"]
    assert first_times(sink.lines) == stored(agent.engine)


def test_law06_the_intent_is_in_the_copy_before_the_effect(house: House, sink: MoodySink) -> None:
    seen: list[list[str]] = []

    def pay(to: str, amount: float) -> str:
        """Send money."""
        seen.append(sink.events)
        return "paid"

    agent, run = approved(house, sink, tools=[tool(pay)])
    agent.continue_run(run)
    (at_the_effect,) = seen
    assert at_the_effect[-1] == "call_started"
    assert {"requirement_resolved", "call_authorised"} <= set(at_the_effect)


@pytest.mark.parametrize("mood", BLOCKED)
def test_law06_a_copy_that_blocks_after_the_intent_takes_it_back_and_nobody_is_asked(
    house: House, sink: MoodySink, mood: Mood
) -> None:
    agent, run = approved(house, sink)

    def block_at_the_intent(events: list[str]) -> None:
        if "call_started" in events:
            sink.mood = mood

    sink.before = block_at_the_intent
    with pytest.raises(CopyBehind):
        agent.continue_run(run)
    assert house.effects == []
    after = agent.engine.runs.get(run.run_id)
    assert (after.state, list(after.active_requirements)) == (RunState.CONTINUING, [])
    told = house.records(agent.engine, run.run_id)
    assert told[-3:] == ["call_started", "call_not_begun", "call_authorised"]
    sink.mood, sink.before = "takes", lambda events: None
    assert agent.continue_run(run).state is RunState.DONE
    assert [effect[0] for effect in house.effects] == ["pay"]
    assert first_times(sink.lines) == stored(agent.engine)


def test_law06_outcomes_are_written_and_what_needs_nobody_runs_while_a_copy_blocks(
    house: House, sink: MoodySink
) -> None:
    def pay(to: str, amount: float) -> str:
        """Send money."""
        sink.mood = "refuses"
        house.effects.append(("pay", to))
        return "paid"

    noting = next(one for one in house.tools() if one.name == "note")
    script = [*PAY, calls(call("note", text="ungated"))]
    agent, run = approved(house, sink, script, tools=[tool(pay), noting])
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob"), ("note", "ungated")]
    assert "call_succeeded" not in sink.events
    other = agent.run("another", user="alice")
    assert other.active_requirements[0].confirm().state is RunState.CONTINUING
    assert agent.engine.cancel(other.run_id).state is RunState.CANCELLED


def test_law06_an_audited_verdict_waits_as_well(house: House, sink: MoodySink) -> None:
    engine = house.engine("- {id: noting, tools: note, gate: audit}", sinks=[sink])
    agent = house.agent(engine, [calls(call("note", text="x"))])
    sink.before = lambda events: setattr(sink, "mood", "refuses")
    with pytest.raises(CopyBehind):
        agent.run("go", user="alice")
    assert house.effects == []


def test_law04_a_cancellation_reaches_a_call_that_waits(house: House, sink: MoodySink) -> None:
    agent, run = approved(house, sink)
    sink.mood = "refuses"

    async def both() -> None:
        going_on = asyncio.ensure_future(agent.acontinue_run(run))
        await asyncio.sleep(0.2)
        await agent.engine.acancel(run.run_id)
        sink.mood = "takes"
        await asyncio.wait([going_on])

    asyncio.run(both())
    assert house.effects == []
    assert agent.engine.runs.get(run.run_id).state is RunState.CANCELLED


def test_law03_a_worker_that_is_stopped_while_it_waits_takes_its_intent_back(house: House, sink: MoodySink) -> None:
    agent, run = approved(house, sink)

    def block_at_the_intent(events: list[str]) -> None:
        if "call_started" in events:
            sink.mood = "hangs"

    sink.before = block_at_the_intent

    async def stopped() -> None:
        working = asyncio.ensure_future(agent.engine.awork(asyncio.Event(), 0.02))
        await asyncio.to_thread(wait_for, lambda: sink.mood == "hangs")
        working.cancel()
        await asyncio.wait([working])

    asyncio.run(stopped())
    after = agent.engine.runs.get(run.run_id)
    assert (after.value.calls[0].state.value, list(after.active_requirements), house.effects) == ("authorised", [], [])


def test_a_worker_tells_for_which_copy_a_run_waits_and_goes_on_by_itself(house: House, sink: MoodySink) -> None:
    agent, run = approved(house, sink)
    sink.mood = "refuses"
    (told,) = agent.engine.continue_ready()
    assert (told.run_id, told.run) == (run.run_id, None)
    assert isinstance(told.error, CopyBehind)
    assert "'moody'" in told.error.message
    assert "the disk of the copy is full" in told.error.message
    sink.mood = "takes"
    assert [one.run_id for one in agent.engine.continue_ready()] == [run.run_id]
    assert len(house.effects) == 1


def test_each_copy_counts(house: House, sink: MoodySink) -> None:
    other = MoodySink("other")
    agent = house.agent(house.engine(RULES, sinks=[sink, other]), PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    other.mood = "refuses"
    with pytest.raises(CopyBehind, match="'other'"):
        agent.continue_run(run)
    assert sink.lines == stored(agent.engine)


def test_a_new_copy_begins_where_the_record_is_or_at_its_start(house: House, sink: MoodySink) -> None:
    before = house.agent(house.engine(RULES), PAY)
    before.run("go", user="alice")
    head = len(stored(before.engine))
    whole = MoodySink("whole", from_start=True)
    agent = house.agent(house.engine(RULES, sinks=[sink, whole]), PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    agent.continue_run(run)
    lines = stored(agent.engine)
    assert whole.lines == lines
    assert sink.lines == lines[head:]


def test_workers_share_a_copy_and_a_restart_goes_on_where_it_was(house: House, sink: MoodySink) -> None:
    """Each engine stands for a process: what one has shipped, the next does not ship again."""
    for _ in range(3):
        agent, run = approved(house, sink)
        agent.continue_run(run)
    assert sink.lines == stored(house.engines[-1])


def test_two_workers_at_once_ship_each_line_and_the_first_time_in_order(house: House, sink: MoodySink) -> None:
    agents = [house.agent(house.engine(RULES, sinks=[sink]), PAY) for _ in range(2)]
    runs = [agent.run("go", user="alice") for agent in agents for _ in range(6)]
    for run in runs:
        run.active_requirements[0].confirm()

    async def all_on() -> None:
        halves = [agent.acontinue_run(run_id=run.run_id) for run, agent in zip(runs, agents * 6, strict=True)]
        await asyncio.gather(*halves)

    asyncio.run(all_on())
    wait_for(lambda: first_times(sink.lines) == stored(agents[0].engine))
    assert len(house.effects) == len(runs)


def test_law10_a_line_that_was_not_committed_is_in_no_copy(house: House, sink: MoodySink) -> None:
    agent, run = approved(house, sink)
    house.jam("log_head")
    with pytest.raises(Exception, match=r"full|refused"):
        agent.continue_run(run)
    house.unjam("log_head")
    assert house.effects == []
    assert "call_started" not in [event_of(line) for line in sink.lines]
    assert agent.continue_run(run).state is RunState.DONE
    assert first_times(sink.lines) == stored(agent.engine)


def test_without_copies_nothing_is_asked_of_the_store_about_them(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine(RULES)
    assert engine.parts.copies is None

    asked: list[str] = []
    cursor = type(engine.store).cursor

    async def told(store: Any, name: str) -> int | None:
        asked.append(name)
        return await cursor(store, name)

    monkeypatch.setattr(type(engine.store), "cursor", told)
    agent = house.agent(engine, PAY)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert [name for name in asked if name.startswith(COPY)] == []
