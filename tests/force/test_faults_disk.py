"""A disk that is full, at each moment of a run: the error says so, nothing happens twice, no answer is lost (law 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fault_clocks import move_databases_clock
from fault_disks import KINDS, Disk, disk_of
from fault_scenario import LONG_MS, Trouble, World, passed_in_peace, places
from kill_points import Plan

from hitl_fsm import Agent, tool
from hitl_fsm.errors import HitlError, RunBusy, StoreError
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import LEASE_MS
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5)), calls(call("note", text="done"))]
RULES = "- {id: paying, tools: pay, gate: confirm}\n- {id: noting, tools: note, gate: allow}"
STEP = 2
"""Of the places, each of which comes several times."""
FULL = "(?i)disk|full|writing the database|beside the database"
COMMON = [
    Plan("none", "in alert right, before the effect"),
    Plan("none", "before the commit of answer_recorded", 4),
]


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk_of(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def house(disk: Disk) -> Iterator[House]:
    made = House(disk.folder)
    yield made
    disk.free()
    for engine in made.engines:
        engine.close()


def is_told(action: Callable[[], object]) -> None:
    """The error speaks of the disk, and says what to do."""
    with pytest.raises(StoreError, match=FULL) as caught:
        action()
    assert caught.value.help


def test_law06_full_before_a_run_is_made(house: House, disk: Disk) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    assert agent.run("go", user="alice").is_paused
    disk.fill()
    is_told(lambda: agent.run("another", user="alice"))
    disk.free()
    assert len(engine.runs.list()) == 1
    assert agent.run("another", user="alice").is_paused
    assert engine.audit.verify().intact


def test_law06_full_before_the_intent(house: House, disk: Disk) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    disk.fill()
    for _ in range(3):
        is_told(lambda: agent.continue_run(run))
    assert house.effects == []
    assert engine.runs.get(run.run_id).state is RunState.CONTINUING
    disk.free()
    assert agent.continue_run(run).state is RunState.DONE
    assert house.effects == [("pay", "bob", 5.0, "-"), ("note", "done")]
    assert engine.audit.verify().intact


def test_law06_full_at_an_answer(house: House, disk: Disk) -> None:
    engine = house.engine(RULES)
    agent = house.agent(engine, SCRIPT)
    run = agent.run("go", user="alice")
    lines = len(engine.audit.records())
    disk.fill()
    is_told(run.active_requirements[0].confirm)
    is_told(lambda: run.active_requirements[0].reject(note="no"))
    is_told(lambda: engine.cancel(run.run_id))
    seen = engine.runs.get(run.run_id)
    assert seen.state is RunState.PAUSED
    assert [question.state for question in engine.inbox.list()] == ["open"]
    assert agent.continue_run(run).is_paused
    assert len(engine.audit.records()) == lines
    disk.free()
    assert run.active_requirements[0].confirm().state is RunState.CONTINUING
    assert agent.continue_run(run).state is RunState.DONE
    told = house.records(engine, run.run_id)
    assert (told.count("requirement_resolved"), told.count("run_cancelled")) == (1, 0)
    assert len(house.effects) == 2


def filling_agent(house: House, disk: Disk) -> Agent:
    """Its `pay` takes effect, and then the disk is full."""

    def pay(to: str, amount: float) -> str:
        """Send money."""
        house.effects.append(("pay", to, amount))
        disk.fill()
        return f"paid {amount}"

    noting = next(one for one in house.tools() if one.name == "note")
    return house.agent(house.engine(RULES), SCRIPT, tools=[tool(pay), noting])


def test_law03_full_between_intent_and_result(house: House, disk: Disk) -> None:
    """The effect is there, and its result cannot be written: it is never run again, whoever comes next."""
    agent = filling_agent(house, disk)
    engine = agent.engine
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    is_told(lambda: agent.continue_run(run))
    with pytest.raises(HitlError):  # it is full still, or the run is held still
        agent.continue_run(run)
    disk.free()
    with suppress(RunBusy):  # what could not be given back is held until the lease ends
        house.agent(house.engine(RULES), SCRIPT).continue_run(run_id=run.run_id)
    move_databases_clock(engine, LEASE_MS)
    after = agent.continue_run(run_id=run.run_id)
    if after.is_paused:
        (question,) = after.active_requirements
        assert question.is_outcome_unknown
        house.clock.advance(LONG_MS)
        question.it_happened("paid 5.0")
        after = agent.continue_run(run_id=run.run_id)
    assert after.state is RunState.DONE
    assert [effect[0] for effect in house.effects] == ["pay", "note"]
    assert house.said_to_model(engine, run.run_id)[0] == "paid 5.0"
    assert engine.audit.verify().intact


def troubled(world: World, disk: Disk, plan: Plan) -> list[str]:
    """The disk is full from that place on, until the worker has given up; then there is room."""
    trouble = Trouble(plan, disk.fill)
    try:
        end = world.live(trouble)
    finally:
        disk.free()
    if not trouble.came:
        return [f"it never came to {plan}"]
    if end == "done" and not plan.at.startswith("after the commit of model_replied"):
        return ["it ended as if there was room"]
    world.pass_time()
    return world.finish()


def url_on(disk: Disk, name: str) -> str:
    return f"sqlite:///{disk.folder / name}.db"


@pytest.mark.parametrize("plan", COMMON, ids=str)
def test_law03_full_at_a_place(tmp_path: Path, disk: Disk, plan: Plan) -> None:
    assert troubled(World(tmp_path / "w", url_on(disk, "hitl")), disk, plan) == []


@pytest.mark.slow
def test_law03_full_at_each_place(tmp_path: Path, disk: Disk) -> None:
    passed = passed_in_peace(tmp_path / "peace", url_on(disk, "peace"))
    every, wrong = places(passed, "before the commit", "in ", "inside"), {}
    for number, plan in enumerate(every[::STEP]):
        found = troubled(World(tmp_path / f"{number}", url_on(disk, f"{number}")), disk, plan)
        if found:
            wrong[str(plan)] = found
        for file in disk.folder.glob(f"{number}.db*"):
            file.unlink()
    assert len(every) > 50
    assert wrong == {}
