"""`hitl-fsm demo`: every gate, answered from fresh engines; its words, its store, and what it costs to start."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import forked
from hitl_fsm import Engine
from hitl_fsm.cli import starter as starter_module
from hitl_fsm.cli.demo.agent import TICKET
from hitl_fsm.cli.starter import starter
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.states import RunState

ROOT = Path(__file__).parents[2]
GATES = ["audit", "ask_user (dynamic input)", "user input (form)", "approval", "external tool", "deny", "confirm"]


def program(folder: Path, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line, in a folder that is not the repository."""
    return subprocess.run(
        [*forked.program(), *args], cwd=folder, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """One demo off a terminal: its text, and the folder that it kept."""
    folder = tmp_path_factory.mktemp("demo")
    done = program(folder, "demo", "--keep", "kept")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, folder / "kept"


def test_it_meets_every_gate(played: tuple[str, Path]) -> None:
    text, _ = played
    shown = re.findall(r"^  \d ([A-Z_ ()]+): \S+$", text, re.MULTILINE)
    assert [name.lower() for name in shown] == GATES
    assert TICKET in text


def test_it_says_each_answer_and_who_gave_it(played: tuple[str, Path]) -> None:
    text, _ = played
    assert re.findall(r"answering as (\w+) \((\w+)\): (\w+)", text) == [
        ("alice", "support", "broken"),
        ("alice", "support", "reason"),
        ("alice", "support", "reason"),
        ("alice", "support", "approve"),
        ("maria", "finance", "approve"),
        ("bank", "service", "reports"),
        ("bank", "service", "reports"),
        ("alice", "support", "approve"),
    ]
    assert text.count("refused (HF309)") == 2
    assert text.count("refused (HF308)") == 1


def test_it_is_readable_without_colour_on_a_narrow_screen(played: tuple[str, Path]) -> None:
    text, _ = played
    assert text.isascii()
    assert "\x1b" not in text
    before_next, _, _ = text.partition("\nNext\n")
    lines = [line for line in before_next.splitlines() if "sqlite:///" not in line]
    assert max(map(len, lines)) <= 88
    assert text.count("\n") < 130


def test_what_it_says_is_what_the_store_holds(played: tuple[str, Path]) -> None:
    text, folder = played
    engine = Engine(store=f"sqlite:///{folder / 'demo.db'}")
    [row] = engine.runs.list()
    run = engine.runs.get(row.run_id)
    report = engine.audit.verify()
    engine.close()
    assert run.state is RunState.DONE
    assert run.output is not None
    assert f"agent: {run.output}" in text
    assert f"{report.count} lines in one hash chain, intact; head {report.head.leaf[:16]}" in text
    assert (folder / "ledger.txt").read_text(encoding="utf-8").count("\n") == 1
    assert "the refund tool ran exactly once" in text


def test_what_it_tells_to_try_next_works(played: tuple[str, Path], tmp_path: Path) -> None:
    text, _ = played
    commands = [shlex.split(line) for line in text.partition("\nNext\n")[2].splitlines()]
    assert len(commands) == 3
    for first, *args in commands:
        assert first == "hitl-fsm"
        done = program(tmp_path, *args)
        assert done.returncode == 0, (args, done.stderr)
        assert done.stdout


def test_as_json_the_words_go_to_stderr(tmp_path: Path) -> None:
    done = program(tmp_path, "--format", "json", "demo", "--yes", "--keep", str(tmp_path))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["state"], told["intact"], told["gates"]) == ("done", True, GATES)
    assert told["path"][0] == "running"
    assert told["path"].count("paused") == 4
    assert "1 AUDIT: orders.lookup" in done.stderr


def test_it_imports_neither_litellm_nor_sqlalchemy(tmp_path: Path) -> None:
    code = """
import sys
from hitl_fsm.cli.main import run
code = run()
heavy = {"litellm", "openai", "sqlalchemy", "alembic", "rich", "structlog"} & set(sys.modules)
sys.exit(code or ", ".join(sorted(heavy)) or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "demo", "--yes", "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def at_terminal(folder: Path, typed: Sequence[str]) -> tuple[int, str]:
    """The demo with a person at it who types these lines, one at each prompt."""
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [*forked.REAL, "demo", "--keep", str(folder)], stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder
    )
    os.close(terminal)
    os.write(control, "".join(f"{line}\n" for line in typed).encode())
    text = b""
    while True:
        try:
            piece = os.read(control, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(control)
    return process.wait(timeout=60), text.decode().replace("\r\n", "\n")


def test_on_a_terminal_it_asks(tmp_path: Path) -> None:
    code, text = at_terminal(tmp_path, ["2", "y", "1", "photo", "y", "y"])
    assert code == 0, text
    assert "answering as alice (support): broken = cable, keeps_it = true" in text
    assert "answering as alice (support): reason = damaged, evidence = photo" in text
    assert "You are maria of finance. Approve?" in text
    assert "Ticket 7 is settled" in text


def test_on_a_terminal_a_no_is_final(tmp_path: Path) -> None:
    code, text = at_terminal(tmp_path, ["1", "n", "4", "", "n", "too much"])
    assert code == 0, text
    assert "I stop here. I was told: Rejected by maria: too much. It was not executed." in text
    assert "the refund tool never ran" in text
    assert not (tmp_path / "ledger.txt").exists()


def test_starter_files_come_from_the_wheel_or_from_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert starter("policies") == ROOT / "policies"
    packaged = tmp_path / "starter_files"
    (packaged / "policies").mkdir(parents=True)
    monkeypatch.setattr(starter_module, "_PACKAGED", packaged)
    assert starter("policies") == packaged / "policies"
    with pytest.raises(SettingsError, match="lack nothing/here"):
        starter("nothing/here")


@pytest.mark.slow
def test_a_wheel_carries_the_starter_files(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, timeout=600)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "hitl_fsm/cli/starter_files/docs/reference/errors.md" in names
    for folder in ("policies", "schemas/forms", "docs/rules"):
        for file in (ROOT / folder).rglob("*.*"):
            assert f"hitl_fsm/cli/starter_files/{file.relative_to(ROOT).as_posix()}" in names
