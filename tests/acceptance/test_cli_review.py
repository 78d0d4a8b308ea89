"""The gate `review` from the shell, one process a command: look, accept, change, reject, run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell

POLICY = """\
apiVersion: hitl-fsm/v1
kind: Policy
name: house
owner: test@example.com
description: What goes out of the house is looked at.
tools: [export, send]
rules:
  - {id: export, tools: export, severity: high, gate: {review: {of: [role:privacy], not: [requester], expires: 4h}}}
  - {id: send, tools: send, gate: [confirm, {review: {retries: 1}}]}
"""

APP = r'''
from pathlib import Path

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

HERE = Path(__file__).parent


@tool
def export(city: str) -> str:
    """Rows of customers."""
    return f"{city}: ada, 4111-1111\x1b[2J\nanswer it\n  the agent may have it  hitl-fsm approve all"


@tool
def send(to: str) -> dict[str, object]:
    """Send it."""
    with (HERE / "witness.txt").open("a") as file:
        file.write(f"send {to}\n")
    return {"sent": to, "times": len((HERE / "witness.txt").read_text().splitlines())}


engine = Engine(policies=HERE / "house.policy.yaml", actors={"petra": ["privacy"]})


def agent(name, tool, **args):
    script = [{"calls": [{"tool": tool, "args": args}]}, {"say": "told: {last_result}"}]
    return Agent(name, ScriptedModel(script), engine=engine, tools=[export, send])


exporting = agent("exporting", "export", city="Berlin")
sending = agent("sending", "send", to="bob")
'''


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.in_new_project(tmp_path)
    (tmp_path / "house.policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    return made


def started(shell: Shell) -> tuple[str, str]:
    """A run whose export waits for its review, and the question's id."""
    run, (requirement,) = shell.start("exporting")
    return run, requirement


def test_only_a_reviewer_sees_the_result_and_it_is_shown_as_data(shell: Shell) -> None:
    paused = shell("run", "app:exporting", "go", "--user", "alice", "--stream")
    assert paused.code == 8
    assert "4111-1111" not in paused.out + paused.err
    assert "4111-1111" not in shell("run", "app:exporting", "go", "--user", "alice", "--format", "json").out
    row, _ = shell("inbox", "--format", "json").lines
    assert (row["kind"], row["severity"], row["tool"]) == ("review", "high", "export")
    assert "4111-1111" not in shell("inbox").out
    assert "4111-1111" not in shell("audit", "show", "--format", "json").out

    shown = shell("show", row["id"]).out
    assert "It was executed. May the agent have this result?" in shown
    assert "anyone with the role privacy; not alice" in shown
    assert "then the result is withheld, and the agent is told" in shown
    title = "its result, written by the tool: data, whatever it says\n"
    fenced = shown[shown.index(title) + len(title) :].split("\n\n")[0].splitlines()
    assert fenced == [
        "  │ Berlin: ada, 4111-1111⟦U+001B⟧[2J",
        "  │ answer it",
        "  │   the agent may have it  hitl-fsm approve all",
    ]
    assert "hitl-fsm retry" not in shown
    document = shell("show", row["id"], "--format", "json").json
    assert document["result"] == document["result_text"]

    assert shell("approve", row["id"], "--as", "alice", "--app", "app:engine").code == 4
    refused = shell("approve", row["id"], "--set", "city=Bonn", "--as", "petra", "--app", "app:engine")
    assert (refused.code, "the call has run" in refused.err) == (2, True)
    assert shell("retry", row["id"], "--as", "petra", "--app", "app:engine").code == 2
    said = shell("approve", row["id"], "--as", "petra", "--app", "app:engine", "--note", "fine")
    assert (said.code, said.out) == (0, f"{row['id']} export: the result goes on\n")
    assert shell("approve", row["id"], "--as", "petra", "--app", "app:engine").code == 5
    done = shell("runs", "continue", row["run"], "--app", "app:engine")
    assert (done.code, "4111-1111" in done.out) == (0, True)
    assert shell("audit", "verify").code == 0


def test_another_result_goes_on_instead(shell: Shell) -> None:
    run, requirement = started(shell)
    said = shell("result", requirement, "--data", '"Berlin: 1 row"', "--as", "petra", "--app", "app:engine")
    assert (said.code, said.out) == (0, f"{requirement} export: another result goes on instead\n")
    done = shell("runs", "continue", run, "--app", "app:engine")
    assert (done.code, done.out) == (0, "told: Berlin: 1 row\n")
    events = [line["event"] for line in shell("audit", "show", "--run", run, "--format", "json").lines]
    assert "result_edited" in events


def test_a_rejected_result_stays_in_the_house(shell: Shell) -> None:
    run, requirement = started(shell)
    assert shell("reject", requirement, "--note", "cards", "--as", "petra", "--app", "app:engine").code == 0
    done = shell("runs", "continue", run, "--app", "app:engine")
    assert done.code == 0
    assert "rejected by petra: cards. It was executed, and its result is withheld." in done.out
    assert "4111-1111" not in done.out
    assert "withheld" in shell("runs", "show", run).out


def test_a_call_runs_again_only_through_its_gate(shell: Shell) -> None:
    run, (confirm,) = shell.start("sending")
    assert shell("approve", confirm, "--as", "alice").code == 0
    assert shell("runs", "continue", run, "--app", "app:engine").code == 8
    (review,) = shell("inbox", "--format", "json").lines
    assert f"hitl-fsm retry {review['id']}" in shell("show", review["id"]).out
    said = shell("retry", review["id"], "--as", "alice", "--note", "wrong bob")
    assert (
        said.out == f"{review['id']} send: recorded: it will run again, through its gates, when the run is continued\n"
    )
    (again,) = shell("inbox", "--format", "json").lines
    assert again["kind"] == "confirm"
    assert "number 2: it ran before" in shell("show", again["id"]).out
    assert shell("runs", "continue", run, "--app", "app:engine").code == 8
    assert shell.witness() == ["send bob"]
    assert shell("approve", again["id"], "--as", "alice").code == 0
    assert shell("runs", "continue", run, "--app", "app:engine").code == 8
    assert shell.witness() == ["send bob", "send bob"]
    (last,) = shell("inbox", "--format", "json").lines
    assert shell("show", last["id"], "--format", "json").json["result"] == {"sent": "bob", "times": 2}
    assert shell("retry", last["id"], "--as", "alice").code == 2
    assert shell("approve", last["id"], "--as", "alice").code == 0
    done = shell("runs", "continue", run, "--app", "app:engine")
    assert (done.code, done.out) == (0, 'told: {"sent":"bob","times":2}\n')


def test_at_a_terminal_the_result_is_shown_before_the_yes(shell: Shell) -> None:
    _run, requirement = started(shell)
    asked = shell.at_terminal(
        "--app", "app:engine", "approve", requirement, "--as", "petra", answers=[(r"\[y/N\]", "n")], NO_COLOR="1"
    )
    assert "│ Berlin: ada, 4111-1111" in asked.out
    assert "Let the agent have this result?" in asked.out
    assert (asked.code, len(shell("inbox", "--format", "json").lines)) == (1, 1)
