"""Clocks that jump, the engine's and the database's, at each step of a run that expires: time never says yes."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fault_clocks import move_databases_clock

from hitl_fsm import Agent, tool
from hitl_fsm.errors import AnswerTooEarly, Fenced, RequirementExpired, RunBusy
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls
from moments import HUNG_S

HOUR = 3_600_000
RULES = """
- {id: paying, tools: pay, gate: {approval: {of: ['role:finance'], expires: 1h, on_expiry: deny}}}
- {id: noting, tools: note, gate: {approval: {of: ['role:finance'], expires: 1h, on_expiry: deny}}}
"""
SCRIPT = [calls(call("pay", to="bob", amount=5)), calls(call("note", text="after it"))]


def slow(value: object) -> Any:
    return pytest.param(value, marks=pytest.mark.slow)


FAR = 30 * 24 * HOUR
JUMPS = [-2 * HOUR, 2 * HOUR, *map(slow, (-FAR, FAR))]
STEPS = 6


def clerk(house: House) -> Agent:
    return house.agent(house.engine(RULES), SCRIPT)


def intact(agent: Agent) -> None:
    assert agent.engine.audit.verify().intact


def jump(house: House, agents: list[Agent], which: str, ms: int) -> None:
    if which != "the database's":
        house.clock.advance(ms)
    if which != "the engine's":
        for agent in agents:
            move_databases_clock(agent.engine, ms)


def lived(house: House, which: str, at: int, ms: int) -> tuple[Agent, str, list[str]]:
    """One run, two workers, two gates; before its `at`th step a clock jumps. Who gave a yes that was taken."""
    agents = [clerk(house), clerk(house)]
    steps = itertools.count()
    said_yes: list[str] = []

    def step() -> Agent:
        number = next(steps)
        if number == at:
            jump(house, agents, which, ms)
        return agents[number % 2]

    run = step().run("go", user="alice")
    for _ in range(2):
        worker = step()
        for question in worker.engine.runs.get(run.run_id).active_requirements:
            try:
                question.confirm(by="maria")
                assert house.clock.now() < (question.value.expires_at or 0), "a yes that came too late was taken"
                said_yes.append(question.tool.tool_name)
            except RequirementExpired:
                assert which != "the database's"
                assert ms > 0
        worker = step()
        worker.engine.sweep()
        run = worker.continue_run(run_id=run.run_id)
    for agent in agents:
        agent.engine.sweep()
    return agents[0], run.run_id, said_yes


@pytest.mark.parametrize("which", [*map(slow, ("the engine's", "the database's")), "the machine's"])
@pytest.mark.parametrize("ms", JUMPS)
def test_law12_a_clock_jumps_before_any_step(house: House, which: str, ms: int) -> None:
    for at in range(STEPS):
        house.effects.clear()
        agent, run_id, said_yes = lived(house, which, at, ms)
        assert [effect[0] for effect in house.effects] == said_yes, f"at step {at}"
        assert agent.engine.runs.get(run_id).state is RunState.DONE
        told = Counter(house.records(agent.engine, run_id))
        assert told["requirement_resolved"] == told["call_succeeded"] == len(said_yes)
        assert told["requirement_expired"] == told["call_denied"] == 2 - len(said_yes)
        if which == "the database's" or ms < 0:
            assert said_yes == ["pay", "note"], "leases are the database's alone, and nobody is late in the past"
    intact(agent)


def test_law12_a_question_expires_once_whatever_the_clock_does(house: House) -> None:
    agents = [clerk(house), clerk(house)]
    runs = [agents[0].run("go", user="alice") for _ in range(5)]
    fired: list[str] = []
    for ms in (HOUR, -5 * HOUR, 5 * HOUR, -HOUR, HOUR, 24 * HOUR):
        jump(house, agents, "the machine's", ms)
        for agent in agents:
            fired += [timer.about for timer in agent.engine.sweep()]
    assert sorted(fired) == sorted(run.active_requirements[0].id for run in runs)
    for run in runs:
        assert run.refresh().requirements[0].state is RequirementState.EXPIRED
    assert house.effects == []
    intact(agents[0])


def test_law12_an_answer_is_not_undone_by_a_clock_that_jumps_past_its_end(house: House) -> None:
    agent = clerk(house)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    jump(house, [agent], "the machine's", 24 * HOUR)
    assert agent.engine.sweep() == ()
    agent.continue_run(run)
    assert [effect[0] for effect in house.effects] == ["pay"]


# -- while a worker is inside the tool


class Held:
    """A tool that stands still inside until it is let go."""

    def __init__(self, house: House) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self._house = house

    def tools(self) -> list[object]:
        def pay(to: str, amount: float) -> str:
            """Send money."""
            self._house.effects.append(("pay", to, amount))
            self.begun.set()
            assert self.go.wait(HUNG_S)
            return "paid"

        return [tool(pay)]


@pytest.fixture
def held(house: House) -> Iterator[Held]:
    made = Held(house)
    yield made
    made.go.set()


def begin(house: House, held: Held, pool: ThreadPoolExecutor) -> tuple[Agent, Agent, str, object]:
    """The first worker is inside the tool; the second one knows it too."""
    first, second = (house.agent(house.engine(RULES), SCRIPT[:1], tools=held.tools()) for _ in range(2))
    run = first.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    work = pool.submit(first.continue_run, run_id=run.run_id)
    assert held.begun.wait(HUNG_S)
    return first, second, run.run_id, work


def test_no_live_workers_lease_is_lost_by_a_jump_of_the_engines_clock(house: House, held: Held) -> None:
    with ThreadPoolExecutor(1) as pool:
        first, second, run_id, work = begin(house, held, pool)
        for ms in (30 * 24 * HOUR, -60 * 24 * HOUR):
            house.clock.advance(ms)
            assert second.engine.sweep() == ()
            assert second.engine.continue_ready() == ()
            with pytest.raises(RunBusy):
                second.continue_run(run_id=run_id)
        held.go.set()
        assert work.result().state is RunState.DONE
    assert len(house.effects) == 1
    assert "call_lost" not in house.records(first.engine, run_id)
    intact(first)


def test_law03_a_jump_of_the_databases_clock_leads_to_a_take_over_that_is_safe(house: House, held: Held) -> None:
    """The run is another's then; what the first worker did is not done again, and its result counts."""
    with ThreadPoolExecutor(1) as pool:
        first, second, run_id, work = begin(house, held, pool)
        move_databases_clock(second.engine, 24 * HOUR)
        (question,) = second.continue_run(run_id=run_id).active_requirements
        assert question.is_outcome_unknown
        with pytest.raises(AnswerTooEarly):
            question.it_did_not_happen()
        held.go.set()
        with pytest.raises(Fenced):
            work.result()
    assert [q.state for q in second.engine.runs.get(run_id).requirements][-1] is RequirementState.SUPERSEDED
    assert second.continue_run(run_id=run_id).state is RunState.DONE
    assert len(house.effects) == 1
    assert house.said_to_model(second.engine, run_id) == ["paid"]
    assert house.records(first.engine, run_id).count("late_result") == 1
    intact(first)


