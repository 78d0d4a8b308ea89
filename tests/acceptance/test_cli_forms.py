"""Forms at a real terminal: nested, lists, secrets, what does not fit together; and the same for results."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest

from acceptance.shell import PROGRAM, Shell
from acceptance.test_cli_approve import editor
from acceptance.voting import start, voting_project
from moments import HUNG_S


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return voting_project(tmp_path)


def test_a_nested_form_is_asked_field_by_field_and_a_secret_is_not_echoed(shell: Shell) -> None:
    run, (form,) = start(shell, "opening")
    answers = [
        (r"owner\.name \(string\):", "E"),
        (r"too short(.|\n)*owner\.name \(string\):", "Eve"),
        (r"1\) ES(.|\n)*owner\.country:", "2"),
        (r"owner\.vat .*optional.*:", ""),
        (r"secret .*not shown.*", "abc"),
        (r"secret .*not shown.*", "abcd9"),
        (r"tags\.1 .*:", "too long"),
        (r"tags\.1 .*:", "red"),
        (r"tags\.2 .*:", ""),
        (r"active .*default true.*:", "y"),
    ]
    done = shell.at_terminal("input", form, "--as", "alice", answers=answers, NO_COLOR="1")
    assert done.code == 0, done.out
    assert "abcd9" not in done.out
    assert shell("runs", "continue", run).code == 0
    assert shell.witness() == ["open {'name': 'Eve', 'country': 'FR'} abcd9 ['red'] True"]


def test_an_interrupted_form_stores_nothing(shell: Shell) -> None:
    _, (form,) = start(shell, "opening")
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "input", form, "--as", "alice"],
        cwd=shell.folder,
        stdin=side,
        stdout=side,
        stderr=side,
        env=shell.environ(),
        start_new_session=True,
    )
    os.close(side)
    screen, end = "", time.monotonic() + HUNG_S
    while "owner.name" not in screen and time.monotonic() < end:
        screen += os.read(main, 65_536).decode()
    os.write(main, b"Eve\n")
    while "owner.country" not in screen and time.monotonic() < end:
        screen += os.read(main, 65_536).decode()
    process.send_signal(signal.SIGINT)
    assert process.wait(HUNG_S) == 130, screen
    os.close(main)
    (still,) = shell("inbox", "--format", "json").lines
    assert still["id"] == form
    assert shell("audit", "show", "--format", "json").out.count("requirement_resolved") == 0


def test_a_form_is_filled_in_with_an_editor(shell: Shell) -> None:
    run, (form,) = start(shell, "opening")
    same = shell("input", form, "--edit", "--as", "alice", VISUAL=editor(shell, ""))
    assert same.code == 2
    assert "nothing was filled in" in same.err
    values = {"owner": {"name": "E", "country": "FR"}, "secret": "abcd9", "tags": [], "active": None}
    bad = shell("input", form, "--edit", "--as", "alice", VISUAL=writing(shell, values))
    assert bad.code == 2
    assert "owner.name" in bad.err
    header = (shell.folder / "seen.txt").read_text(encoding="utf-8")
    assert "#   secret: string, required" in header
    values["owner"] = {"name": "Eve", "country": "FR"}
    assert shell("input", form, "--edit", "--as", "alice", VISUAL=writing(shell, values)).code == 0
    assert shell("runs", "continue", run).code == 0
    assert shell.witness() == ["open {'name': 'Eve', 'country': 'FR'} abcd9 [] True"]


def writing(shell: Shell, value: object) -> str:
    """An editor that writes this, under what the file says first."""
    body = (
        "head = [line for line in text.splitlines() if line.startswith('#')]\n"
        f"file.write_text('\\n'.join([*head, {json.dumps(value)!r}]))\n"
    )
    return editor(shell, body)


def test_a_result_is_asked_for_by_the_schema_of_its_route(shell: Shell) -> None:
    run, (screen,) = start(shell, "screening")
    bare = shell("result", screen)
    assert bare.code == 2
    assert "hit: boolean, required" in bare.err
    answers = [
        (r"hit \(boolean\):", "perhaps"),
        (r"hit \(boolean\):", "no"),
        (r"score .*:", "2"),
        (r"score .*:", "0.5"),
    ]
    done = shell.at_terminal("result", screen, "--as", "alice", answers=answers, NO_COLOR="1")
    assert done.code == 0, done.out
    told = shell("runs", "continue", run)
    assert '{"hit": false, "score": 0.5}' in told.out.replace('":', '": ').replace(",", ", ").replace("  ", " ")
