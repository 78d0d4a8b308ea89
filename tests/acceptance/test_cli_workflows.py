"""Workflow files at the command line: checked beside policies, imported only where that is asked for, and run."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell

FLOW = """\
apiVersion: hitl-fsm/v1
kind: Workflow
name: greet
steps:
  - {step: hello, run: "steps:hello"}
  - {step: loud, run: "steps:loud"}
"""
STEPS = """\
from pathlib import Path

Path("imported").touch()


def hello(text: str) -> str:
    return f"hello {text}"


def loud(text: str) -> str:
    return text.upper()
"""
APP = """\
from hitl_fsm import Engine, Workflow

engine = Engine(policies="p", store="sqlite:///hitl.db")
flow = Workflow.load("w/greet.workflow.yaml", engine=engine)
"""
PLAIN = "from hitl_fsm import Engine\nengine = Engine(policies='p')\n"
POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: greet
owner: test@example.com
description: For a test.
steps: ["*"]
default: allow
rules: [{id: loud, steps: loud, gate: confirm}]
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    files = {"pyproject.toml": "", "steps.py": STEPS, "app.py": APP}
    files |= {"w/greet.workflow.yaml": FLOW, "p/greet.policy.yaml": POLICY}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Shell(tmp_path)


def spoil(shell: Shell, old: str, new: str) -> None:
    (shell.folder / "w/greet.workflow.yaml").write_text(FLOW.replace(old, new), encoding="utf-8")


def test_a_folder_of_workflows_needs_no_policies(shell: Shell) -> None:
    assert shell("validate", "w").code == 0
    spoil(shell, 'run: "steps:hello"', "rum: x")
    done = shell("validate", "w", "p", "--format", "concise")
    assert done.code == 1
    assert [line.partition(" ")[0] for line in done.out.splitlines() if line.startswith("w/")] == [
        "w/greet.workflow.yaml:5:19"
    ]
    assert shell("validate", "w/greet.workflow.yaml").code == 1
    assert not (shell.folder / "imported").exists()


def test_import_paths_are_followed_with_an_application_alone(shell: Shell) -> None:
    assert shell("--app", "app:engine", "validate", "w").code == 0
    assert (shell.folder / "imported").exists()
    (shell.folder / "plain.py").write_text(
        "from hitl_fsm import Engine\nengine = Engine(policies='p')\n", encoding="utf-8"
    )
    spoil(shell, "steps:loud", "steps:lout")
    assert shell("validate", "w").code == 0
    done = shell("--app", "plain:engine", "validate", "w", "--format", "concise")
    assert done.code == 1
    assert "w/greet.workflow.yaml:6:23 HF108 steps has no attribute 'lout'" in done.out


def test_a_workflow_is_run_asked_about_and_continued(shell: Shell) -> None:
    started = shell("run", "app:flow", "you")
    assert started.code == 8, (started.out, started.err)
    (asked,) = shell("--format", "json", "inbox").lines
    assert (asked["tool"], asked["args"]) == ("loud", {"input": "hello you"})
    assert shell("--app", "app:engine", "approve", asked["id"], "--yes").code == 0
    done = shell("--app", "app:engine", "runs", "continue", asked["run"])
    assert done.code == 0, (done.out, done.err)
    assert "HELLO YOU" in done.out
