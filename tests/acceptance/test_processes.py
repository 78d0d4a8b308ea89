"""Real processes on one database: nothing but the file is shared, and they are really killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROCESS = Path(__file__).with_name("process.py")


def begin(folder: Path, *command: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROCESS), str(folder), *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=60)
    return json.loads(out) if out else {"killed": -process.returncode}


def do(folder: Path, *command: str, **environ: str) -> dict[str, Any]:
    return end(begin(folder, *command, **environ))


def effects(folder: Path) -> list[str]:
    file = folder / "witness.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def approved(folder: Path) -> str:
    run_id = do(folder, "start")["run"]
    assert do(folder, "confirm", run_id)["state"] == "continuing"
    return str(run_id)


def test_law01_each_step_in_a_process_of_its_own(tmp_path: Path) -> None:
    started = do(tmp_path, "start")
    assert (started["state"], started["open"]) == ("paused", ["confirm"])
    assert do(tmp_path, "continue", started["run"])["state"] == "paused"
    assert effects(tmp_path) == []
    do(tmp_path, "confirm", started["run"])
    assert do(tmp_path, "continue", started["run"]) == {
        "run": started["run"],
        "state": "done",
        "open": [],
        "output": "the end",
    }
    assert do(tmp_path, "continue", started["run"])["state"] == "done"
    assert effects(tmp_path) == ["paid 5 to bob"]


@pytest.mark.parametrize("place", ["before the effect", "after the effect"])
def test_law03_killed_inside_the_tool_it_never_runs_twice(tmp_path: Path, place: str) -> None:
    run_id = approved(tmp_path)
    assert do(tmp_path, "continue", run_id, DIE_AT=place) == {"killed": 9}
    before = effects(tmp_path)
    assert len(before) == (1 if place == "after the effect" else 0)
    recovered = do(tmp_path, "continue", run_id)
    assert (recovered["state"], recovered["open"]) == ("paused", ["outcome"])
    assert effects(tmp_path) == before


def test_law02_two_processes_continue_one_run(tmp_path: Path) -> None:
    run_id = approved(tmp_path)
    both = [begin(tmp_path, "continue", run_id, WAIT_FOR_GO="1", TOOL_SECONDS="0.3") for _ in range(2)]
    (tmp_path / "go").touch()
    ends = [end(process) for process in both]
    assert effects(tmp_path) == ["paid 5 to bob"]
    assert sorted("error" if "error" in one else one["state"] for one in ends) in (["done", "done"], ["done", "error"])
    assert {one["error"] for one in ends if "error" in one} <= {"HF305", "HF306"}
    assert do(tmp_path, "continue", run_id)["state"] == "done"


def test_law02_two_processes_answer_one_question(tmp_path: Path) -> None:
    run_id = do(tmp_path, "start")["run"]
    both = [begin(tmp_path, "confirm", run_id, WAIT_FOR_GO="1") for _ in range(2)]
    (tmp_path / "go").touch()
    ends = [end(process) for process in both]
    won = [one for one in ends if one.get("state") == "continuing"]
    assert won
    assert {one["error"] for one in ends if "error" in one} <= {"HF304"}
    do(tmp_path, "continue", run_id)
    assert effects(tmp_path) == ["paid 5 to bob"]
