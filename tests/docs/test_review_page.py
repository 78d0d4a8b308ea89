"""The how-to page for reviewers: its commands print what it says, of the month that the questions are tested on."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hitl_fsm.audit.questions.all import QUESTIONS
from hitl_fsm.audit.questions.page import page
from reviewed_month import make

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/review-approvals.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|text)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def program(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    name, *args = shlex.split(command)
    assert name == "hitl-fsm"
    main = "from hitl_fsm.cli.main import main; main()"
    store = f"sqlite:///{folder / 'month.db'}"
    return subprocess.run(
        [sys.executable, "-c", main, "--store", store, *args], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_page_prints_what_the_program_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    month = make(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(code, "page", "exec"), {"engine": month.engine})
    assert capsys.readouterr().out.startswith("True ['stan', 'burt',")
    month.engine.close()
    printed = ""
    for kind, block in BLOCKS:
        if kind == "text":
            assert printed == block
            continue
        for command in block.splitlines():
            done = program(tmp_path, command)
            question = QUESTIONS[command.split()[3]]
            assert done.returncode == int(question.must_be_empty and question.name != "integrity"), done.stderr
            assert bool(done.stdout) == (question.name != "integrity")
            printed = done.stdout


def test_the_reference_is_that_of_the_questions() -> None:
    assert (ROOT / "docs/reference/questions.md").read_text(encoding="utf-8") == page()
