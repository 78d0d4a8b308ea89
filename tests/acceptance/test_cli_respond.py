"""`respond` as a process: a result instead of a call, from the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.in_new_project(tmp_path)


def test_a_result_is_given_instead_and_the_call_never_runs(shell: Shell) -> None:
    run, (requirement,) = shell.start("paying")
    assert f"respond {requirement} --data JSON" in shell("show", requirement).out
    bad = shell("respond", requirement, "--data", "cash", "--as", "alice")
    assert (bad.code, "is not JSON" in bad.err) == (2, True)
    done = shell("respond", requirement, "--data", '"paid in cash"', "--note", "by hand", "--as", "alice")
    assert done.code == 0, done.err
    assert "the call does not run" in done.out
    assert shell("respond", requirement, "--data", "1", "--as", "alice").code == 5
    told = shell("runs", "continue", run, "--app", "app:engine")
    assert (told.code, "paid in cash" in told.out) == (0, True)
    assert shell.witness() == []
    assert "substituted" in shell("runs", "show", run).out


def test_what_ran_and_what_the_agent_asks_are_not_answered_instead(shell: Shell) -> None:
    _run, (requirement,) = shell.start("asking")
    refused = shell("respond", requirement, "--data", "1", "--as", "alice")
    assert (refused.code, "does not answer" in refused.err) == (2, True)
    assert f"respond {requirement}" not in shell("show", requirement).out
