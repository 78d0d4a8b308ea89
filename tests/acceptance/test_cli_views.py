"""A look at a question through the commands is on the record: who looked, where, at what; a list is no look."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import POLICY, Shell
from acceptance.voting import start, voting_project

GATE = "gate: {approval: {of: [role:finance], not: [requester], break_glass: [role:finance]}}"
APP = ("--app", "app:engine")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell.in_new_project(tmp_path)
    policy = POLICY.replace("gate: {approval: {of: [role:finance], not: [requester], expires: 4h}}", GATE)
    (tmp_path / "house.policy.yaml").write_text(policy, encoding="utf-8")
    return made


def about(shell: Shell, requirement: str) -> list[tuple[str, str, str]]:
    """Of each line about a question: what happened, by whom, and on which surface it was seen."""
    lines = shell("audit", "show", "--format", "json").lines
    found = [one for one in lines if one["data"].get("requirement") == requirement and one["event"] in EVENTS]
    return [
        (one["event"].removeprefix("requirement_"), one["by"]["id"], one["data"].get("surface", "")) for one in found
    ]


EVENTS = {"requirement_viewed", "requirement_presented", "requirement_resolved", "override_used"}


def test_show_is_a_look_and_a_list_is_none(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    assert shell("inbox").code == 0
    assert shell("inbox", "--format", "json").code == 0
    assert about(shell, requirement) == []
    assert shell("show", requirement).code == 0
    ((event, who, surface),) = about(shell, requirement)
    assert (event, surface) == ("viewed", "shell")
    assert shell("show", requirement, "--format", "json").code == 0
    assert about(shell, requirement) == [("viewed", who, "shell")] * 2


def test_what_a_terminal_shows_before_it_asks_is_a_look_and_a_command_that_shows_nothing_is_none(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    no = shell.at_terminal("approve", requirement, "--as", "maria", *APP, answers=[(r"\[y/N\]", "n")])
    assert no.code == 1
    assert about(shell, requirement) == [("viewed", "maria", "shell")]
    assert shell("approve", requirement, "--as", "frank", *APP).code == 0
    assert [one[:2] for one in about(shell, requirement)[1:]] == [("presented", "frank"), ("resolved", "frank")]


def test_who_passes_a_gate_alone_at_a_terminal_has_looked_at_it(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    alone = ("break-glass", requirement, "--note", "payroll", "--as", "maria", *APP)
    assert shell.at_terminal(*alone, answers=[("tool's name:", "refnud")]).code != 0
    assert about(shell, requirement) == [("viewed", "maria", "shell")]
    assert shell.at_terminal(*alone, answers=[("tool's name:", "refund")]).code == 0
    assert [one[:2] for one in about(shell, requirement)][1:3] == [("viewed", "maria"), ("presented", "maria")]


def test_a_look_that_cannot_be_recorded_shows_nothing(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    (shell.folder / "hitl.db.keys").rename(shell.folder / "away.keys")
    shown = shell("show", requirement)
    assert (shown.code, shown.out) == (3, "")
    asked = shell.at_terminal("approve", requirement, "--as", "maria", *APP, answers=[])
    assert (asked.code, "amount" in asked.out) == (3, False)


def test_a_form_is_filled_in_under_the_whole_question_and_that_is_a_look(tmp_path: Path) -> None:
    shell = voting_project(tmp_path)
    _, (form,) = start(shell, "opening")
    bare = shell("input", form, "--as", "alice")
    assert (bare.code, about(shell, form)) == (2, [])
    asked = shell.at_terminal(
        "input", form, "--as", "alice", answers=[(r"open_account with exactly(.|\n)*owner\.name", "\x04")]
    )
    assert asked.code != 0
    assert about(shell, form) == [("viewed", "alice", "shell")]
    left = shell("input", form, "--edit", "--as", "alice", VISUAL="true")
    assert left.code == 2
    assert "open_account with exactly" in left.err
    assert about(shell, form) == [("viewed", "alice", "shell")] * 2
    values = '{"owner": {"name": "Eve", "country": "FR"}, "secret": "abcd9", "tags": []}'
    assert shell("input", form, "--data", values, "--as", "alice").code == 0
    assert [one[0] for one in about(shell, form)[2:]] == ["presented", "resolved"]


def test_who_is_asked_for_a_result_has_looked_at_what_it_is_of(tmp_path: Path) -> None:
    shell = voting_project(tmp_path)
    _, (screen,) = start(shell, "screening")
    assert shell("result", screen).code == 2
    assert about(shell, screen) == []
    assert shell("result", screen, "--edit", "--as", "alice", VISUAL="true").code == 2
    assert about(shell, screen) == [("viewed", "alice", "shell")]


def test_an_editor_with_the_arguments_is_a_look(shell: Shell) -> None:
    _, (requirement,) = shell.start("refunding")
    assert shell("approve", requirement, "--edit", "--as", "maria", *APP, VISUAL="false").code != 0
    assert about(shell, requirement) == [("viewed", "maria", "shell")]


def test_where_a_look_cannot_be_recorded_no_form_and_no_editor_opens(tmp_path: Path) -> None:
    shell = voting_project(tmp_path)
    _, (form,) = start(shell, "opening")
    (shell.folder / "hitl.db.keys").rename(shell.folder / "away.keys")
    for more in ((), ("--edit",)):
        asked = shell.at_terminal("input", form, "--as", "alice", *more, answers=[], VISUAL="true")
        assert (asked.code, "owner" in asked.out) == (3, False)
