"""Teams and workflows on the command line: who asks is told everywhere, and what several say stays apart."""

from __future__ import annotations

import re

import pytest

from acceptance.shell import Shell

TREES = r"""
from app import engine, pay
from hitl_fsm import Agent, Step, Team, Workflow, tool
from hitl_fsm.testing import ScriptedModel


@tool
def look(order: str) -> str:
    return f"order {order} is late"


PAY = {"calls": [{"tool": "pay", "args": {"to": "bob", "amount": 5}}]}
LOOK = {"calls": [{"tool": "look", "args": {"order": "42"}}]}
BOTH = {"calls": [{"tool": "ask_clerk", "args": {"task": "pay"}}, {"tool": "ask_scout", "args": {"task": "look"}}]}
clerk = Agent("clerk", ScriptedModel([PAY, {"say": "one line\nand \x1b[2Jthe other"}]), engine=engine, tools=[pay])
scout = Agent("scout", ScriptedModel([LOOK, {"say": "seen"}]), engine=engine, tools=[look])
finance = Team("finance", [clerk, scout], model=ScriptedModel([BOTH, {"say": "both are done"}]), engine=engine)
refunds = Workflow("refunds", [Step("payout", finance)], engine=engine)
looks = Workflow("looks", [Step("seek", look)], engine=engine)
evil = Team(
    "evil\x1b[2J\u202e",
    [clerk],
    model=ScriptedModel([{"calls": [{"tool": "ask_clerk", "args": {"task": "pay"}}]}, {"say": "end"}]),
    engine=engine,
)
"""
WAY = "workflow refunds / step payout / team finance / agent clerk"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    made = Shell.in_new_project(tmp_path_factory.mktemp("project"))
    app = made.folder / "app.py"
    app.with_name("trees.py").write_text(TREES, encoding="utf-8")
    return made


def test_a_question_from_deep_inside_says_everywhere_who_asks(shell: Shell) -> None:
    paused = shell("run", "trees:refunds", "go", "--user", "alice")
    assert paused.code == 8
    assert f"asked by {WAY}" in paused.err
    run, question = re.findall(r"run_\w+", paused.err)[0], re.findall(r"req_\w+-\d+", paused.err)[0]
    assert f"{WAY} for alice" in shell("inbox").out
    (row,) = [one for one in shell("inbox", "--format", "json").lines if one["id"] == question]
    assert row["path"] == WAY.split(" / ")
    assert re.search(rf"^asked by +{WAY}$", shell("show", question).out, re.MULTILINE)
    assert shell("show", question, "--format", "json").json["path"] == WAY.split(" / ")
    page = shell("runs", "show", run).out
    assert re.search(r"^workflow +refunds for alice$", page, re.MULTILINE)
    tree = page[page.index("under way inside") :].splitlines()[1:3]
    assert [line.strip() for line in tree] == [
        "step payout / team finance (1.0): turn 1",
        "agent clerk (1.0/1.0): turn 1, waits for 1 answer",
    ]
    assert len(tree[0]) - len(tree[0].lstrip()) < len(tree[1]) - len(tree[1].lstrip())
    inside = shell("runs", "show", run, "--format", "json").json["inside"]
    assert [(one["frame"], one["kind"], one["name"]) for one in inside] == [
        ("1.0", "team", "finance"),
        ("1.0/1.0", "agent", "clerk"),
    ]
    assert shell("approve", question, "--as", "alice").code == 0
    done = shell("runs", "continue", run, "--app", "trees:engine")
    assert (done.code, done.out) == (0, "both are done\n")
    assert shell("wait", run).out == "both are done\n"
    assert "under way inside" not in shell("runs", "show", run).out
    assert "paused --> resolving" in shell("graph", "--run", run).out


def test_only_the_runs_own_answer_is_streamed_to_stdout(shell: Shell) -> None:
    first = shell("run", "trees:refunds", "go", "--user", "alice", "--stream")
    assert (first.code, first.out) == (8, "")
    run, question = re.findall(r"run_\w+", first.err)[0], re.findall(r"req_\w+-\d+", first.err)[0]
    told = first.err.index("team finance / agent scout: seen\n")
    assert told < first.err.index("agent scout: ToolCallCompleted call_id=1.0/1.1 tool_name=ask_scout")
    assert shell("approve", question, "--as", "alice").code == 0
    done = shell("runs", "continue", run, "--app", "trees:engine", "--stream")
    assert (done.code, done.out) == (0, "both are done\n"), "a workflow's output, which it does not say"
    said = [line for line in done.err.splitlines() if line.startswith(f"· {WAY}: ")]
    assert f"· {WAY}: one line" in said
    assert f"· {WAY}: and ⟦U+001B⟧[2Jthe other" in said
    assert "· workflow refunds / step payout / team finance: both are done" in done.err


def test_json_lines_tell_where_and_from_where_to_go_on(shell: Shell) -> None:
    lines = shell("run", "trees:finance", "go", "--user", "alice", "--stream", "--format", "json").lines
    assert [one["seq"] for one in lines] == sorted(one["seq"] for one in lines)
    said = {tuple(one["path"]) for one in lines if one["event"] == "ContentDelta"}
    assert said == {("team finance", "agent scout")}
    assert all(one["frame"] == "" for one in lines if len(one["path"]) == 1)


def test_a_name_that_hides_something_is_spelled_out_wherever_it_leads_the_way(shell: Shell) -> None:
    paused = shell("run", "trees:evil", "go", "--user", "alice", "--stream")
    assert paused.code == 8, paused.err
    run, question = re.findall(r"run_\w+", paused.err)[0], re.findall(r"req_\w+-\d+", paused.err)[0]
    for one in (paused, shell("inbox"), shell("show", question), shell("runs", "show", run)):
        text = one.out + one.err
        assert "⟦U+202E⟧" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_what_cannot_be_run_is_told(shell: Shell) -> None:
    refused = shell("run", "trees:engine", "go")
    assert (refused.code, "an agent, a team or a workflow can be run" in refused.err) == (2, True)


def test_a_workflow_takes_a_value_and_its_failure_says_what_helps(shell: Shell) -> None:
    given = shell.folder / "order.json"
    given.write_text('{"order": "42"}', encoding="utf-8")
    assert shell("run", "trees:looks", "--data", f"@{given}").out == "order 42 is late\n"
    assert shell("run", "trees:looks", "--data", '{"order": "43"}', "--stream").out == "order 43 is late\n"
    failed = shell("run", "trees:looks", "--data", '{"order": 42}')
    assert (failed.code, "start another run" in failed.err) == (3, True), failed.err
    for wrong in ((), ("text", "--data", "1"), ("--data", "{"), ("--data", '{"a": 1, "a": 2}')):
        refused = shell("run", "trees:looks", *wrong)
        assert (refused.code, "HF701" in refused.err) == (2, True), wrong
    assert "HF316" in shell("run", "trees:scout", "--data", "{}").err, "an agent reads text"
