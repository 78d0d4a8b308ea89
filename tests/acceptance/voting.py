"""A project whose gates several people answer: votes, edits, grants, emergencies, nested forms."""

from __future__ import annotations

from pathlib import Path

from acceptance.shell import Shell

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: treasury
owner: test@example.com
description: What several people decide.
tools: [wire, payout, open_account, screen, note]
rules:
  - id: wire
    tools: wire
    severity: high
    gate:
      approval:
        of: [role:finance]
        quorum: 2
        not: [requester, editor]
        expires: 2h
        edit: {amount: {maximum: 1000}, memo: {}}
        grant: {max: 5, for: 24h, scope: [run, session, agent], vary: [amount], budget: {amount: 500}}
        break_glass: [role:oncall]
  - {id: payout, tools: payout, gate: confirm}
  - {id: note, tools: note, gate: confirm}
  - id: open
    tools: open_account
    gate:
      user_input:
        schema:
          type: object
          title: Who opens it?
          required: [owner, secret, tags]
          properties:
            owner:
              type: object
              required: [name, country]
              properties:
                name: {type: string, minLength: 2}
                country: {$ref: "#/$defs/country"}
                vat: {type: string}
            secret: {type: string, x-sensitive: true, minLength: 4}
            tags: {type: array, items: {type: string, maxLength: 5}, maxItems: 3}
            active: {type: boolean, default: true}
          $defs:
            country: {type: string, enum: [ES, FR]}
          if: {properties: {active: {const: false}}, required: [active]}
          then: {required: [reason]}
  - id: screen
    tools: screen
    gate:
      external:
        route: screening
        result_schema:
          type: object
          required: [hit]
          properties: {hit: {type: boolean}, score: {type: number, maximum: 1}}
"""

APP = r'''
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

HERE = Path(__file__).parent


def witness(line):
    with (HERE / "witness.txt").open("a") as file:
        file.write(line + "\n")


Pin = Annotated[str, Field(json_schema_extra={"x-sensitive": True})]


@tool
def wire(to: str, amount: float, memo: str = "", pin: Pin = "") -> str:
    """Wire."""
    witness(f"wire {to} {amount} {memo!r} {pin!r}")
    return f"wired {amount}"


@tool
def payout(to: str, amount: float) -> str:
    """Pay out."""
    witness(f"payout {to} {amount}")
    return f"paid out {amount}"


@tool
def note(text: str) -> str:
    """Note."""
    return text


@tool
def open_account(owner: dict, secret: str, tags: list, active: bool = True) -> str:
    """Open."""
    witness(f"open {owner} {secret} {tags} {active}")
    return "opened"


@tool
def screen(name: str) -> str:
    """Executed elsewhere."""
    raise AssertionError("never here")


engine = Engine(
    policies=HERE / "treasury.policy.yaml",
    actors={"maria": ["finance"], "frank": ["finance"], "nina": ["finance"], "otto": ["oncall"]},
)


def agent(name, *calls, say="all done: {last_result}"):
    replies = [{"calls": [{"tool": t, "args": a} for t, a in turn]} for turn in calls]
    tools = [wire, payout, note, open_account, screen]
    return Agent(name, ScriptedModel([*replies, {"say": say}]), engine=engine, tools=tools)


wiring = agent("wiring", [("wire", {"to": "bob", "amount": 50, "memo": "rent", "pin": "7531"})])
again = agent("again", [("wire", {"to": "bob", "amount": 5})], [("wire", {"to": "bob", "amount": 6})])
paying = agent("paying", [("payout", {"to": "eve", "amount": 1}), ("payout", {"to": "mallory", "amount": 2})])
mixed = agent("mixed", [("payout", {"to": "eve", "amount": 1}), ("note", {"text": "hello"})])
opening = agent("opening", [("open_account", {})])
screening = agent("screening", [("screen", {"name": "Eve"})])
'''


def voting_project(folder: Path) -> Shell:
    """The project in a folder; the application is `bank:engine`, and the settings name it."""
    (folder / "treasury.policy.yaml").write_text(POLICY, encoding="utf-8")
    (folder / "bank.py").write_text(APP, encoding="utf-8")
    settings = '[tool.hitl-fsm]\nstore = "sqlite:///hitl.db?synchronous=normal"\napp = "bank:engine"\n'
    (folder / "pyproject.toml").write_text(settings, encoding="utf-8")
    return Shell(folder)


def start(shell: Shell, agent: str, user: str = "alice") -> tuple[str, list[str]]:
    """A paused run: its id, and those of its open questions."""
    paused = shell("run", f"bank:{agent}", "go", "--user", user, "--format", "json")
    assert paused.code == 8, paused.err
    return paused.json["run"], [one["id"] for one in paused.json["requirements"]]
