"""Several people and one question, from the shell: a vote is told as a vote, and can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acceptance.shell import Result, Shell
from acceptance.voting import start, voting_project


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return voting_project(tmp_path)


def vote(shell: Shell, command: str, requirement: str, who: str, *more: str) -> Result:
    return shell(command, requirement, *more, "--as", who)


def row_of(shell: Shell, requirement: str) -> dict[str, Any]:
    return next(one for one in shell("inbox", "--format", "json").lines if one["id"] == requirement)


def test_the_first_vote_of_two_is_told_as_one(shell: Shell) -> None:
    run, (wire,) = start(shell, "wiring")
    first = vote(shell, "approve", wire, "maria")
    assert (first.code, first.out) == (0, f"{wire} wire: vote recorded; one more of role finance needed\n")
    assert f"still waits for {wire}" in first.err
    assert row_of(shell, wire)["votes"] == {
        "yes": 1,
        "needed": 2,
        "no": 0,
        "no_needed": 1,
        "abstained": 0,
        "advice": 0,
    }
    assert " 1/2" in shell("inbox").out
    shown = shell("show", wire).out
    assert "maria" in shown
    assert "7531" not in shown
    twice = vote(shell, "approve", wire, "maria")
    assert (twice.code, twice.out) == (4, "")
    assert shell("runs", "continue", run).code == 8
    assert shell.witness() == []

    second = vote(shell, "approve", wire, "frank", "--format", "json")
    assert second.code == 0
    assert (second.json["answer"], second.json["state"], second.json["open"]) == ("approve", "resolved", [])
    assert shell("runs", "continue", run).code == 0
    assert shell.witness() == ["wire bob 50.0 'rent' '7531'"]


def test_a_vote_in_json_has_the_state_and_the_votes(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    told = vote(shell, "approve", wire, "maria", "--format", "json").json
    assert (told["state"], told["run_state"], told["open"]) == ("open", "resolving", [wire])
    assert (told["votes"]["yes"], told["votes"]["needed"]) == (1, 2)


def test_a_vote_is_taken_back_and_the_question_is_as_before(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    nothing = vote(shell, "withdraw", wire, "maria")
    assert nothing.code == 4
    assert "has no vote" in nothing.err
    assert vote(shell, "approve", wire, "maria").code == 0
    back = vote(shell, "withdraw", wire, "maria", "--note", "not yet")
    assert back.code == 0
    assert "the vote is taken back" in back.out
    assert row_of(shell, wire)["votes"]["yes"] == 0
    assert vote(shell, "approve", wire, "maria").code == 0
    closed = vote(shell, "reject", wire, "frank", "--note", "no")
    assert (closed.code, closed.out) == (0, f"{wire} wire: rejected\n")
    assert vote(shell, "withdraw", wire, "maria").code == 5


def test_an_approval_is_taken_back_until_the_action_begins(shell: Shell) -> None:
    run, (wire,) = start(shell, "wiring")
    assert vote(shell, "revoke", wire, "maria", "--note", "early").code == 5
    for who in ("maria", "frank"):
        assert vote(shell, "approve", wire, who).code == 0
    assert shell("revoke", wire, "--as", "frank").code == 2  # without --note
    assert vote(shell, "revoke", wire, "nina", "--note", "not hers").code == 4
    back = vote(shell, "revoke", wire, "frank", "--note", "wrong account")
    assert back.code == 0, back.err
    assert "the approval is taken back; the question is asked again" in back.out
    (again,) = shell("inbox", "--format", "json").lines
    assert again["id"] != wire
    assert shell("runs", "continue", run).code == 8
    assert shell.witness() == []
    for who in ("maria", "frank"):
        assert vote(shell, "approve", again["id"], who).code == 0
    assert shell("runs", "continue", run).code == 0
    assert len(shell.witness()) == 1
    assert vote(shell, "revoke", wire, "frank", "--note", "late").code == 5


def test_who_abstains_says_nothing_and_does_not_vote_again(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    said = vote(shell, "abstain", wire, "maria", "--note", "my cousin")
    assert said.code == 0
    assert said.out == f"{wire} wire: recorded: neither yes nor no; 2 more of role finance needed\n"
    assert row_of(shell, wire)["votes"]["abstained"] == 1
    assert vote(shell, "approve", wire, "maria").code == 4
    assert vote(shell, "withdraw", wire, "maria").code == 0
    assert vote(shell, "approve", wire, "maria").code == 0
    _, (other, _) = start(shell, "paying")
    assert vote(shell, "abstain", other, "alice").code == 2  # nobody votes on a confirm


def test_advice_is_shown_and_never_counts(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    assert vote(shell, "advise", wire, "zoe", "maybe").code == 2
    for _ in range(3):
        said = vote(shell, "advise", wire, "zoe", "approve", "--note", "looks right")
        assert said.code == 0
    assert "does not count" in said.out
    assert (row_of(shell, wire)["votes"]["yes"], row_of(shell, wire)["votes"]["advice"]) == (0, 3)


def test_the_way_past_the_others_works_as_show_offers_it(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    ways = shell("--format", "json", "show", wire).json["how"]
    (offered,) = (way["command"] for way in ways if "break-glass" in way["command"])
    words = [{"NAME": "wire", "TEXT": "flood"}.get(word, word) for word in offered.split()]
    assert words[0] == "hitl-fsm"
    done = shell(*words[1:], "--as", "otto")
    assert done.code == 0, done.err


def test_past_the_others_takes_the_tools_name(shell: Shell) -> None:
    run, (wire,) = start(shell, "wiring")
    assert vote(shell, "break-glass", wire, "otto").code == 2  # without --note
    for more, why in (([], "the name of its tool was not given"), (["--tool", "payout"], "its tool has another name")):
        unsure = vote(shell, "break-glass", wire, "otto", "--note", "flood", *more)
        assert (unsure.code, unsure.out) == (2, "")
        assert why in unsure.err
        assert "nothing was recorded" in unsure.err
    assert vote(shell, "break-glass", wire, "maria", "--note", "flood", "--tool", "wire").code == 4
    wrong = shell.at_terminal(
        "break-glass", wire, "--note", "flood", "--as", "otto", answers=[(r"type the tool's name:", "yes")]
    )
    assert wrong.code == 2
    assert '"to": "bob"' in wrong.out  # it was shown before
    done = shell.at_terminal(
        "break-glass", wire, "--note", "flood", "--as", "otto", answers=[(r"type the tool's name:", "wire")]
    )
    assert done.code == 0, done.out
    assert "approved by one person alone, in an emergency" in done.out
    assert shell("runs", "continue", run).code == 0
    assert len(shell.witness()) == 1
