"""The page on exporting evidence, followed in a real project."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from acceptance.shell import Shell
from hitl_fsm.audit.export.formats import FILES, FORMATS

PAGE = Path(__file__).parents[2] / "docs/how-to/export-evidence.md"


def test_the_commands_of_the_page_work_as_written(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)
    run, (question,) = shell.start("paying")
    assert shell("approve", question, "--as", "alice").code == 0
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    assert len(commands) == 6
    for command in commands:
        words, _, file = command.replace("RUN", run).partition(" > ")
        if words.startswith("python3"):
            done = subprocess.run([sys.executable, *words.split()[1:]], cwd=tmp_path, capture_output=True, check=False)
            assert (done.returncode, done.stdout.splitlines()[-1]) == (0, b"intact")
            continue
        told = shell(*words.split()[1:])
        assert told.code == 0, told.err
        if file:
            (tmp_path / file).write_text(told.out, encoding="utf-8")
    assert (tmp_path / "record.csv").read_text(encoding="utf-8").startswith("seq,time,")
    assert (tmp_path / "evidence/evidence.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (tmp_path / "last-quarter/ocsf.jsonl").exists()


def test_the_program_of_the_page_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (said,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(program, str(tmp_path / "page.py"), "exec"), {})
    assert printed.getvalue() == said


def test_the_page_has_each_format_with_its_file() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for form in FORMATS:
        assert re.search(rf"^\| `{form}` \| .*`{re.escape(FILES[form])}`", page, re.MULTILINE), form
