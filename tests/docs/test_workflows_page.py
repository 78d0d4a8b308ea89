"""The how-to page on workflows, typed in file by file and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/how-to/workflows.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def typed(line: str, folder: Path) -> str:
    programs = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(line.split(), cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def test_the_page_works_as_written(tmp_path: Path) -> None:
    said: list[str] = []
    for language, text in BLOCKS:
        if found := re.match(r"# file: (\S+)\n", text):
            file = tmp_path / found[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif language == "bash":
            said = [typed(line, tmp_path) for line in text.splitlines()]
        else:
            assert (language, said) == ("text", [text])
    assert {path.name for path in tmp_path.iterdir()} >= {"shop.py", "policies", "small.workflow.yaml", "load.py"}


@pytest.mark.parametrize("name", ["Steps", "Parallel", "Condition", "Loop", "Router", "Step"])
def test_the_reference_shows_each_node_as_it_is_called(name: str) -> None:
    import inspect

    import hitl_fsm

    page = (Path(__file__).parents[2] / "docs/reference/workflows.md").read_text(encoding="utf-8")
    (shown, *_) = re.findall(rf"^\| `{name}\((.*?)\)`", page, re.MULTILINE)
    parameters = inspect.signature(getattr(hitl_fsm, name)).parameters
    assert {one.strip("* ") for one in shown.split(",")} <= set(parameters)
    assert set(parameters) - {one.strip("* ") for one in shown.split(",")} <= {"on_reject"}
