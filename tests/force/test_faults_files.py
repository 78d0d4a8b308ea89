"""Files that cannot be written, are gone, or are another's, under a live engine or at its start: nothing runs."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fault_places import KINDS, Place, place_of, read_only

from hitl_fsm import Agent, Engine
from hitl_fsm.cli.main import run as command_line
from hitl_fsm.errors import StoreBusy, StoreError
from hitl_fsm.runtime.handles import RunHandle
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5))]
PAID = [("pay", "bob", 5.0, "-")]
BESIDE = ("", "-wal", "-shm", ".lock")
OPERATIONAL = 3


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with place_of(request.param) as made:
        yield made


def two_runs(house: House) -> tuple[RunHandle, RunHandle]:
    """One whose answer is in, one that waits; nothing is open afterwards."""
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    ready, waiting = agent.run("go", user="alice"), agent.run("go", user="alice")
    ready.active_requirements[0].confirm()
    engine.close()
    house.engines.clear()
    return ready, waiting


def new_agent(house: House) -> Agent:
    return house.agent(house.engine(), SCRIPT)


def writing(agent: Agent, ready: RunHandle, waiting: RunHandle) -> list[Callable[[], object]]:
    """All that writes."""
    engine: Engine = agent.engine
    question = waiting.active_requirements[0].value
    return [
        lambda: agent.continue_run(run_id=ready.run_id),
        lambda: engine.inbox.get(question.requirement_id).confirm(),
        lambda: engine.inbox.get(question.requirement_id).reject(),
        lambda: engine.cancel(waiting.run_id),
        lambda: agent.run("another", user="alice"),
    ]


def told(action: Callable[[], object]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        action()
    assert caught.value.message
    assert caught.value.help
    return caught.value


def test_law06_nothing_can_be_written_when_an_engine_is_made(place: Place) -> None:
    house = House(place.folder)
    ready, waiting = two_runs(house)
    place.shut()
    agent = new_agent(house)
    try:
        for action in writing(agent, ready, waiting):
            told(action)
        told(agent.engine.continue_ready)
    finally:
        place.open()
    assert house.effects == []
    assert agent.continue_run(run_id=ready.run_id).output == "the end"
    assert agent.engine.inbox.get(waiting.active_requirements[0].id).state == "open"
    assert house.effects == PAID
    assert agent.engine.audit.verify().intact
    agent.engine.close()


def test_law06_the_command_line_says_that_nothing_can_be_written(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(place.folder)
    _, waiting = two_runs(house)
    url = f"sqlite:///{place.folder}/hitl.db"
    monkeypatch.chdir(place.folder)
    place.shut()
    try:
        for words in (["approve", waiting.active_requirements[0].id, "--yes"], ["runs", "cancel", waiting.run_id]):
            monkeypatch.setattr("sys.argv", ["hitl-fsm", "--store", url, *words])
            assert command_line() == OPERATIONAL
            err = capsys.readouterr().err
            assert "error: HF" in err
            assert "HF000" not in err
            assert "hint: " in err
        monkeypatch.setattr("sys.argv", ["hitl-fsm", "--store", url, "doctor"])
        assert command_line() == 1
        assert "problem" in capsys.readouterr().out
    finally:
        place.open()


def test_a_live_engine_goes_on_when_only_the_permissions_change() -> None:
    """What is open stays open: no half of a run is refused because somebody changed a mode."""
    with place_of("permissions") as place:
        house = House(place.folder)
        agent = new_agent(house)
        run = agent.run("go", user="alice")
        read_only(place.folder)
        run.active_requirements[0].confirm()
        assert agent.continue_run(run).output == "the end"
        assert house.effects == PAID
        agent.engine.close()


# -- taken away, or exchanged, under a live engine


def copy_of(house: House) -> Path:
    """A backup as `sqlite3 .backup` makes it."""
    copy = house.folder / "backup.db"
    with closing(sqlite3.connect(house.folder / "hitl.db")) as this, closing(sqlite3.connect(copy)) as that:
        this.backup(that)
    return copy


def remove(house: House) -> None:
    for end in BESIDE:
        (house.folder / f"hitl.db{end}").unlink(missing_ok=True)


def remove_the_database_alone(house: House) -> None:
    (house.folder / "hitl.db").unlink()


def put_a_backup_in_its_place(house: House) -> None:
    copy = copy_of(house)
    remove(house)
    copy.rename(house.folder / "hitl.db")


def put_another_database_in_its_place(house: House) -> None:
    remove(house)
    other_programs(house.folder / "hitl.db")


def put_a_folder_in_its_place(house: House) -> None:
    remove(house)
    (house.folder / "hitl.db").mkdir()


TAKEN_AWAY = [
    remove,
    remove_the_database_alone,
    put_a_backup_in_its_place,
    put_another_database_in_its_place,
    put_a_folder_in_its_place,
]


@pytest.mark.parametrize("take_away", TAKEN_AWAY, ids=lambda found: found.__name__)
def test_law03_a_database_taken_away_under_a_live_engine_stops_it(
    house: House, take_away: Callable[[House], None]
) -> None:
    """Its log would be in a file that nobody finds again: what it did, the next engine would do once more."""
    agent = new_agent(house)
    ready, waiting = agent.run("go", user="alice"), agent.run("go", user="alice")
    ready.active_requirements[0].confirm()
    take_away(house)
    for action in writing(agent, ready, waiting):
        told(action)
    assert house.effects == []
    if take_away is put_a_backup_in_its_place:
        assert new_agent(house).continue_run(run_id=ready.run_id).output == "the end"
        assert house.effects == PAID


def test_a_lock_file_taken_away_lets_no_second_writer_in(house: House) -> None:
    """Two lock files are no lock: who holds one must see that it is not the one that stands there."""
    old = new_agent(house)
    old.run("go", user="alice")
    (house.folder / "hitl.db.lock").unlink()
    new = new_agent(house)
    new.run("go", user="alice")
    locks = [agent.engine.store._database.lock for agent in (old, new)]  # type: ignore[attr-defined]
    locks[1]._wait_s = 0.05
    with locks[0], pytest.raises(StoreBusy), locks[1]:
        pass


# -- there already, and not ours


def other_programs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE invoice (id INTEGER)")
        connection.execute("INSERT INTO invoice VALUES (1)")


def text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 500)


def folder(path: Path) -> None:
    path.mkdir()


def dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "hitl.db")


FOREIGN = [other_programs, text, folder, dangling_link]


@pytest.mark.parametrize("what", FOREIGN, ids=lambda found: found.__name__)
def test_law06_what_is_not_ours_is_named_and_left_alone(house: House, what: Callable[[Path], None]) -> None:
    path = house.folder / "hitl.db"
    what(path)
    before = path.read_bytes() if path.is_file() else None
    agent = new_agent(house)
    engine = agent.engine
    for action in (lambda: agent.run("go", user="alice"), engine.inbox.list, engine.runs.list, engine.audit.verify):
        assert "hitl.db" in told(action).message or what is dangling_link
    assert house.effects == []
    if before is not None:
        assert path.read_bytes() == before


def test_an_older_copy_in_the_place_of_the_database_is_whole_for_the_next_engine(house: House) -> None:
    """Restored as the book says: everybody stopped, the copy put there. What came later is gone; all else holds."""
    agent = new_agent(house)
    run = agent.run("go", user="alice")
    copy = copy_of(house)
    (question,) = run.active_requirements
    question.reject(note="no")
    agent.engine.close()
    remove(house)
    shutil.copyfile(copy, house.folder / "hitl.db")
    after = new_agent(house)
    assert after.engine.audit.verify().intact
    assert after.engine.inbox.get(question.id).state == "open"
    assert after.continue_run(run_id=run.run_id).is_paused
    assert house.effects == []
