"""The list of what waits: whose it is, which of it, what changed about it, and what a new policy affects."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from acceptance.shell import PROGRAM, Shell
from acceptance.voting import start, voting_project
from moments import HUNG_S


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return voting_project(tmp_path)


def listed(shell: Shell, *options: str) -> set[str]:
    found = shell("inbox", *options, "--format", "json")
    assert found.code == 0, found.err
    return {one["id"] for one in found.lines}


def test_the_list_is_narrowed_by_what_is_asked(shell: Shell) -> None:
    run, (wire,) = start(shell, "wiring")
    _, (one, two) = start(shell, "paying", "bert")
    assert listed(shell) == {wire, one, two}
    assert listed(shell, "--run", run, "--tool", "w*", "--agent", "wiring", "--risk", "medium") == {wire}
    assert listed(shell, "--kind", "approval", "--expiring", "3h") == {wire}
    assert listed(shell, "--tool", "pay*") == {one, two}
    for wrong in (["--risk", "huge"], ["--kind", "wish"], ["--expiring", "soon"], ["--as", "maria"]):
        assert shell("inbox", *wrong).code == 2, wrong


def test_mine_is_what_this_person_may_answer_now(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring", "maria")  # for maria, who may not approve her own
    _, (one, two) = start(shell, "paying", "bert")
    _, (form,) = start(shell, "opening")
    for who, expected in (
        ("maria", set()),
        ("frank", {wire}),
        ("bert", {one, two}),
        ("alice", {form}),
        ("otto", set()),
    ):
        assert listed(shell, "--mine", "--as", who) == expected, who
    assert shell("approve", wire, "--as", "frank").code == 0
    assert listed(shell, "--mine", "--as", "frank") == set()  # has voted
    assert listed(shell, "--mine", "--as", "nina") == {wire}
    assert "nothing of that waits for a person" in shell("inbox", "--mine", "--as", "otto").err
    assert "nothing of that waits for a person" in shell("inbox", "--agent", "otto").err


def test_only_the_oldest_are_listed(shell: Shell) -> None:
    start(shell, "wiring")
    start(shell, "paying", "bert")
    every = [one["id"] for one in shell("inbox", "--format", "json").lines]
    assert len(every) > 1
    assert [one["id"] for one in shell("inbox", "--limit", "1", "--format", "json").lines] == every[:1]
    assert shell("inbox", "--limit", "0").code == 2


def test_a_position_in_the_list_is_no_id(shell: Shell) -> None:
    start(shell, "paying")
    for command in (["approve", "1"], ["reject", "1"], ["withdraw", "1"], ["input", "1", "--data", "{}"]):
        refused = shell(*command, "--as", "alice")
        assert (refused.code, refused.out) == (2, "")
        assert "a place in a list, not an id" in refused.err


def test_what_a_changed_policy_affects_is_marked(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    _, (one, two) = start(shell, "paying")
    assert "policy changed" not in shell("inbox").out
    file = shell.folder / "treasury.policy.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("tools: payout, gate: confirm", "tools: payout, gate: deny"), encoding="utf-8")
    marked = {row["id"]: row["policy_changed"] for row in shell("inbox", "--format", "json").lines}
    assert marked == {wire: False, one: True, two: True}
    assert shell("inbox").out.count("policy changed") == 2


def test_an_application_that_does_not_load_takes_the_marks_not_the_list(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    (shell.folder / "bank.py").write_text("1 / 0\n", encoding="utf-8")
    told = shell("inbox", "--format", "json")
    assert (told.code, [one["id"] for one in told.lines]) == (0, [wire])
    assert "what a changed policy affects is not marked: HF702" in told.err
    assert shell("inbox", "--mine").code == 2  # whose roles come from the application


def test_a_full_screen_needs_its_package_and_a_terminal(shell: Shell) -> None:
    pytest.importorskip("textual")
    start(shell, "paying")
    assert "needs a terminal" in shell("inbox", "--tui").err
    away = shell.folder / "away" / "textual"
    away.mkdir(parents=True)
    (away / "__init__.py").write_text(
        "raise ModuleNotFoundError('No module named textual', name='textual')\n", encoding="utf-8"
    )
    missing = shell("inbox", "--tui", PYTHONPATH=str(away.parent))
    assert missing.code == 2
    assert "pip install 'hitl-fsm[tui]'" in missing.err
    screen = shell.at_terminal("inbox", "--tui", "--as", "alice", answers=[(r"payout", "q")])
    assert screen.code == 0, screen.out


def test_watching_at_a_terminal_shows_the_list_anew(shell: Shell) -> None:
    _, (one, two) = start(shell, "paying")
    main, side = pty.openpty()
    command = [*PROGRAM, "inbox", "--watch"]
    process = subprocess.Popen(
        command, cwd=shell.folder, stdin=side, stdout=side, stderr=side, env=shell.environ(), start_new_session=True
    )
    os.close(side)
    try:
        assert re.search(rf"{one}(.|\n)*{two}", read_until(main, "Ctrl-C ends"))
        assert shell("reject", one, "--as", "alice").code == 0
        later = read_until(main, "Ctrl-C ends")
        assert (one in later, two in later) == (False, True)
        process.send_signal(signal.SIGINT)
        assert process.wait(HUNG_S) == 130
    finally:
        process.kill()
        os.close(main)


def read_until(terminal: int, told: str) -> str:
    """What a terminal shows until it says this."""
    screen, end = "", time.monotonic() + HUNG_S
    while told not in screen:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        assert ready, screen
        screen += os.read(terminal, 65_536).decode()
    return screen


class Watch:
    """A process that watches; its lines as they come."""

    def __init__(self, shell: Shell, *options: str) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "inbox", "--watch", *options],
            cwd=shell.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=shell.environ(),
        )
        self._text = b""

    def line(self) -> str:
        """The next line; fails when none comes."""
        assert self.process.stdout is not None
        end = time.monotonic() + HUNG_S
        while b"\n" not in self._text:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, (self._text, self.process.poll())
            piece = os.read(self.process.stdout.fileno(), 65_536)
            assert piece, (self._text, self.process.stderr and self.process.stderr.read())
            self._text += piece
        first, _, self._text = self._text.partition(b"\n")
        return first.decode()

    def leave(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        _, told = self.process.communicate(timeout=HUNG_S)
        return self.process.returncode, told.decode()


def test_watching_tells_each_change_until_it_is_interrupted(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    watch = Watch(shell, "--format", "json")
    try:
        first: dict[str, Any] = json.loads(watch.line())
        assert (first["change"], first["id"], first["tool"]) == ("opened", wire, "wire")
        assert shell("approve", wire, "--as", "maria").code == 0
        second = json.loads(watch.line())
        assert (second["change"], second["id"], second["votes"]["yes"]) == ("changed", wire, 1)
        _, payouts = start(shell, "paying")
        assert [json.loads(watch.line())["id"] for _ in payouts] == payouts
        assert shell("reject", wire, "--as", "frank").code == 0
        last = json.loads(watch.line())
        assert (last["change"], last["id"], last["state"]) == ("closed", wire, "rejected")
    finally:
        code, told = watch.leave()
    assert code == 130
    assert "Traceback" not in told


def test_watching_as_text_is_a_line_a_change(shell: Shell) -> None:
    _, (one, two) = start(shell, "paying")
    watch = Watch(shell, "--tool", "payout")
    try:
        assert watch.line() == f'opened {one} confirm payout {{"amount": 1, "to": "eve"}}'
        assert watch.line().startswith(f"opened {two} ")
        assert shell("reject", one, "--as", "alice").code == 0
        assert watch.line().endswith(" (rejected)")
    finally:
        assert watch.leave()[0] == 130
