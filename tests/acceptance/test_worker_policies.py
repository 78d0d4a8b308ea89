"""A worker, as a real process, takes changed policy files over, and stays with the old ones where they do not load."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.shell import APP, POLICY, PROGRAM, Shell
from moments import HUNG_S


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.in_new_project(tmp_path)
    (tmp_path / "app.py").write_text(APP.replace("Engine(policies", "Engine(reload=0.1, policies"), encoding="utf-8")
    return made


@pytest.fixture
def worker(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*PROGRAM, "--app", "app:engine", "worker", "--poll", "0.05"],
        cwd=shell.folder,
        env=shell.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "working" in process.stderr.readline()  # the policies as they were have been loaded
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def record(shell: Shell, event: str) -> list[dict[str, Any]]:
    shown = shell("audit", "show", "--format", "json", "--limit", "1000").out
    found = [json.loads(line) for line in shown.splitlines()]
    return [one for one in found if one["event"] == event]


def eventually(shell: Shell, event: str, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + HUNG_S
    while len(found := record(shell, event)) < count:
        assert time.monotonic() < deadline, (event, found)
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_a_worker_takes_changed_policies_over_and_refuses_those_that_do_not_load(
    shell: Shell, worker: subprocess.Popen[str]
) -> None:
    run_id, (question,) = shell.start("paying")
    file = shell.folder / "house.policy.yaml"
    file.write_text(POLICY.replace("tools: pay, gate: confirm", "tools: pay, gate: confrim"), encoding="utf-8")
    (refused,) = eventually(shell, "policies_refused", 1)
    assert "house.policy.yaml:10" in refused["data"]["findings"][0]
    bad = shell("--app", "app:engine", "doctor")
    assert bad.code == 1
    assert "refused changed policies" in bad.out
    assert "house.policy.yaml:10" in bad.out

    file.write_text(POLICY.replace("tools: pay, gate: confirm", "tools: pay, gate: deny"), encoding="utf-8")
    activated = eventually(shell, "policies_activated", 2)[-1]
    assert activated["data"]["was"] == refused["data"]["in_force"]
    assert "as on disk" in shell("--app", "app:engine", "doctor").out
    assert shell("approve", question, "--as", "alice").code == 0
    assert shell("wait", run_id, "--timeout", "30").code == 0
    assert shell.witness() == [], "approved under the old set, denied by the new one"

    worker.terminate()
    _, told = worker.communicate(timeout=HUNG_S)
    assert told.count("changed policies refused") == 1
    assert f"the policies are now those of {activated['data']['policies'][:12]}" in told
    assert len(record(shell, "policies_refused")) == 1
    assert shell("audit", "verify").code == 0
