"""One process of the tests in `test_processes.py`: `python process.py FOLDER COMMAND [RUN]`, printing one JSON line.

The tool leaves its witness in `witness.txt`, an append-only file that no store knows of; with `kill` in its name the
environment decides where this process kills itself.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.errors import HitlError
from hitl_fsm.policy.load import load
from hitl_fsm.testing import ScriptedModel

FOLDER = Path(sys.argv[1])
POLICY = b"""\
apiVersion: hitl-fsm/v1
kind: Policy
name: pay
owner: test@example.com
description: One gate.
tools: [pay]
rules:
  - {id: all, gate: confirm}
"""


def witness(line: str) -> None:
    with (FOLDER / "witness.txt").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def die_if(place: str) -> None:
    if os.environ.get("DIE_AT") == place:
        os.kill(os.getpid(), signal.SIGKILL)


@tool
def pay(to: str, amount: int) -> str:
    """Send money."""
    die_if("before the effect")
    witness(f"paid {amount} to {to}")
    die_if("after the effect")
    time.sleep(float(os.environ.get("TOOL_SECONDS", "0")))
    return "paid"


def say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


def no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def main() -> None:
    engine = Engine(load({"pay.policy.yaml": POLICY}, no_file), f"sqlite:///{FOLDER}/hitl.db")
    script = [{"calls": [{"tool": "pay", "args": {"to": "bob", "amount": 5}}]}, {"say": "the end"}]
    agent = Agent("payer", ScriptedModel(script), engine=engine, tools=[pay])
    command, run_id = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""
    while not (FOLDER / "go").exists() and os.environ.get("WAIT_FOR_GO"):
        time.sleep(0.001)
    try:
        match command:
            case "start":
                run = agent.run("go", user="alice")
            case "confirm":
                run = engine.runs.get(run_id)
                for requirement in run.active_requirements:
                    requirement.confirm(by="alice")
            case "continue":
                run = agent.continue_run(run_id=run_id)
            case _:
                sys.exit(2)
    except HitlError as error:
        say({"error": error.code})
        return
    kinds = [requirement.kind for requirement in run.active_requirements]
    say({"run": run.run_id, "state": run.state.value, "open": kinds, "output": run.output})


main()
