"""A backup that is taken while several write is one moment of the store; restored, every run in it can be finished."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from acceptance.backup_writer import Place
from hitl_fsm.adapters.keys import SUFFIX
from hitl_fsm.model.answer import GiveUp
from hitl_fsm.model.states import RunState
from moments import HUNG_S
from postgres import Server
from postgres_programs import backup_programs

TESTS = Path(__file__).parents[1]
WRITERS = 3
RUNS_BEFORE = 12
RUNS_AFTER = 6


@contextmanager
def writing(folder: Path, url: str) -> Iterator[Callable[[], int]]:
    """Several processes that start runs and leave each third one waiting; how many runs there are so far."""
    made = folder / "made"
    made.touch()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(str(place) for place in (TESTS, TESTS.parent))}
    program = [sys.executable, str(TESTS / "acceptance/backup_writer.py"), str(folder), url]
    processes = [subprocess.Popen(program, env=environ) for _ in range(WRITERS)]
    try:
        yield lambda: made.stat().st_size
    finally:
        (folder / "stop").touch()
        codes = [process.wait(HUNG_S) for process in processes]
    assert codes == [0] * WRITERS


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HUNG_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def back_up(folder: Path, url: str, take: Callable[[], None]) -> None:
    """In the middle of the writing."""
    with writing(folder, url) as made:
        until(lambda: made() >= RUNS_BEFORE)
        take()
        after = made()
        until(lambda: made() >= after + RUNS_AFTER)


def check_and_finish(original: str, restored: str) -> None:
    """The restored record is the beginning of the original's, and every run comes to its end."""
    before, place = Place(original), Place(restored)
    assert place.engine.audit.verify().intact
    lines, all_lines = place.engine.audit.records(), before.engine.audit.records()
    assert RUNS_BEFORE < len(lines) < len(all_lines)
    assert lines == all_lines[: len(lines)]
    states = place.states()
    assert {"done", "paused"} <= set(states)
    assert len(states) < len(before.states())
    deadline = time.monotonic() + HUNG_S
    while set(place.states()) != {"done"}:
        assert time.monotonic() < deadline, place.states()
        for requirement in place.engine.inbox.list(limit=10_000):
            handle = place.engine.inbox.get(requirement.requirement_id)
            if handle.is_outcome_unknown:  # its worker was in the middle of it when the backup was made
                place.engine.resolve(handle.id, GiveUp(), by="alice")
            else:
                handle.confirm(by="alice")
        for one in place.engine.continue_ready():
            assert one.error is None
            assert one.run is not None
            assert one.run.state is RunState.DONE or one.run.is_paused
    assert place.engine.audit.verify().intact
    before.engine.close()
    place.engine.close()


def online_backup(source: Path, target: Path) -> None:
    """What `.backup` of the program `sqlite3` does."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing_to,
    ):
        reading.backup(writing_to, pages=100)


def vacuum_into(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)) as reading:
        reading.execute("VACUUM INTO ?", (str(target),))
    with closing(sqlite3.connect(target)) as made:
        made.execute("PRAGMA journal_mode = WAL")


@pytest.mark.parametrize("take", [online_backup, vacuum_into])
def test_sqlite(tmp_path: Path, take: Callable[[Path, Path], None]) -> None:
    source, target = tmp_path / "hitl.db", tmp_path / "backup.db"
    url = f"sqlite:///{source}?synchronous=normal"
    back_up(tmp_path, url, lambda: take(source, target))
    shutil.copy(f"{source}{SUFFIX}", f"{target}{SUFFIX}")  # of the keys there is a copy apart from the database's
    check_and_finish(url, f"sqlite:///{target}?synchronous=normal")


def test_postgresql(tmp_path: Path, postgres_server: Server, postgres_database: str) -> None:
    programs, dump = backup_programs(postgres_server), tmp_path / "backup.dump"
    url = postgres_server.url(postgres_database)

    def program(name: str, *args: str) -> None:
        done = subprocess.run([programs / name, *args], capture_output=True, text=True, timeout=HUNG_S, check=False)
        assert done.returncode == 0, done.stderr

    back_up(tmp_path, url, lambda: program("pg_dump", "--format=custom", "--schema=hitl_fsm", f"--file={dump}", url))
    restored = postgres_server.create_database()
    try:
        target = postgres_server.url(restored)
        program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={target}", str(dump))
        check_and_finish(url, target)
    finally:
        postgres_server.drop_database(restored)
