"""`audit export` from the shell: each format, in a folder, in a file and in a pipe; refusals; what is on the record."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.shell import Shell
from acceptance.voting import start, voting_project
from hitl_fsm.audit.export.formats import FILES, FORMATS


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return voting_project(tmp_path)


def history(shell: Shell) -> str:
    """A run with two votes and an edit, and another one with a no."""
    run, (wire,) = start(shell, "wiring")
    assert shell("approve", wire, "--as", "maria", "--set", "amount=40").code == 0
    again = shell("inbox", "--format", "json").lines[0]["id"]
    assert shell("approve", again, "--as", "frank").code == 0
    assert shell("approve", again, "--as", "nina", "--note", "=2+2").code == 0
    assert shell("runs", "continue", run).code == 0
    other, payouts = start(shell, "paying")
    for one in payouts:
        assert shell("reject", one, "--as", "alice", "--note", "no").code == 0
    assert shell("runs", "continue", other).code == 0
    return run


def check(folder: Path) -> int:
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py")], capture_output=True, check=False, timeout=60
    ).returncode


def test_every_format_in_a_folder_a_file_and_a_pipe(shell: Shell) -> None:
    run = history(shell)
    for form in FORMATS:
        folder = shell.folder / f"out-{form}"
        done = shell("audit", "export", run, "--format", form, "--out", str(folder), "--contents", "--as", "maria")
        assert done.code == 0, done.err
        assert str(folder) in done.out
        assert "python3 -I -S" in done.err
        assert check(folder) == 0
        assert (folder / FILES[form]).stat().st_size > 0
        piped = shell("audit", "export", run, "--format", form)
        assert piped.code == 0
        assert "nothing goes with this that checks it" in piped.err
        file = shell.folder / f"alone.{'html' if form == 'html' else 'csv' if form == 'csv' else 'jsonl'}"
        assert shell("audit", "export", run, "--format", form, "--out", str(file), "-q").err == ""
        if form != "html":
            assert file.read_text(encoding="utf-8") == piped.out
        file.unlink()
    rows = list(csv.DictReader(io.StringIO((shell.folder / "out-csv/record.csv").read_text(encoding="utf-8"))))
    assert {row["event"] for row in rows} >= {"call_edited", "requirement_voted", "requirement_resolved", "run_done"}
    page = (shell.folder / "out-html/evidence.html").read_text(encoding="utf-8")
    assert "=2+2" in page
    assert "&quot;7531&quot;" not in page


def test_it_is_on_the_record_who_exported_what(shell: Shell) -> None:
    run = history(shell)
    done = shell("audit", "export", run, "--out", "out", "--format", "csv", "--as", "maria")
    assert done.code == 0
    line = [one for one in shell("audit", "show", "--format", "json").lines if one["event"] == "record_exported"][-1]
    assert line["by"]["id"] == "maria"
    assert (line["data"]["what"], line["data"]["about"]) == ("export csv", run)


def test_json_names_what_was_written(shell: Shell) -> None:
    history(shell)
    settings = shell.folder / "pyproject.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + 'format = "json"\n', encoding="utf-8")
    done = shell("audit", "export", "--out", "out")
    assert done.json["path"] == str(shell.folder / "out")
    assert done.json["lines"] == len((shell.folder / "out/lines.jsonl").read_bytes().splitlines())
    assert done.json["signed"] is True
    assert sorted(done.json["files"]) == sorted(one.name for one in (shell.folder / "out").iterdir())


def test_what_cannot_be_exported_is_said(shell: Shell) -> None:
    run = history(shell)
    before = len(shell("audit", "show", "--format", "json").lines)
    none = shell("audit", "export", "run_none", "--out", "out")
    assert (none.code, none.out) == (2, "")
    assert "HF640" in none.err
    (shell.folder / "taken").mkdir()
    (shell.folder / "taken/mine").write_text("x", encoding="utf-8")
    assert "is there already" in shell("audit", "export", run, "--out", "taken").err
    (shell.folder / "taken.csv").write_text("x", encoding="utf-8")
    assert shell("audit", "export", run, "--format", "csv", "--out", "taken.csv").code == 2
    assert (shell.folder / "taken.csv").read_text(encoding="utf-8") == "x"
    assert shell("audit", "export", run, "--until", "yesterday").code == 2
    assert shell("audit", "export", run, "--format", "pdf").code == 2
    assert "this is a terminal" in shell.at_terminal("audit", "export", run, answers=[]).out
    assert len(shell("audit", "show", "--format", "json").lines) == before


def test_a_changed_export_fails_its_check(shell: Shell) -> None:
    run = history(shell)
    assert shell("audit", "export", run, "--out", "out").code == 0
    lines = shell.folder / "out/lines.jsonl"
    rows = [json.loads(row) for row in lines.read_bytes().splitlines()]
    assert any(row["by"]["id"] == "nina" for row in rows)
    lines.write_bytes(lines.read_bytes().replace(b'"id":"nina"', b'"id":"eve_"'))
    assert check(shell.folder / "out") == 1
