"""The how-to page on teams and streams, typed in file by file and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/teams.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def typed(line: str, folder: Path) -> str:
    program, *args = line.split()
    assert program == "python"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *args], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def test_the_page_works_as_written(tmp_path: Path) -> None:
    said: list[str] = []
    shown = 0
    for language, text in BLOCKS:
        if found := re.match(r"# file: (\S+)\n", text):
            file = tmp_path / found[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif language == "bash":
            said = [typed(line, tmp_path) for line in text.splitlines()]
        else:
            assert (language, said) == ("text", [text])
            shown += 1
    assert shown == 2


def test_the_page_knows_every_mode() -> None:
    from hitl_fsm.runtime.agents.team import MODES

    assert tuple(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == ("mode", *MODES)
