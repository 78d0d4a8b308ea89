"""`explain` as a process: the whole page for a compliance owner, and what is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from forked import program
from moments import HUNG_S

GOLDEN = Path(__file__).parents[1] / "golden/explain.txt"
REFUNDS = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: refunds
owner: treasury-compliance@example.com
tools: [payments.refund, "payments.payout.*"]
default: deny
vars: {home: [EUR, GBP]}
rules:
  - id: small
    tools: payments.refund
    when: args.currency in vars.home && args.amount > 0
    gate: allow
  - id: large
    severity: high
    tools: payments.refund
    when: [args.amount > 1000, "has(args.order_id)"]
    unless: "'treasury-head' in user.roles"
    gate: {approval: {of: [role:finance], not: [requester], expires: 4h}}
  - id: sanctioned
    tools: payments.refund
    when: args.country in ['XX']
    gate: {deny: {note: Nothing is sent there}}
  - id: payouts
    tools: "payments.payout.*"
    gate: {external: {route: sanctions}}
"""
NEXT = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: refunds-next
owner: treasury-compliance@example.com
mode: shadow
tools: payments.refund
rules:
  - id: all-refunds
    severity: critical
    when: args.amount > 0
    gate: {approval: {of: [role:cfo]}}
"""
LARGE = {"amount": 5000, "currency": "EUR", "order_id": "o1", "country": "DE"}
HEAD = {"amount": 5000, "currency": "JPY", "order_id": "o1", "country": "XX"}
APP = '''\
from hitl_fsm import Actor, Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

@tool(name="payments.refund")
def refund(amount: float, currency: str = "EUR", country: str = "DE", order_id: str = "o1") -> str:
    """Pay money back."""
    return "done"

engine = Engine(policies=".", store="sqlite:///:memory:", actors=lambda name: Actor(id=name, roles=("treasury-head",)))
agent = Agent(name="support", model=ScriptedModel([{"say": "end"}]), tools=[refund], engine=engine)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "refunds.policy.yaml").write_text(REFUNDS)
    (tmp_path / "next.policy.yaml").write_text(NEXT)
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def explain(folder: Path, *args: str, data: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program(), "explain", *args],
        cwd=folder,
        input=data,
        capture_output=True,
        text=True,
        timeout=HUNG_S,
        check=False,
    )


def told(folder: Path, args: dict[str, Any], *more: str) -> str:
    given = ("--args", json.dumps(args), "--policies", ".", "--now", "2026-01-01T12:00:00Z", "--user", "alice")
    done = explain(folder, "payments.refund", *given, *more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_whole_text_is_the_golden_one(folder: Path) -> None:
    """Asked, denied by several, and what cannot be told. Written anew only by hand: it is what an owner reads."""
    pages = [
        told(folder, LARGE, "--role", "clerk", "--agent", "support", "--env", "stage=prod"),
        told(folder, HEAD, "--role", "treasury-head", "--role", "clerk"),
        told(folder, {"amount": "5000", "note": "\x1b[31mred"}),
        explain(folder, "other", "--policies", "refunds.policy.yaml", "--now", "2026-01-01").stdout,
    ]
    assert "\n".join(pages) == GOLDEN.read_text(encoding="utf-8")


def test_json_says_the_same(folder: Path) -> None:
    found = json.loads(told(folder, LARGE, "--format", "json"))
    (refunds,) = found["policies"]
    assert {rule["rule"]: rule["matched"] for rule in refunds["rules"]} == {
        "small": "yes",
        "large": "yes",
        "sanctioned": "no",
    }
    assert refunds["rules"][1]["when"][0] == {
        "text": "args.amount > 1000", "value": True, "problem": None, "line": 16, "column": 12,
    }  # fmt: skip
    assert (found["verdict"]["outcome"], found["verdict"]["would"]["outcome"]) == ("gated", "gated")
    assert [one["policy"] for one in found["shadow"]] == ["refunds-next"]


def test_an_application_gives_policies_roles_and_defaults(folder: Path) -> None:
    done = explain(folder, "payments.refund", "--args", '{"amount": 2000}', "--app", "app:engine", "--format", "json")
    found = json.loads(done.stdout)
    assert found["action"]["args"] == {"amount": 2000, "currency": "EUR", "country": "DE", "order_id": "o1"}
    assert (found["action"]["user"]["roles"], found["verdict"]["outcome"]) == (["treasury-head"], "allow")
    clerk = explain(folder, "payments.refund", "--args", '{"amount": 2000}', "--app", "app:engine", "--role", "clerk")
    assert "asked: approval of role:finance  (refunds/large)" in clerk.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["payments.refund", "--args", '{"a": NaN}'], "NaN is not JSON"),
        (["payments.refund", "--args", '{"a": 1, "a": 2}'], 'the key "a" stands twice'),
        (["payments.refund", "--args", "[1]"], "--args"),
        (["payments.refund", "--args", "{"], "--args"),
        (["payments.refund", "--args", "@nowhere.json"], "nowhere.json cannot be read"),
        (["payments.refund", "--now", "tomorrow"], "is not an instant"),
        (["payments.refund", "--env", "stage"], "is not NAME=VALUE"),
        (["payments.*"], "is not the name of a tool"),
        ([""], "there is nothing to explain"),
        (["payments.refund", "--policies", "nowhere"], "there is no file or folder 'nowhere'"),
    ],
)
def test_what_cannot_be_read_is_refused(folder: Path, args: list[str], says: str) -> None:
    done = explain(folder, *args, *(() if "--policies" in args else ("--policies", ".")))
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr.replace("\n  ", " ")
    assert "Traceback" not in done.stderr


def test_a_tool_that_the_application_does_not_have_is_refused(folder: Path) -> None:
    done = explain(folder, "payments.refnud", "--app", "app:engine")
    assert (done.returncode, done.stdout) == (2, "")
    assert "HF402" in done.stderr
    assert "did you mean `payments.refund`?" in done.stderr


def test_policies_that_do_not_load_explain_nothing(folder: Path) -> None:
    (folder / "next.policy.yaml").write_text(NEXT.replace("args.amount", "args..amount"))
    done = explain(folder, "payments.refund", "--policies", ".")
    assert (done.returncode, done.stdout) == (1, "")
    assert "HF111" in done.stderr
