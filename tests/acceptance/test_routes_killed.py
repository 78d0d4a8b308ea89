"""A worker that is really killed while a program of a route is at work: nothing is started twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bank import program, witness
from hitl_fsm import Engine
from hitl_fsm.routes import Command
from moments import HUNG_S

pytestmark = pytest.mark.slow

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: pay
owner: test@example.com
description: A bank pays.
tools: pay
rules:
  - {id: out, gate: {external: {route: bank, timeout: 1h}}}
"""
WORKER = """\
import asyncio, sys
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.routes import Command
from hitl_fsm.testing import ScriptedModel

@tool
def pay(amount: int) -> str:
    \"\"\"Pay.\"\"\"
    raise RuntimeError

engine = Engine("p.policy.yaml", "sqlite:///hitl.db",
                routes={"bank": Command([sys.executable, "-S", sys.argv[2]], idempotent=sys.argv[3] == "yes")})
agent = Agent("clerk", ScriptedModel([{"calls": [{"tool": "pay", "args": {"amount": 5}}]}, {"say": "{last_result}"}]),
              tools=[pay], engine=engine)
if sys.argv[1] == "start":
    print(agent.run("go", user="alice").run_id)
else:
    asyncio.run(engine.awork(asyncio.Event(), 0.02))
"""
PAYS = """
with open("pids", "a") as f:
    f.write(f"{os.getpid()} ")
done(given['idempotency_key'])
if given['attempt'] == 1:
    time.sleep(30)
print(json.dumps({'paid': given['arguments']['amount']}))
"""


def worker(folder: Path, what: str, idempotent: str) -> subprocess.Popen[str]:
    args = [sys.executable, "worker.py", what, str(folder / "program.py"), idempotent]
    return subprocess.Popen(args, cwd=folder, stdout=subprocess.PIPE, text=True)


def waited_for(folder: Path, lines: int) -> None:
    end = time.monotonic() + HUNG_S
    while len(witness(folder)) < lines and time.monotonic() < end:
        time.sleep(0.02)
    assert len(witness(folder)) >= lines


@pytest.mark.parametrize("idempotent", ["no", "yes"])
def test_law03_killed_while_a_route_is_at_work(tmp_path: Path, idempotent: str) -> None:
    (tmp_path / "p.policy.yaml").write_text(POLICY)
    (tmp_path / "worker.py").write_text(textwrap.dedent(WORKER))
    program(tmp_path, PAYS)
    run_id = worker(tmp_path, "start", idempotent).communicate(timeout=HUNG_S)[0].strip()
    first = worker(tmp_path, "work", idempotent)
    waited_for(tmp_path, 1)
    first.kill()
    first.communicate()

    engine = Engine(
        str(tmp_path / "p.policy.yaml"),
        f"sqlite:///{tmp_path / 'hitl.db'}",
        routes={
            "bank": Command(
                [sys.executable, "-S", str(tmp_path / "program.py")],
                idempotent=idempotent == "yes",
                cwd=str(tmp_path),
            )
        },
    )
    try:
        asyncio.run(engine.routes.adispatch())
        records = [line["event"] for line in engine.runs.timeline(run_id)]
        keys = witness(tmp_path)
        if idempotent == "yes":
            assert len(keys) == 2
            assert len(set(keys)) == 1
            assert not engine.runs.get(run_id).is_paused
        else:
            assert len(keys) == 1
            assert [one.state for one in engine.routes.stranded()] == ["unknown"]
            assert records[-1] == "dispatch_lost"
            assert engine.runs.get(run_id).is_paused
        assert engine.audit.verify().intact
    finally:
        engine.close()
        for pid in (tmp_path / "pids").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), 9)
