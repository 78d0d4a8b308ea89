"""On the command line: `worker --once` hands external calls over, `show` and `doctor` tell what became of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell
from bank import program, witness

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: pay
owner: test@example.com
description: A bank pays.
tools: pay
rules:
  - {id: out, gate: {external: {route: bank, timeout: 1h, result_schema: {type: object, required: [tx]}}}}
"""
APP = """\
import sys
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.routes import Command
from hitl_fsm.testing import ScriptedModel

@tool
def pay(amount: int) -> str:
    \"\"\"Pay.\"\"\"
    raise RuntimeError

engine = Engine("p.policy.yaml", routes={"bank": Command([PROGRAM])})
clerk = Agent("clerk", ScriptedModel([{"calls": [{"tool": "pay", "args": {"amount": 5}}]}, {"say": "{last_result}"}]),
              tools=[pay], engine=engine)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "p.policy.yaml").write_text(POLICY)
    (tmp_path / "pyproject.toml").write_text('[tool.hitl-fsm]\nstore = "sqlite:///hitl.db"\n')
    (tmp_path / "app.py").write_text(APP.replace("PROGRAM", f"sys.executable, '-S', {str(tmp_path / 'program.py')!r}"))
    return Shell(tmp_path)


def test_going_on_hands_over_and_takes_the_result(shell: Shell) -> None:
    program(shell.folder, "done(given['tool']); print(json.dumps({'tx': 't1'}))")
    run, _ = shell.start("clerk")
    done = shell("--app", "app:engine", "worker", "--once", "--format", "json")
    assert (done.code, [one["state"] for one in done.lines]) == (0, ["done"])
    assert witness(shell.folder) == ["pay"]
    assert '{"tx":"t1"}' in shell("runs", "show", run).out


def test_what_nobody_knows_is_shown_and_told_by_the_doctor(shell: Shell) -> None:
    program(shell.folder, "done(1); print('\\x1b[2J', file=sys.stderr); os.kill(os.getpid(), 9)")
    run, (requirement,) = shell.start("clerk")
    assert "attempts:" not in shell("show", requirement).out
    assert shell("show", requirement, "--format", "json").json["dispatch"] is None
    assert shell("--app", "app:engine", "worker", "--once").code == 0
    shown = shell("show", requirement).out
    assert "attempts: 1" in shown
    assert "nobody knows" in shown
    assert "signal 9" in shown
    assert "\x1b" not in shown
    told = shell("show", requirement, "--format", "json").json
    assert (told["id"], told["dispatch"]["route"], told["dispatch"]["state"]) == (requirement, "bank", "unknown")
    assert (told["dispatch"]["attempts"], "signal 9" in told["dispatch"]["detail"]) == (1, True)
    doctor = shell("doctor", "--format", "json").json["checks"]
    assert [one["outcome"] for one in doctor if one["topic"] == "unknown dispatches"] == ["problem"]
    assert shell("--app", "app:engine", "worker", "--once").code == 0
    assert witness(shell.folder) == ["1"]

    assert shell("result", requirement, "--data", '{"tx": "found"}').code == 0
    doctor = shell("doctor", "--format", "json").json["checks"]
    assert not [one for one in doctor if one["topic"] == "unknown dispatches"]
    assert shell("--app", "app:engine", "runs", "continue", run).code == 0


def test_without_the_application_s_routes_the_call_waits(shell: Shell) -> None:
    program(shell.folder, "done(1); print('{}')")
    shell.start("clerk")
    (shell.folder / "app.py").write_text((shell.folder / "app.py").read_text().replace("routes={", "routes={} and {"))
    assert shell("--app", "app:engine", "worker", "--once").code == 0
    assert witness(shell.folder) == []
