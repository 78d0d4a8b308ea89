"""A look goes to the store of the application that is named, unless another one is; both at once must mean the same."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell
from hitl_fsm import Agent, Engine
from hitl_fsm.testing import ScriptedModel

APP = """
from hitl_fsm import Engine
engine = Engine(store="sqlite:///own.db", record_keys="own.secret")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An application with a store of its own, and another store where the settings would look."""
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def used(project: Path, *args: str, **environ: str) -> tuple[int, str]:

    done = subprocess.run(
        [*PROGRAM, *args],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_reading_commands_use_the_store_of_the_application(project: Path) -> None:
    code, told = used(project, "--app", "app:engine", "runs", "list")
    assert (code, "there is no store at own.db" in told) == (3, True)
    assert not (project / "own.db").exists()
    made = Engine(store=f"sqlite:///{project / 'own.db'}")
    made.runs.list()
    made.close()
    assert used(project, "--app", "app:engine", "runs", "list")[0] == 0
    assert used(project, "inbox", HITL_FSM_APP="app:engine")[0] == 0
    assert used(project, "audit", "verify", HITL_FSM_APP="app:engine")[0] in {0, 2, 3}
    code, told = used(project, "runs", "list")
    assert (code, "there is no store at hitl.db" in told) == (3, True)


def test_another_store_beside_the_application_is_refused(project: Path) -> None:
    code, told = used(project, "--app", "app:engine", "--store", "sqlite:///other.db", "inbox")
    assert (code, "the application keeps its runs in sqlite:///own.db, not in sqlite:///other.db" in told) == (2, True)


@pytest.fixture
def two_stores(project: Path) -> Path:
    """The application's store has a record, and so has another one where the settings would look."""
    for database, keys in (("own.db", "own.secret"), ("hitl.db", "")):
        url, name = f"sqlite:///{project / database}", str(project / keys) if keys else ""
        engine = Engine(store=url, record_keys=name, default="confirm")
        Agent(name="a", model=ScriptedModel([{"say": "done"}]), engine=engine).run("go", user="alice")
        engine.close()
    return project


def test_the_keys_that_are_told_are_those_of_the_store_in_use(two_stores: Path) -> None:
    _, key = used(two_stores, "--app", "app:engine", "audit", "keys")
    code, told = used(two_stores, "--app", "app:engine", "audit", "verify", "--key", key.strip())
    assert (code, "trusted on first use" in told) == (0, False), told
    before = (two_stores / "hitl.db.keys").read_bytes(), (two_stores / "own.secret").read_bytes()
    assert used(two_stores, "--app", "app:engine", "audit", "keys", "rotate")[0] == 0
    assert (two_stores / "hitl.db.keys").read_bytes() == before[0], "another store's keys are left alone"
    assert (two_stores / "own.secret").read_bytes() != before[1]


def test_processes_that_share_a_verification_verify_the_store_in_use(two_stores: Path) -> None:
    alone = used(two_stores, "--app", "app:engine", "audit", "verify")
    assert alone[0] == 0, alone
    assert used(two_stores, "--app", "app:engine", "audit", "verify", "--jobs", "2") == alone
    for file in two_stores.glob("hitl.db*"):
        file.unlink()
    assert used(two_stores, "--app", "app:engine", "audit", "verify", "--jobs", "2") == alone
    assert not (two_stores / "hitl.db").exists()


def test_the_doctor_looks_at_the_store_of_the_application(two_stores: Path) -> None:
    with closing(sqlite3.connect(two_stores / "own.db")) as connection, connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    (two_stores / "own.secret").unlink()
    code, told = used(two_stores, "--app", "app:engine", "doctor")
    assert code == 1
    assert "sqlite:///own.db, synchronous" in told
    assert "the file is not in WAL mode" in told
    assert "the record is signed, and its keys are not there" in told
    assert "sqlite:///hitl.db, synchronous" in used(two_stores, "doctor")[1]


def test_what_is_not_there_is_not_there_in_the_store_in_use(two_stores: Path) -> None:
    for command in (("show", "req_none-0001"), ("runs", "show", "run_none")):
        code, told = used(two_stores, "--app", "app:engine", *command)
        assert (code, "in sqlite:///own.db" in told) == (2, True), told


PAUSING = """
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

@tool
def pay(to: str) -> str:
    return f"paid {to}"

engine = Engine(store="sqlite:///own.db", default="confirm")
turn = {"calls": [{"tool": "pay", "args": {"to": "bob"}}]}
agent = Agent(name="a", model=ScriptedModel([turn, {"say": "done"}]), engine=engine, tools=[pay])
"""


def test_the_commands_that_are_printed_reach_the_application_when_they_are_typed(project: Path) -> None:
    (project / "app.py").write_text(PAUSING)
    code, told = used(project, "run", "app:agent", "go", "--user", "alice")
    assert code == 8, told
    (printed,) = re.findall(r"yes, this action +hitl-fsm (.+)", told)
    requirement = re.findall(r"req_\S+", printed)[0]
    _, shown = used(project, "--app", "app:agent", "show", requirement)
    assert re.findall(r"yes, this action +hitl-fsm (.+)", shown) == [printed]
    code, told = used(project, *shlex.split(printed), "--as", "alice")
    assert code == 0, told
    (then,) = re.findall(r"can go on: hitl-fsm (.+)", told)
    assert used(project, *shlex.split(then))[0] == 0


@pytest.mark.parametrize("settings", ["", "record_sinks = 'file:///nowhere/copy.jsonl'"], ids=["no copies", "a copy"])
def test_the_doctor_makes_no_store_where_there_is_none(tmp_path: Path, settings: str) -> None:
    shell = Shell.in_new_project(tmp_path)
    with (tmp_path / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"{settings}\n")
    there = {path.name for path in tmp_path.iterdir()}
    assert "not there yet" in shell("--app", "app:engine", "doctor").out
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == there
