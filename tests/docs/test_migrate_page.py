"""The how-to page for those who come from Agno, followed to the letter; Agno itself is a stand-in of the same shape."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_tutorial import ROOT, shell

PAGE = (ROOT / "docs/how-to/migrate-from-agno.md").read_text(encoding="utf-8")
AGNO = {
    "agent": "from types import SimpleNamespace as Agent\n",
    "approval": """\
def approval(function):
    function.approval_type = "required"
    function.requires_confirmation = True
    return function
""",
    "tools": """\
from types import SimpleNamespace


def tool(function=None, **flags):
    def declare(it):
        unset = dict.fromkeys(("requires_confirmation", "requires_user_input", "external_execution", "approval_type"))
        shape = {"name": it.__name__, "description": it.__doc__, "entrypoint": it, "user_input_fields": []}
        return SimpleNamespace(**{**unset, **shape, **flags})

    return declare if function is None else declare(function)
""",
}
REPLIES = """\
- calls: [{tool: transfer, args: {account: bob, amount: 5}}]
- calls: [{tool: mail, args: {subject: done, to: invented}}, {tool: payout, args: {iban: DE1, amount: 7}}]
- say: "The last word was: {last_result}."
"""


def python(file: str, folder: Path) -> list[str]:
    """The lines that a program of the page prints."""
    done = subprocess.run(
        [sys.executable, file],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, text in AGNO.items():
        file = tmp_path / f"agno/{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "policies").mkdir()
    (tmp_path / "replies.yaml").write_text(REPLIES, encoding="utf-8")
    return tmp_path


def test_the_page_works_as_written(project: Path) -> None:
    commands = re.findall(r"^\$ (hitl-fsm .*)$", PAGE, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["import-flags", "validate"]
    for command in commands:
        done = shell(command, project)
        assert done.returncode == 0, done.stderr
    [(name, rules)] = re.findall(r"^```yaml written=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert (project / name).read_text(encoding="utf-8").endswith(rules)
    done = shell("hitl-fsm validate policies --strict", project)
    assert done.returncode == 0, done.stdout

    assert python("loop.py", project) == [
        "may I? transfer {'account': 'bob', 'amount': 5}",
        "The last word was: paid by the bank.",
    ]


def test_the_workflow_prints_what_the_page_says(project: Path) -> None:
    [said] = re.findall(r"^This prints `(.+)`\.$", PAGE, re.MULTILINE)
    assert python("flow.py", project) == [said]


def test_each_gate_of_the_table_is_one() -> None:
    gates = re.findall(r"`gate: ([^`]+)`", PAGE)
    assert len(gates) >= 6
    for gate in gates:
        yaml.safe_load(gate.replace("…", "x"))
