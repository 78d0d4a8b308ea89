"""A record that cannot be written: the state did not change either, nothing happens, and the error says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm import Agent
from hitl_fsm.errors import HitlError, KeysError, StoreError
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls

PAY = [calls(call("pay", to="bob", amount=5))]


def at_the_answer(house: House) -> tuple[Agent, Any]:
    agent = house.agent(house.engine(), PAY)
    return agent, agent.run("go", user="alice")


def seen(agent: Agent, run: Any) -> tuple[Any, ...]:
    """All that the store says of the run."""
    engine = agent.engine
    asked = [(one.requirement_id, one.state.value) for one in run_sync(engine.store.requirements(state=None))]
    return engine.runs.get(run.run_id).value, len(engine.runs.events(run.run_id)), asked, engine.audit.records()


def nothing_moves(agent: Agent, run: Any, house: House, spoil: Callable[[], None], error: type[HitlError]) -> None:
    """No answer is taken, no run is made or cancelled, and an approved call does not begin."""
    other = agent.run("another", user="alice")
    other.active_requirements[0].confirm()
    before = seen(agent, run), seen(agent, other)
    spoil()
    for action in (
        run.active_requirements[0].confirm,
        lambda: run.active_requirements[0].reject(note="no"),
        lambda: agent.engine.cancel(run.run_id),
        lambda: agent.continue_run(other),
        lambda: agent.run("a third", user="alice"),
    ):
        with pytest.raises(error) as caught:
            action()
        assert caught.value.help
    assert (seen(agent, run), seen(agent, other)) == before
    assert house.effects == []


@pytest.mark.parametrize("table", ["record", "log_head"])
def test_law10_without_its_line_nothing_changes(house: House, table: str) -> None:
    agent, run = at_the_answer(house)
    nothing_moves(agent, run, house, lambda: house.jam(table), StoreError)
    house.unjam(table)
    assert run.active_requirements[0].confirm().state.value == "continuing"
    assert agent.continue_run(run).state.value == "done"
    assert len(house.effects) == 1
    assert agent.engine.audit.verify().intact


@pytest.mark.parametrize("table", ["checkpoint", "content"])
def test_law10_without_what_belongs_to_its_line_nothing_changes(house: House, table: str) -> None:
    """A decision is covered by a signed checkpoint; what people wrote is kept beside its line."""
    if house.store_url:
        pytest.skip("without a keys file nothing is written there")
    agent, run = at_the_answer(house)
    before = seen(agent, run)
    house.jam(table)
    with pytest.raises(StoreError):
        run.active_requirements[0].reject(note="no")
    assert seen(agent, run) == before
    house.unjam(table)
    run.active_requirements[0].reject(note="no")
    assert agent.continue_run(run).state.value == "done"
    assert house.effects == []
    assert agent.engine.audit.verify().intact


def keys_of(house: House) -> Path:
    return house.folder / "hitl.db.keys"


def _away(file: Path, place: Path) -> None:
    file.rename(place)


def test_law10_without_its_keys_nothing_changes(house: House) -> None:
    if house.store_url:
        pytest.skip("its keys are where the settings say")
    agent, run = at_the_answer(house)
    aside = house.folder / "aside"
    nothing_moves(agent, run, house, lambda: _away(keys_of(house), aside), KeysError)
    aside.rename(keys_of(house))
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state.value == "done"
    assert agent.engine.audit.verify().intact


AS_ANYBODY = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search"]
"""Before a program: root may do no more with files than their modes say, as everybody else."""
CLI = "from hitl_fsm.cli.main import main; main()"
TRIES = """
import sys
sys.path[:0] = ["tests", "."]
from pathlib import Path
from hitl_fsm.errors import StoreError
from house import House, call, calls
house = House(Path(sys.argv[1]))
agent = house.agent(house.engine(), [calls(call("pay", to="bob", amount=5))])
try:
    agent.run("another", user="alice")
except StoreError as error:
    print("refused", bool(error.help), house.effects)
"""


@contextmanager
def with_modes(folder: Path, of_folder: int, of_files: int) -> Iterator[None]:
    files = list(folder.iterdir())
    for file in files:
        file.chmod(of_files)
    folder.chmod(of_folder)
    yield
    folder.chmod(0o700)
    for file in files:
        file.chmod(0o600)


def as_anybody(*program: str) -> str:
    if os.geteuid() == 0 and shutil.which(AS_ANYBODY[0]) is None:
        pytest.skip("root may write everything here")
    first = AS_ANYBODY if os.geteuid() == 0 else []
    done = subprocess.run([*first, *program], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(("of_folder", "of_files"), [(0o500, 0o400), (0o000, 0o000)])
def test_law06_a_file_that_cannot_be_written_or_looked_at_lets_nothing_begin(
    house: House, tmp_path: Path, of_folder: int, of_files: int
) -> None:
    if house.store_url:
        pytest.skip("no file")
    _, run = at_the_answer(house)
    house.engines[0].close()
    with with_modes(tmp_path, of_folder, of_files):
        assert as_anybody(sys.executable, "-c", TRIES, str(tmp_path)) == "refused True []\n"
    again = house.engine()
    assert [one.run_id for one in again.runs.list()] == [run.run_id]


@pytest.mark.parametrize("command", [["inbox"], ["audit", "verify"], ["runs", "list"], ["doctor"]])
def test_a_folder_that_cannot_be_looked_into_is_no_defect(house: House, tmp_path: Path, command: list[str]) -> None:
    if house.store_url:
        pytest.skip("no file")
    at_the_answer(house)
    with with_modes(tmp_path, 0o000, 0o600):
        said = as_anybody(sys.executable, "-c", CLI, "--store", house.url, *command)
    assert "Permission denied" in said
    assert "HF000" not in said
