"""`runs fork`, as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.in_new_project(tmp_path)


def test_a_fork_is_a_run_of_its_own_that_asks_again(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    done = shell("--app", "app:engine", "--format", "json", "runs", "fork", run, "--at", "0")
    assert done.code == 8
    assert done.json["run"] != run
    assert shell("approve", requirement, "--yes", "--as", "alice").code == 0


def test_a_fork_from_a_step_that_was_not_taken_is_refused(shell: Shell) -> None:
    run, _ = shell.start("paying")
    done = shell("--app", "app:engine", "runs", "fork", run, "--at", "7")
    assert done.code == 2
    assert "HF318" in done.err
    assert "step 7" in done.err
