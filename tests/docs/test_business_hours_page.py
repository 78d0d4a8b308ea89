"""The how-to page on business hours, followed to the letter, and the reference beside it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from test_tutorial import ROOT

from hitl_fsm.policy.calendar_documents import CalendarDocument

PAGE = (ROOT / "docs/how-to/business-hours.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs/reference/calendars.md").read_text(encoding="utf-8")


def blocks(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def ran(folder: Path, *command: str) -> str:
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_the_page_works_as_written(tmp_path: Path) -> None:
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (typed,) = blocks("bash")
    program = str(Path(sys.executable).parent / "hitl-fsm")
    assert ran(tmp_path, program, *typed.split()[1:]) == ""
    assert ran(tmp_path, sys.executable, "-c", "".join(blocks("python run"))) == "".join(blocks("text prints"))


def test_the_reference_has_every_key() -> None:
    told = {key for row in re.findall(r"^\| (`.+?) \|", REFERENCE, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert told == {info.alias or name for name, info in CalendarDocument.model_fields.items()}
