"""The command, one process a use of it, over a real SQLite file; and a project with every kind of question."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import REAL, program
from moments import HUNG_S

PROGRAM = REAL  # a start of its own: for signals, kills, imports

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: house
owner: test@example.com
description: Every kind of question.
tools: [pay, refund, ship, bank, look, note]
rules:
  - {id: look, tools: look, gate: allow}
  - {id: note, tools: note, gate: confirm}
  - {id: pay, tools: pay, gate: confirm, severity: high}
  - id: refund
    tools: refund
    gate: {approval: {of: [role:finance], not: [requester], expires: 4h}}
  - id: ship
    tools: ship
    gate:
      user_input:
        schema:
          type: object
          required: [speed, floors]
          properties:
            speed: {type: string, enum: [slow, fast], description: How fast}
            floors: {type: integer, minimum: 0}
            zip: {type: string, maxLength: 10}
            gift: {type: boolean, default: false}
  - id: bank
    tools: bank
    gate:
      external:
        route: bank
        result_schema: {type: object, required: [receipt], properties: {receipt: {type: string}}}
"""

APP = r'''
import os
from pathlib import Path

from hitl_fsm import Agent, Engine, ask_user, tool
from hitl_fsm.testing import ScriptedModel

HERE = Path(__file__).parent


def witness(line):
    with (HERE / "witness.txt").open("a") as file:
        file.write(line + "\n")


@tool
def pay(to: str, amount: float, memo: str = "") -> str:
    """Pay."""
    witness(f"pay {to} {amount}")
    if to == "crash":
        os._exit(9)
    return f"paid {amount} to {to}"


@tool
def refund(order: str, amount: float) -> str:
    """Refund."""
    witness(f"refund {order} {amount}")
    return f"refunded {amount}"


@tool
def ship(order: str, speed: str, floors: int, zip: str = "", gift: bool = False) -> str:
    """Ship."""
    witness(f"ship {order} {speed} {floors!r} {zip!r} {gift}")
    return "shipped"


@tool
def bank(iban: str) -> str:
    """Executed elsewhere."""
    raise AssertionError("never here")


@tool
def note(text: str) -> str:
    """Note."""
    return text


engine = Engine(policies=HERE / "house.policy.yaml", actors={"maria": ["finance"], "frank": ["finance"]})


def agent(name, *calls, say="all done: {last_result}"):
    replies = [{"calls": [{"tool": t, "args": a} for t, a in turn]} for turn in calls]
    tools = [pay, refund, ship, bank, note, ask_user]
    return Agent(name, ScriptedModel([*replies, {"say": say}]), engine=engine, tools=tools)


paying = agent("paying", [("pay", {"to": "bob", "amount": 5})])
refunding = agent("refunding", [("refund", {"order": "42", "amount": 5})])
shipping = agent("shipping", [("ship", {"order": "42"})])
_sizes = [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]
_parcel = [{"name": "size", "choices": _sizes}, {"name": "extras", "choices": ["bow", "card"], "multiple": True}]
asking = agent("asking", [("ask_user", {"question": "Which parcel?", "fields": _parcel})])
banking = agent("banking", [("bank", {"iban": "DE1"})])
crashing = agent("crashing", [("pay", {"to": "crash", "amount": 1})])
both = agent("both", [("pay", {"to": "bob", "amount": 1}), ("refund", {"order": "7", "amount": 2})])
MEMO = "\u202eevil\u200b\n  \"amount\": 0 [bold]x[/bold]"
nasty = agent(
    "nasty",
    [("pay", {"to": "bob\x1b[2J\x1b]0;owned\x07", "amount": 1, "memo": MEMO})],
    say="\x1b[31mred\u202e {last_result}",
)
not_an_agent = 42
'''


@dataclass(frozen=True)
class Result:
    """What one process left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Shell:
    """A project in a folder; each call is a process of its own there (`forked.py`)."""

    folder: Path

    @classmethod
    def in_new_project(cls, folder: Path) -> Shell:
        (folder / "house.policy.yaml").write_text(POLICY, encoding="utf-8")
        (folder / "app.py").write_text(APP, encoding="utf-8")
        settings = '[tool.hitl-fsm]\nstore = "sqlite:///hitl.db?synchronous=normal"\n'
        (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
        return cls(folder)

    def environ(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HITL_FSM_")}
        kept.pop("NO_COLOR", None)
        return {**kept, "TERM": "xterm", **more}

    def __call__(self, *args: str, stdin: str = "", **environ: str) -> Result:
        done = subprocess.run(
            [*program(), *args],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=HUNG_S,
            check=False,
            env=self.environ(**environ),
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, agent: str, user: str = "alice") -> tuple[str, list[str]]:
        """A paused run: its id, and those of its open questions."""
        paused = self("run", f"app:{agent}", "go", "--user", user, "--format", "json")
        assert paused.code == 8, paused.err
        return paused.json["run"], [one["id"] for one in paused.json["requirements"]]

    def witness(self) -> list[str]:
        file = self.folder / "witness.txt"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def at_terminal(
        self,
        *args: str,
        answers: list[tuple[str, str]],
        meanwhile: Callable[[], None] = lambda: None,
        **environ: str,
    ) -> Result:
        """With a terminal for all three streams; each answer is typed once its prompt is on the screen.

        `meanwhile` happens before each of them.
        """
        main, side = pty.openpty()
        process = subprocess.Popen(
            [*program(), *args],
            cwd=self.folder,
            stdin=side,
            stdout=side,
            stderr=side,
            env=self.environ(**environ),
            start_new_session=True,
        )
        os.close(side)
        screen, waiting, since = "", list(answers), 0
        end = time.monotonic() + HUNG_S
        while time.monotonic() < end:
            ready, _, _ = select.select([main], [], [], 0.1)
            if ready:
                try:
                    piece = os.read(main, 65_536)
                except OSError:
                    break
                if not piece:
                    break
                screen += piece.decode("utf-8", "replace")
            if waiting and (found := re.search(waiting[0][0], screen[since:])):
                since += found.end()
                meanwhile()
                os.write(main, waiting.pop(0)[1].encode() + b"\n")
        try:
            process.wait(max(1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"still waiting for {waiting}; on the screen:\n{screen}") from None
        os.close(main)
        return Result(process.returncode, screen.replace("\r\n", "\n"), "")
