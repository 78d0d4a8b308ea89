"""Room that is kept for outcomes, on disks that are really full: nothing begins, what has begun is written (law 6)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fault_disks import KINDS, Disk, SmallDisk, disk_of, mounted

import costs
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.adapters.store.sqlite import reserve
from hitl_fsm.adapters.store.sqlite.reserve import Reserve
from hitl_fsm.errors import HitlError, NoHeadroom, StoreError
from hitl_fsm.model.states import RunState
from house import House, call, calls, policies, policy_text

SIZE = 1024 * 1024
RULES = "- {id: paying, tools: pay, gate: confirm}\n- {id: noting, tools: note, gate: allow}"
PAY = [calls(call("pay", to="bob", amount=5))]
small_disk = pytest.mark.skipif("a small disk" not in KINDS, reason="this user may mount no file system")


@pytest.fixture(autouse=True)
def _headroom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_FSM_RECORD_HEADROOM", f"{SIZE // 1024} KiB")
    monkeypatch.setattr(reserve, "AGAIN_S", 0.05)


@pytest.fixture
def small() -> Iterator[SmallDisk]:
    with mounted() as place:
        yield SmallDisk(place)


@pytest.fixture
def house(small: SmallDisk) -> Iterator[House]:
    made = House(small.folder)
    yield made
    small.free()
    for engine in made.engines:
        engine.close()


def kept(disk: Disk) -> Path:
    return disk.folder / "hitl.db.reserve"


def approved(house: House, pay: Callable[..., Any] | None = None) -> tuple[Agent, Any]:
    tools = [tool(pay) if pay and one.name == "pay" else one for one in house.tools()]
    agent = house.agent(house.engine(RULES), PAY, tools=tools)
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    return agent, run


@small_disk
def test_the_room_is_really_taken_and_the_owners_alone(house: House, small: SmallDisk) -> None:
    approved(house)
    found = kept(small).stat()
    assert (found.st_size, found.st_blocks * 512 >= SIZE, found.st_mode & 0o777) == (SIZE, True, 0o600)


@small_disk
def test_law06_an_outcome_is_written_on_a_full_disk_and_nothing_else_begins(house: House, small: SmallDisk) -> None:
    def pay(to: str, amount: float) -> str:
        """Send money."""
        house.effects.append(("pay", to))
        if len(house.effects) == 1:
            small.fill()
        return "paid"

    agent, run = approved(house, pay)
    other = agent.run("another", user="alice")
    other.active_requirements[0].confirm()
    waiting = agent.run("a third", user="alice")
    with suppress(StoreError):  # what follows the outcome may find no room
        agent.continue_run(run)
    assert house.effects == [("pay", "bob")]
    assert "call_succeeded" in house.records(agent.engine, run.run_id)
    assert kept(small).stat().st_size < SIZE
    small.fill()
    with pytest.raises(NoHeadroom) as caught:
        agent.continue_run(other)
    assert caught.value.help
    assert agent.engine.runs.get(other.run_id).value.calls[0].state.value == "authorised"
    with pytest.raises(StoreError, match="full"):
        waiting.active_requirements[0].confirm()
    assert [one.run_id for one in agent.engine.inbox.list()] == [waiting.run_id]
    assert house.effects == [("pay", "bob")]
    small.free()
    time.sleep(0.1)
    assert waiting.active_requirements[0].confirm().state is RunState.CONTINUING
    for one in (run, other, waiting):
        assert agent.continue_run(run_id=one.run_id).state is RunState.DONE
    assert kept(small).stat().st_size == SIZE
    assert len(house.effects) == 3
    assert agent.engine.audit.verify().intact


@small_disk
def test_law06_every_outcome_of_calls_under_way_is_written(house: House, small: SmallDisk) -> None:
    """As many as begin together: each takes its slice."""
    agent = house.agent(
        house.engine(policies(policy_text("- {id: paying, tools: pay, gate: confirm}", extra="batch: run_ungated"))),
        [calls(*(call("pay", to=f"p{number}", amount=1) for number in range(20)))],
        tools=[tool(_filling(house, small))],
    )
    run = agent.run("go", user="alice")
    for requirement in run.active_requirements:
        requirement.confirm()
    with suppress(StoreError):
        agent.continue_run(run)
    told = house.records(agent.engine, run.run_id)
    assert told.count("call_started") == told.count("call_succeeded") == len(house.effects) > 0
    small.free()
    time.sleep(0.1)
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 20
    assert agent.engine.audit.verify().intact


def _filling(house: House, small: SmallDisk) -> Callable[..., str]:
    def pay(to: str, amount: float) -> str:
        """Send money."""
        house.effects.append(("pay", to))
        small.fill()
        return "paid " + "x" * 2000

    return pay


@small_disk
def test_law06_without_the_room_nothing_begins(house: House, small: SmallDisk) -> None:
    agent, run = approved(house)
    os.truncate(kept(small), 0)
    free = small.folder / "more"
    small.fill()
    (small.folder / "ballast").rename(free)
    os.truncate(free, free.stat().st_size - SIZE // 2)  # some room, but not as much as is to be kept
    with pytest.raises(NoHeadroom, match="no room is kept for outcomes"):
        agent.continue_run(run)
    assert house.effects == []
    assert "call_started" not in house.records(agent.engine, run.run_id)
    free.unlink()
    time.sleep(0.1)
    assert agent.continue_run(run).state is RunState.DONE
    assert kept(small).stat().st_size == SIZE


@small_disk
def test_one_that_was_removed_is_made_again(house: House, small: SmallDisk) -> None:
    agent, run = approved(house)
    kept(small).unlink()
    assert agent.continue_run(run).state is RunState.DONE
    assert kept(small).stat().st_size == SIZE


@pytest.mark.parametrize("kind", KINDS)
def test_law06_a_full_disk_lets_nothing_begin(kind: str, tmp_path: Path) -> None:
    with disk_of(kind, tmp_path) as disk:
        house = House(disk.folder)
        agent, run = approved(house)
        disk.fill()
        with pytest.raises(StoreError):
            agent.continue_run(run)
        assert house.effects == []
        disk.free()
        time.sleep(0.1)
        assert agent.continue_run(run).state is RunState.DONE
        house.engines[0].close()


@small_disk
def test_a_database_on_a_full_disk_is_opened_read_and_answers_are_refused(house: House, small: SmallDisk) -> None:
    agent = house.agent(house.engine(RULES), PAY)
    run = agent.run("go", user="alice")
    small.fill()
    later = house.engine(RULES)
    assert later.runs.get(run.run_id).is_paused
    with pytest.raises(HitlError):
        later.runs.get(run.run_id).active_requirements[0].confirm()
    small.free()
    assert later.runs.get(run.run_id).active_requirements[0].confirm().state is RunState.CONTINUING


def test_another_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "x.db.reserve"
    place.write_text("mine")
    made = Reserve(str(tmp_path / "x.db"), SIZE)
    with pytest.raises(NoHeadroom, match="another file stands there"):
        made.require()
    assert place.read_text() == "mine"
    place.unlink()
    (tmp_path / "elsewhere").touch()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NoHeadroom):
        Reserve(str(tmp_path / "x.db"), SIZE).require()


def test_where_a_file_system_cannot_allocate_its_free_space_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    Reserve(str(tmp_path / "x.db"), SIZE).require()
    with pytest.raises(NoHeadroom):
        Reserve(str(tmp_path / "y.db"), 2**50).require()


def test_none_is_kept_in_memory_and_where_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_FSM_RECORD_HEADROOM", "0")
    house = House(tmp_path)
    agent, run = approved(house)
    assert agent.continue_run(run).state is RunState.DONE
    assert not (tmp_path / "hitl.db.reserve").exists()
    house.engines[0].close()
    memory = Engine(store="sqlite:///:memory:")
    memory.runs.list()
    memory.close()
    assert not (tmp_path / ":memory:.reserve").exists()


def test_looking_at_it_costs_next_to_nothing(tmp_path: Path) -> None:
    """One look at a file that is open: at each commit that begins something."""
    made = Reserve(str(tmp_path / "x.db"), SIZE)
    made.require()
    assert costs.calls(made.require) == len(["require", "_stands", "fstat"])


SHARING = """
import sys
from hitl_fsm.adapters.store.sqlite.reserve import Reserve
made = Reserve(sys.argv[1], int(sys.argv[2]))
made.require()
import sqlite3
error = sqlite3.OperationalError()
error.sqlite_errorcode = sqlite3.SQLITE_FULL
print(made.give(error))
"""


def test_processes_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one gives up is missing to all, until it is whole again."""
    made = Reserve(str(tmp_path / "x.db"), SIZE)
    made.require()
    done = subprocess.run(
        [sys.executable, "-c", SHARING, tmp_path / "x.db", str(SIZE)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
    assert (tmp_path / "x.db.reserve").stat().st_size < SIZE

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NoHeadroom, match="No space left"):
        made.require()
    monkeypatch.undo()
    monkeypatch.setattr(reserve, "AGAIN_S", 0.0)
    time.sleep(0.1)
    made.require()
    assert (tmp_path / "x.db.reserve").stat().st_size == SIZE
