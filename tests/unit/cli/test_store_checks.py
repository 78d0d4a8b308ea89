"""What `doctor` finds in a store, whatever state it is in: each thing that is no good has a remedy."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer

from hitl_fsm import Engine, tool
from hitl_fsm.cli.doctor import store as store_checks
from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.cli.doctor.store import size, store
from hitl_fsm.cli.runs.prune import age_ms
from hitl_fsm.cli.session import Session
from hitl_fsm.cli.store_file import shown
from house import House, call, calls
from postgres import Server

MIB = 1024 * 1024


@pytest.fixture
def file(house: House) -> Path:
    """A store in which one run waits."""
    engine = house.engine()
    house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    engine.close()
    return house.folder / "hitl.db"


def findings(url: str | Path) -> dict[str, Check]:
    """By what they are about."""
    found = list(store(Session(app="app:engine", store=f"sqlite:///{url}" if isinstance(url, Path) else url)))
    assert all(check.remedy for check in found if check.outcome != "ok"), found
    assert len({check.topic for check in found}) == len(found)
    return {check.topic: check for check in found}


def problems(url: str | Path) -> dict[str, str]:
    """What is said of each problem, and of its remedy."""
    return {
        topic: f"{check.told} | {check.remedy}" for topic, check in findings(url).items() if check.outcome == "problem"
    }


def sql(file: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, values)


def test_a_sound_store_has_no_problem_and_nothing_is_changed_by_looking(file: Path) -> None:
    before = file.read_bytes()
    found = findings(file)
    assert problems(file) == {}
    assert found["content"].told.startswith("1 runs, 1 open questions, ")
    assert {"store", "schema", "content", "stuck", "timers", "clock", "size", "disk"} <= set(found)
    assert file.read_bytes() == before


def test_a_store_that_is_missing(tmp_path: Path) -> None:
    assert findings(tmp_path / "new.db")["store"].outcome == "note"
    assert "mkdir -p" in problems(tmp_path / "none/new.db")["store"]
    assert list(tmp_path.iterdir()) == []


def test_an_older_and_a_newer_schema_are_told_and_left_alone(file: Path) -> None:
    sql(file, "UPDATE alembic_version SET version_num = '0001'")
    older = findings(file)["schema"]
    assert (older.outcome, "hitl-fsm db upgrade" in str(older.remedy)) == ("note", True)
    assert findings(file)["schema"].told.startswith("0001;"), "it was not migrated by looking"
    sql(file, "UPDATE alembic_version SET version_num = '9999'")
    assert "a newer hitl-fsm made it | it is refused" in problems(file)["schema"]


def test_a_file_that_is_empty_foreign_damaged_or_none(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "other.db"
    other.touch()
    assert findings(other)["schema"].outcome == "note"
    sql(other, "CREATE TABLE theirs (x)")
    assert "not one of hitl-fsm" in problems(other)["schema"]
    other.write_bytes(b"no database" * 100)
    assert "not a database" in problems(other)["store"]
    body = file.read_bytes()
    for damaged in (body[:1024] + b"\xff" * (len(body) - 1024), body[: len(body) // 2], body[:50]):
        other.write_bytes(damaged)
        assert problems(other), "it is seen, and no traceback"
    assert "is a directory | name a file in it" in problems(tmp_path)["store"]
    for url in ("mysql://x", "nonsense", "sqlite:///"):
        assert "HF501" in problems(url)["store"]


def test_who_holds_the_lock_or_the_file_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_checks, "LOCK_PROBE_S", 0.05)
    with Path(f"{file}.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert f"fuser -v {file}.lock" in problems(file)["lock"]
    assert problems(file) == {}


def test_a_file_out_of_wal_mode_is_told_and_the_remedy_helps(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    found = findings(file)["journal"]
    assert found.outcome == "problem"
    run_remedy(str(found.remedy), file)
    assert "journal" not in findings(file)


def run_remedy(command: str, file: Path) -> None:
    """A `flock … sqlite3 …` as it was advised; the SQL through Python, for machines without the program."""
    flock, lock, program, database, statement = shlex.split(command)
    assert (flock, lock, program, database) == ("flock", f"{file}.lock", "sqlite3", str(file))
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(statement)


def test_what_a_vacuum_gives_back_is_told_where_it_is_worth_it(file: Path) -> None:
    sql(file, "INSERT INTO event (run_id, seq, body) VALUES ('x', 1, ?)", bytes(17 * MIB))
    sql(file, "DELETE FROM event WHERE run_id = 'x'")
    found = findings(file)
    assert found["unused space"].told.startswith("17.1 MiB of 17.1 MiB")
    before = file.stat().st_size
    run_remedy(str(found["unused space"].remedy).partition(" (")[0], file)
    assert file.stat().st_size < before / 10
    assert "unused space" not in findings(file)


def test_a_full_disk_and_a_clock_that_is_off_are_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_checks, "FREE_BYTES", 1 << 60)
    monkeypatch.setattr(store_checks, "now_ms", lambda: 0)
    found = problems(file)
    assert set(found) == {"disk", "clock"}
    assert "on a full disk nothing is executed" in found["disk"]
    assert "s ahead of this machine's | set both by NTP" in found["clock"]
    monkeypatch.setattr(store_checks, "WAL_BYTES", -1)
    Path(f"{file}-wal").touch()
    assert "fuser -v" in problems(file)["write-ahead log"]


def test_what_needs_somebody_in_the_runs_is_told(house: House) -> None:
    class Crash(BaseException):
        pass

    @tool
    async def pay(to: str, amount: float) -> str:
        """Send money."""
        raise Crash

    rules = "- id: pay\n  tools: pay\n  gate: {approval: {of: [requester], expires: 1h}}"
    engine = house.engine(rules)
    file = house.folder / "hitl.db"

    def lost() -> str:
        agent = house.agent(engine, [calls(call("pay", to="b", amount=1))], tools=[pay])
        run = agent.run("go", user="alice")
        run.active_requirements[0].confirm()
        assert "1 run could go on" in findings(file)["ready"].told
        with pytest.raises(Crash):
            asyncio.run(agent.acontinue_run(run))
        sql(file, "UPDATE run SET owner = 'elsewhere/1/2:7:8:a', leased_until = 1 WHERE run_id = ?", run.run_id)
        return run.run_id

    run_id = lost()
    assert "1 run: the worker is gone | `hitl-fsm runs list --stuck`" in problems(file)["stuck"]
    house.agent(engine, [calls(call("pay", to="b", amount=1))], tools=[pay])
    engine.continue_ready()
    assert "1 call: nobody knows whether it happened" in problems(file)["unknown outcomes"]
    house.engine(rules).cancel(run_id, by="alice")
    cut = findings(file)["cut off"]
    assert (cut.outcome, cut.told.startswith("1 call had begun")) == ("note", True)

    house.agent(engine, [calls(call("pay", to="b", amount=1))]).run("go", user="alice")
    sql(file, "UPDATE timer SET due_at = 1")
    assert set(problems(file)) == {"timers"}
    assert "1 timer overdue" in problems(file)["timers"]


def test_what_this_user_may_not_write_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: real(place, mode) and Path(place) != file)  # as for a user
    assert f"{file} cannot be written by you" in problems(file)["writing"]


def test_a_folder_that_may_not_be_entered_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", closed)  # as for a user that is not root, whom nothing is closed to
    assert "Permission denied | make the file" in problems(file)["store"]


def test_postgresql_is_looked_at_too(postgres_server: Server, postgres_database: str) -> None:
    url = postgres_server.url(postgres_database)
    assert findings(url)["schema"].outcome == "note", "an empty database"
    engine = Engine(None, url)
    engine.runs.list()
    engine.close()
    found = findings(url)
    assert not problems(url)
    assert "host" in found["disk"].told
    assert found["size"].told.endswith("the record has 0 lines")
    postgres_server.sql("UPDATE alembic_version SET version_num = '9999'", postgres_database)
    assert "a newer hitl-fsm made it" in problems(url)["schema"]
    away = f"postgresql://who:secret@127.0.0.1:1/{postgres_database}"
    told = problems(away)["store"]
    assert "HF50" in told
    assert "secret" not in told + shown(away)


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (3 * MIB, "3.0 MiB")]
)
def test_sizes_are_for_people(number: int, told: str) -> None:
    assert size(number) == told


@pytest.mark.parametrize(("text", "ms"), [("30m", 1_800_000), ("12h", 43_200_000), ("90d", 7_776_000_000), ("0d", 0)])
def test_an_age_is_a_number_and_a_unit(text: str, ms: int) -> None:
    assert age_ms(text) == ms


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1.5h", "90 d", "9999999d", "", "1d\n"])
def test_anything_else_is_no_age(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no age"):
        age_ms(text)
