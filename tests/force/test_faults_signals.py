"""A program that is told to end, inside a tool: it ends, and leaves a run that goes on and does nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_scenario import LONG_MS
from kill_nursery import python_environ
from witness import Witness

from hitl_fsm import Engine
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.testing import FrozenClock

PROGRAM = [sys.executable, "-c", "from hitl_fsm.cli.main import main; main()", "--app", "fault_app:engine"]
END_S = 120.0
"""Less than the tools of `fault_app` take by themselves: who waits for those does not end in time."""
INTERRUPTED = 130
TERMINATED = {-signal.SIGTERM, INTERRUPTED, 143}


class Site:
    """A folder, the programs that were started there, and the place where they say that they are inside a tool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/hitl.db"
        self._programs: list[subprocess.Popen[str]] = []
        os.mkfifo(folder / "begun")

    def start(self, *words: str) -> subprocess.Popen[str]:
        environ = python_environ() | {"HITL_FSM_STORE": self.url, "FAULT_FOLDER": str(self.folder)}
        program = subprocess.Popen(
            [*PROGRAM, *words], cwd=self.folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._programs.append(program)
        return program

    def wait_inside(self) -> None:
        """Until a tool has begun."""
        assert (self.folder / "begun").read_text() == "x"

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def effects(self) -> list[str]:
        return [line["effect"] for line in Witness(self.folder / "effects.jsonl").lines()]

    def close(self) -> None:
        self.let_go()
        for program in self._programs:
            program.kill()
            program.communicate()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def ended(program: subprocess.Popen[str], number: int = 0) -> int:
    """Its exit code; no traceback was seen, but after a SIGINT in the middle of a step, which Python may tell so."""
    _, err = program.communicate(timeout=END_S)
    assert number == signal.SIGINT or "Traceback" not in err, err
    assert "HF000" not in err, err
    return program.returncode


def goes_on(site: Site) -> None:
    """Whoever comes next finds what was left: it asks about the call, or knows its end, and never repeats it."""
    site.let_go()
    done = len(site.effects())
    later = FrozenClock(time.time_ns() // 1_000_000 + LONG_MS)  # a thread that was left may act for a while
    engine = Engine(store=site.url, clock=later)
    (row,) = engine.runs.list()
    if row.state in {RunState.CONTINUING, RunState.RUNNING}:
        assert ended(site.start("runs", "continue", row.run_id)) in {0, 8}
    run = engine.runs.get(row.run_id)
    if run.is_paused:
        (question,) = run.active_requirements
        assert question.is_outcome_unknown
        assert run.calls[0].state is CallState.OUTCOME_UNKNOWN
        question.it_happened("it did")
        assert ended(site.start("runs", "continue", row.run_id)) == 0
    assert run.refresh().state is RunState.DONE
    assert len(site.effects()) == done == 1
    assert engine.audit.verify().intact
    engine.close()


@pytest.mark.parametrize(
    ("which", "number"),
    [
        ("paying", signal.SIGINT),
        pytest.param("paying", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("shipping", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("shipping", signal.SIGTERM, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_law03_a_run_that_is_interrupted_inside_a_tool_goes_on(site: Site, which: str, number: int) -> None:
    program = site.start("run", f"fault_app:{which}", "go", "--user", "alice")
    site.wait_inside()
    program.send_signal(number)
    assert ended(program, number) in (TERMINATED if number == signal.SIGTERM else {INTERRUPTED})
    goes_on(site)


def stuck_run(site: Site, which: str) -> None:
    """A run that is ready for whoever comes: its worker died before the model was asked again."""
    program = site.start("run", f"fault_app:{which}", "go", "--user", "alice")
    site.wait_inside()
    program.kill()
    program.communicate()
    engine = Engine(store=site.url)
    (row,) = engine.runs.list()
    assert ended(site.start("runs", "continue", row.run_id)) == 8
    engine.runs.get(row.run_id).active_requirements[0].it_did_not_happen()
    engine.close()
    (site.folder / "effects.jsonl").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_a_worker_that_is_told_to_leave_finishes_what_is_under_way(site: Site, number: int) -> None:
    stuck_run(site, "shipping")
    worker = site.start("worker", "--poll", "0.05")
    site.wait_inside()
    worker.send_signal(number)
    site.let_go()
    assert ended(worker) == 0
    engine = Engine(store=site.url)
    assert engine.runs.list()[0].state == RunState.DONE
    engine.close()
    assert site.effects() == ["ship"]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["paying", "shipping"])
def test_law03_a_worker_that_is_told_twice_cuts_off_what_is_under_way(site: Site, which: str) -> None:
    stuck_run(site, which)
    worker = site.start("worker", "--poll", "0.05")
    site.wait_inside()
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGINT)
    assert ended(worker) == INTERRUPTED
    goes_on(site)
