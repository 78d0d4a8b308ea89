"""The hooks for pre-commit and the action for GitHub: their shape, and the very command lines that they run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from acceptance.shell import Shell
from forked import write_program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/check-in-ci.md").read_text(encoding="utf-8")
POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: pay
owner: test@example.com
description: For a test.
tools: [pay]
rules:
  - {id: all, tools: pay, gate: confirm}
"""
TEST = """\
apiVersion: hitl-fsm/v1
kind: PolicyTest
cases:
  - name: it is asked for
    call: {tool: pay, args: {}}
    expect: confirm
"""
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/pay.policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "policies/pay.policytest.yaml").write_text(TEST, encoding="utf-8")
    program = tmp_path / "bin/hitl-fsm"
    write_program(program)
    return Shell(tmp_path)


def run(shell: Shell, line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """As GitHub's `shell: bash` does."""
    path = f"{shell.folder / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line],
        cwd=shell.folder,
        env=shell.environ(PATH=path, PYTHONPATH=str(ROOT), **environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def spoil(shell: Shell, file: str = "policies/pay.policy.yaml") -> None:
    (shell.folder / file).write_text(POLICY.replace("confirm", "confrm"), encoding="utf-8")


# -- pre-commit


def test_the_hooks_have_the_shape_that_pre_commit_reads() -> None:
    assert [hook["id"] for hook in HOOKS] == ["hitl-fsm-validate", "hitl-fsm-test"]
    for hook in HOOKS:
        assert {"id", "name", "entry", "language"} <= hook.keys()
        known = {"id", "name", "description", "entry", "args", "language", "files", "pass_filenames"}
        assert hook.keys() <= known | {"minimum_pre_commit_version"}
        assert (hook["language"], hook["pass_filenames"]) == ("python", False)
        assert re.search(hook["files"], "policies/pay.policy.yaml")
        assert re.search(hook["files"], "schemas/forms/reason.schema.json")
        assert not re.search(hook["files"], "policies/README.md")
        assert f"- id: {hook['id']}" in PAGE


def test_the_hooks_command_lines_pass_and_fail_as_they_should(shell: Shell) -> None:
    lines = [shlex.join([*hook["entry"].split(), *hook["args"]]) for hook in HOOKS]
    for line in lines:
        assert run(shell, line).returncode == 0, line
    spoil(shell)
    for line in lines:
        assert run(shell, line).returncode == 1, line


# -- GitHub's action


def test_the_action_has_the_shape_that_github_reads() -> None:
    assert {"name", "description", "inputs", "outputs", "runs"} == ACTION.keys()
    assert ACTION["runs"]["using"] == "composite"
    assert set(ACTION["inputs"]) == {"paths", "strict", "version", "sarif"}
    for one in ACTION["inputs"].values():
        assert one["description"]
        assert isinstance(one["default"], str)
    for step in STEPS:
        assert step.keys() <= {"name", "id", "shell", "env", "run"}
        assert step["shell"] == "bash"
    named = {step["id"] for step in STEPS if "id" in step}
    (output,) = re.findall(r"steps\.(\w+)\.outputs\.sarif", ACTION["outputs"]["sarif"]["value"])
    assert output in named
    assert set(re.findall(r"`(\w+)`", PAGE.partition("The action installs")[2])) >= {"version", "sarif"}


def test_no_input_becomes_text_of_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step["run"]
        for value in step["env"].values():
            assert re.fullmatch(r"\$\{\{ inputs\.(paths|strict|version|sarif) \}\}", value)


def act(shell: Shell, **inputs: str) -> tuple[list[subprocess.CompletedProcess[str]], str]:
    """Each step until one fails, and what they handed out."""
    values = {name: one["default"] for name, one in ACTION["inputs"].items()} | {"version": "installed"} | inputs
    handed = shell.folder / "handed.txt"
    handed.write_text("", encoding="utf-8")
    done: list[subprocess.CompletedProcess[str]] = []
    for step in STEPS:
        environ = {name: values[value.split(".")[1].split()[0]] for name, value in step["env"].items()}
        done.append(run(shell, step["run"], GITHUB_OUTPUT=str(handed), **environ))
        if done[-1].returncode:
            break
    return done, handed.read_text(encoding="utf-8")


def test_the_action_annotates_writes_sarif_and_fails_on_errors(shell: Shell) -> None:
    (_, clean), handed = act(shell)
    assert (clean.returncode, clean.stdout, handed) == (0, "", "sarif=hitl-fsm.sarif\n")
    spoil(shell)
    (_, failed), handed = act(shell, sarif="out/it's.sarif".replace("out/", ""))
    assert failed.returncode == 1
    assert failed.stdout.startswith("::error file=policies/pay.policy.yaml,line=8,")
    assert handed == "sarif=it's.sarif\n"
    log = json.loads((shell.folder / "it's.sarif").read_text(encoding="utf-8"))
    assert [result["level"] for result in log["runs"][0]["results"]] == ["error"]


def test_the_action_takes_several_paths_and_is_strict_when_told(shell: Shell) -> None:
    more = shell.folder / "more policies"
    more.mkdir()
    lax = POLICY.replace("owner: test@example.com\n", "").replace("name: pay", "name: more")
    (more / "x.policy.yaml").write_text(lax, encoding="utf-8")
    both = "policies\n\nmore policies\n"
    assert act(shell, paths=both)[0][-1].returncode == 0
    assert "::warning file=more policies/x.policy.yaml" in act(shell, paths=both)[0][-1].stdout
    assert act(shell, paths=both, strict="true")[0][-1].returncode == 1
    assert act(shell, paths="nowhere")[0][-1].returncode == 2
    assert act(shell, paths="")[0][-1].returncode == 2


@pytest.mark.parametrize(
    "hostile", ["$(touch pwned)", "`touch pwned`", '"; touch pwned; "', "--help", "'; touch pwned #"]
)
def test_a_hostile_input_is_a_value_and_nothing_else(shell: Shell, hostile: str) -> None:
    assert act(shell, paths=hostile)[0][-1].returncode == 2
    act(shell, strict=hostile, sarif=hostile.replace("/", ""))
    done, _ = act(shell, version=hostile)
    assert (len(done), done[0].returncode) == (1, 2)
    assert "not a version" in done[0].stdout
    assert not (shell.folder / "pwned").exists()


# -- the page


def test_the_page_works_as_written(shell: Shell) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) == 6
    watch, *others = lines
    assert watch == "hitl-fsm validate policies --watch"
    assert run(shell, f"timeout --signal=INT --preserve-status 2 {watch}").returncode == 130
    for line in others:
        done = run(shell, line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert json.loads((shell.folder / "policies.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert (shell.folder / "policies.xml").read_text(encoding="utf-8").startswith("<?xml")
    hooks = yaml.safe_load(re.findall(r"^```yaml\n(repos:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
    assert {hook["id"] for hook in hooks["repos"][0]["hooks"]} == {hook["id"] for hook in HOOKS}
    workflow = yaml.safe_load(re.findall(r"^```yaml\n(permissions:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
    (step,) = [step for step in workflow["steps"] if "hitl-fsm" in step.get("uses", "")]
    assert set(step["with"]) <= set(ACTION["inputs"])
