"""The tutorial, followed to the letter; and the Python and YAML of the how-to pages is at least Python and YAML."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from forked import program

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs").rglob("*.md"))
EXPECTED_EXITS = {"run": 8}


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One line of the tutorial, as its reader would type it, with the program of this checkout."""
    args = command.replace("hitl-fsm", shlex.join(program()), 1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HITL_FSM_")}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        ["bash", "-c", args], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    for name, text in re.findall(r"^```\w+ tutorial-file=(\S+)\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    lines = [
        line
        for block in re.findall(r"^```bash\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    commands = [line for line in lines if line.startswith("hitl-fsm ")]
    assert len(commands) == 8
    said: dict[str, str] = {}
    ids = {"REQ": "", "RUN": ""}
    for line in commands:
        command = re.sub(r"\b(?:REQ|RUN)\b", lambda found, known=ids: known[found[0]], line)
        done = shell(command, tmp_path)
        verb = next(word for word in command.split()[1:] if not word.startswith("-") and word != "app:agent")
        assert done.returncode == EXPECTED_EXITS.get(verb, 0), command + done.stderr
        said[verb] = done.stdout + done.stderr
        if verb == "run":
            ids = {
                "REQ": re.findall(r"req_[0-9a-z-]+", said["run"])[0],
                "RUN": re.findall(r"run_[0-9a-z]+", said["run"])[0],
            }
            assert len(set(re.findall(r"req_[0-9a-z-]+", said["run"]))) == 1, "Ann was paid, Bob waits"
    assert '"to": "bob"' in said["show"]
    assert "The last word was: 500.00 paid to bob." in said["runs"]
    assert said["audit"].startswith("intact: ")
    again = shell(f"hitl-fsm --app app:agent approve {ids['REQ']} --as maria", tmp_path)
    assert (again.returncode, "HF304" in again.stderr) == (5, True)


@pytest.mark.parametrize(
    ("rule", "options", "told"),
    [
        ("> 100", "", 'no "amuont"'),
        ("<= 100", "--tools app:agent", "amuont"),
    ],
)
def test_the_mistake_of_the_tutorial_is_found_where_it_says(tmp_path: Path, rule: str, options: str, told: str) -> None:
    for name, text in re.findall(r"^```\w+ tutorial-file=(\S+)\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(f"args.amount {rule}", f"args.amuont {rule}"), encoding="utf-8")
    done = shell(f"hitl-fsm validate policies/ {options}", tmp_path)
    assert done.returncode == 1, done.stderr
    assert re.search(r"policies/pay/pay\.policy\.yaml:\d+:\d+ HF\d+", done.stdout + done.stderr)
    assert told in done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_in_the_docs_is_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for body in re.findall(r"^```python[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        ast.parse(body)
    if page.parent.name == "rules":  # their bad examples may be no YAML; the test of the findings tries them
        return
    for body in re.findall(r"^```yaml[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yaml.safe_load(body)
