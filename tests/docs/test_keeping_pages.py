"""The pages on forgetting a person and on keeping the record, followed line by line in a real project."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from test_operating import HOW_TO, Reader, commands

from acceptance.shell import Shell
from hitl_fsm.adapters.redaction import read_redactor
from hitl_fsm.audit.redact import KIND_NAMES


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell.in_new_project(tmp_path)


def ended(shell: Shell) -> str:
    run, (question,) = shell.start("paying", user="alice")
    assert shell("approve", question, "--as", "alice", "--note", "because-of-her-illness").code == 0
    assert shell("--app", "app:engine", "runs", "continue", run).code == 0
    return run


def test_forget_a_person_works_as_written(shell: Shell) -> None:
    run = ended(shell)
    reader = Reader(shell)
    holds, erase, verify, show = commands("forget-a-person.md")
    assert "because-of-her-illness" in reader(show)
    assert "record_read" in reader("hitl-fsm audit show"), "who opens contents is on the record"
    assert "there are no holds" in reader(holds)
    assert re.search(r"erased alice: the contents of \d+ lines, 1 run", reader(erase))
    assert "intact" in reader(verify, expected=reader_code(shell))
    told = reader(show)
    assert "(no longer kept)" in told
    assert "request 4711" in told
    assert "because-of-her-illness" not in told
    files = [file for file in shell.folder.rglob("hitl.db*") if file.is_file()]
    assert not [file for file in files if b"because-of-her-illness" in file.read_bytes()]
    assert f"no run '{run}'" not in shell("runs", "show", run).err
    again = shell("audit", "erase", "--subject", "alice", "--reason", "again", "--yes")
    assert (again.code, again.out) == (0, "alice was erased before, and nothing is kept\n")
    assert shell("audit", "erase", "--subject", "nobody", "--reason", "again", "--yes").code == 2


def reader_code(shell: Shell) -> int:
    return shell("audit", "verify").code


def test_nothing_is_erased_unless_it_is_meant(shell: Shell) -> None:
    ended(shell)
    asked = shell("audit", "erase", "--subject", "alice", "--reason", "x")
    assert asked.code == 2
    assert "--yes" in asked.err
    waiting, _ = shell.start("paying", user="alice")
    refused = shell("audit", "erase", "--subject", "alice", "--reason", "x", "--yes")
    assert refused.code == 5
    assert "HF631" in refused.err
    assert waiting in refused.err


@pytest.mark.parametrize("whom", ["--subject", "--run"])
def test_a_hold_that_covers_nothing_says_so(shell: Shell, whom: str) -> None:
    run = ended(shell)
    there = {"--subject": "alice", "--run": run}[whom]
    placed = shell("audit", "hold", "place", whom, there, "--reason", "x")
    mistyped = shell("audit", "hold", "place", whom, there[:-1], "--reason", "x")
    assert (placed.code, mistyped.code) == (0, 0)
    assert "nothing that is there is covered" not in placed.err
    assert "nothing that is there is covered" in mistyped.err


def test_retention_works_as_written(shell: Shell) -> None:
    run = ended(shell)
    reader = Reader(shell)
    person, one, listed, prune, release, checkpoint, contents, lines, verify = commands("retention.md")
    assert re.search(r"hold_\w+ holds what is about alice", reader(person))
    hold = re.findall(r"(hold_\w+) holds run_", reader(one, RUN=run))[0]
    assert hold in reader(listed)
    assert run in reader(prune, expected=3)
    (released,) = [line for line in reader(release, HOLD=hold).splitlines() if hold in line]
    assert "is released" in released
    reader(checkpoint)
    assert "dropped 0 lines" in reader(contents)
    assert "dropped 0 lines" in reader(lines)
    reader(verify, expected=reader_code(shell))
    rows = [json.loads(line) for line in reader("hitl-fsm audit hold list --all --format json").splitlines()]
    assert [row["state"] for row in rows] == ["active", "released"]
    held = reader("hitl-fsm audit erase --subject alice --reason x --yes", expected=5)
    assert "HF630" in held


def test_a_pruned_record_is_shown_and_verified(shell: Shell) -> None:
    ended(shell)
    reader = Reader(shell)
    reader("hitl-fsm audit checkpoint")
    told = reader("hitl-fsm audit prune --older-than 0m --yes")
    assert re.search(r"dropped [1-9]\d* lines and [1-9]\d* contents", told)
    shown = reader("hitl-fsm audit show")
    assert "only its hash is kept" in shown
    assert "record_pruned" in shown
    assert '"pruned":true' in reader("hitl-fsm audit show --format json").replace(" ", "")


def test_the_settings_of_the_page_are_taken(shell: Shell) -> None:
    floor = "\n".join(commands("retention.md", "toml"))
    project = shell.folder / "pyproject.toml"
    project.write_text(floor, encoding="utf-8")
    ended(shell)
    reader = Reader(shell)
    assert "HF632" in reader("hitl-fsm runs prune --older-than 90d --yes", expected=5)
    assert "HF632" in reader("hitl-fsm audit prune --older-than 6y --yes", expected=5)


def test_the_patterns_of_the_page_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "redact.toml"
    file.write_text("\n".join(commands("forget-a-person.md", "toml")), encoding="utf-8")
    mine = read_redactor(str(file))
    assert mine.text("C-12345678, +49 30 1234567") == "⟦redacted: customer number⟧, +49 30 1234567"
    page = (HOW_TO / "forget-a-person.md").read_text(encoding="utf-8")
    told = re.search(r"The kinds are (.*?)\. Patterns", page, re.DOTALL)
    assert told is not None
    assert set(re.findall(r"`([^`]+)`", told[1])) == set(KIND_NAMES)


def test_what_a_file_of_patterns_says_is_used_and_a_wrong_one_stops_everything(shell: Shell) -> None:
    file = shell.folder / "redact.toml"
    file.write_text("[[pattern]]\nname = 'illness'\npattern = 'because-of-[a-z-]+'\n", encoding="utf-8")
    reader = Reader(shell, HITL_FSM_RECORD_REDACT=str(file))
    run, (question,) = shell.start("paying", user="alice")
    reader(f"hitl-fsm approve {question} --as alice --note because-of-her-illness")
    shown = reader("hitl-fsm audit show --contents")
    assert "because-of-her-illness" not in shown
    assert "redacted: illness" in shown
    for wrong in ("pattern = 1", "[[pattern]]\nname = 'x'\npattern = '('", "off = ['nothing']", "x = 1", "\x00"):
        file.write_text(wrong, encoding="utf-8")
        assert "HF701" in reader(f"hitl-fsm runs cancel {run}", expected=2)
    shutil.rmtree(shell.folder / "bin")