def test_a_database_whose_clock_went_back_frees_the_run_after_a_lease_at_most(house: House) -> None:
    """A dead worker's claim, made before the clock went back, ends late; a living one's is renewed all the same."""
    agent = clerk(house)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="maria")
    house.sql("UPDATE run SET owner = 'elsewhere:1:2:3', leased_until = ?", _now(agent) + LEASE_MS)
    move_databases_clock(agent.engine, -HOUR)
    with pytest.raises(RunBusy) as caught:
        agent.continue_run(run)
    assert "claim ends in" in str(caught.value.help)
    move_databases_clock(agent.engine, HOUR + LEASE_MS)
    agent.continue_run(run)
    assert [effect[0] for effect in house.effects] == ["pay"]


def _now(agent: Agent) -> int:
    return run_sync(agent.engine.store.health(0)).clock


def test_the_clock_stands_at_the_beginning_of_time(house: House) -> None:
    """A machine without a battery wakes up in 1970: everything works, and is in order of the log."""
    house.clock.advance(-house.clock.now() + 1)
    agent = clerk(house)
    run = agent.run("go", user="alice")
    house.clock.advance(50 * 365 * 24 * HOUR)
    with pytest.raises(RequirementExpired):
        run.active_requirements[0].confirm(by="maria")
    assert agent.continue_run(run).is_paused
    assert house.effects == []
    intact(agent)
