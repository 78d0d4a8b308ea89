"""Bytes of the command line that are not UTF-8 are wrong usage, in words; nothing is made."""

from __future__ import annotations

import os

import pytest

from acceptance.shell import Shell

BROKEN = os.fsdecode(b"bad \xff byte")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell.in_new_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ((BROKEN,), "the prompt"),
        ((BROKEN, "--stream"), "the prompt"),
        (("go", "--user", BROKEN), "the actor's name"),
    ],
    ids=["prompt", "streamed", "user"],
)
def test_a_run_is_not_started_with_broken_text(shell: Shell, args: tuple[str, ...], what: str) -> None:
    done = shell("run", "app:paying", *args)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: HF316 {what} is not valid text")
    assert "not UTF-8" in done.err
    listed = shell("runs", "list", "--format", "json")
    assert listed.code == 3 or listed.json == []


def test_a_run_is_not_answered_by_a_broken_name(shell: Shell) -> None:
    _, (requirement,) = shell.start("paying")
    done = shell("approve", requirement, "--as", BROKEN)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: HF316 the id of the actor is not valid text")


@pytest.mark.parametrize(
    "args", [("show",), ("approve",), ("runs", "show"), ("runs", "cancel"), ("--app", "app:engine", "runs", "continue")]
)
def test_a_broken_id_is_found_nowhere(shell: Shell, args: tuple[str, ...]) -> None:
    shell.start("paying")
    done = shell(*args, BROKEN)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: HF30")
