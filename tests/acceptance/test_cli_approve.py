"""What `approve` shows, asks and refuses: several at once, changed arguments, grants."""

from __future__ import annotations

import stat
import time
from datetime import datetime
from pathlib import Path

import pytest

from acceptance.shell import Shell
from acceptance.voting import start, voting_project


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return voting_project(tmp_path)


def editor(shell: Shell, body: str) -> str:
    """A program that edits the file it is given, and notes what it found."""
    file = shell.folder / "editor.py"
    code = (
        "import os, pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text()\n"
        f"kept = pathlib.Path({str(shell.folder / 'seen.txt')!r})\n"
        "kept.write_text(f'{file} {oct(file.stat().st_mode)} {oct(file.parent.stat().st_mode)}\\n{text}')\n"
    )
    file.write_text(code + body, encoding="utf-8")
    import sys

    return f"{sys.executable} {file}"


def test_several_of_one_tool_are_confirmed_once_and_all_are_listed(shell: Shell) -> None:
    run, (one, two) = start(shell, "paying")
    no = shell.at_terminal("approve", one, two, "--as", "alice", answers=[(r"Approve all 2 of payout\? \[y/N\]", "n")])
    assert no.code == 1
    assert f"{one}, {two}: nothing was recorded" in no.out
    asked = shell.at_terminal(
        "approve", one, two, "--as", "alice", answers=[(r"Approve all 2 of payout\? \[y/N\]", "y")], NO_COLOR="1"
    )
    assert asked.code == 0, asked.out
    before = asked.out.partition("Approve all 2")[0]
    for told in ('"to": "eve"', '"to": "mallory"', f"{one}  ", f"{two}  "):
        assert told in before
    assert asked.out.count("[y/N]") == 1
    assert asked.out.count("payout: approved") == 2
    assert shell("runs", "continue", run).code == 0
    assert shell.witness() == ["payout eve 1.0", "payout mallory 2.0"]


def test_what_is_of_several_tools_is_asked_tool_by_tool_or_refused(shell: Shell) -> None:
    _, (payout, note) = start(shell, "mixed")
    mixed = shell("approve", payout, note, "--as", "alice")
    assert (mixed.code, mixed.out) == (2, "")
    assert f"  - payout: {payout}" in mixed.err
    assert "--yes" in mixed.err
    assert len(shell("inbox", "--format", "json").lines) == 2
    answers = [(r"Approve payout\? \[y/N\]", "n"), (r"Approve note\? \[y/N\]", "y")]
    asked = shell.at_terminal("approve", payout, note, "--as", "alice", answers=answers)
    assert asked.code == 1
    assert f"{note} note: approved" in asked.out
    meant = shell("approve", payout, "--yes", "--as", "alice")
    assert meant.code == 0


def test_several_tools_at_once_are_answered_where_that_is_meant(shell: Shell) -> None:
    _, both = start(shell, "mixed")
    assert shell("approve", *both, "--yes", "--as", "alice").code == 0
    assert shell("inbox", "--format", "json").lines == []


def test_what_was_on_the_screen_is_bound_to_the_answer(shell: Shell) -> None:
    run, (one, _) = start(shell, "paying")
    assert shell.at_terminal("approve", one, "--as", "alice", answers=[(r"\[y/N\]", "y")]).code == 0
    record = shell("audit", "show", "--run", run, "--format", "json").lines
    (resolved,) = [line for line in record if line["event"] == "requirement_resolved"]
    assert len(resolved["data"]["presented"]) == 64


def test_a_yes_to_what_was_changed_while_it_was_read_is_not_taken(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")

    def meanwhile() -> None:
        assert shell("approve", wire, "--set", "amount=45", "--as", "frank").code == 0

    read = shell.at_terminal("approve", wire, "--as", "maria", answers=[(r"\[y/N\]", "y")], meanwhile=meanwhile)
    assert read.code == 5, read.out
    assert "HF304" in read.out
    (asked,) = shell("inbox", "--format", "json").lines
    assert (asked["args"]["amount"], asked["votes"]["yes"]) == (45, 0)


def test_a_yes_is_not_taken_where_others_are_asked_by_now(shell: Shell) -> None:
    """The action is the same, so it is what was on the screen that tells them apart."""
    file = shell.folder / "treasury.policy.yaml"
    text = file.read_text(encoding="utf-8")
    later = "expires: 1s\n        on_expiry: {escalate: [role:finance, role:board], expires: 2h}"
    file.write_text(text.replace("expires: 2h", later), encoding="utf-8")
    _, (wire,) = start(shell, "wiring")
    (row,) = shell("inbox", "--format", "json").lines
    over = datetime.fromisoformat(row["expires_at"]).timestamp()

    def meanwhile() -> None:
        time.sleep(max(0, over + 0.05 - time.time()))

    answers = [(r"\[y/N\]", "y")]
    read = shell.at_terminal("approve", wire, "--as", "maria", answers=answers, meanwhile=meanwhile)
    assert read.code == 5, read.out
    assert "HF307" in read.out
    assert shell.at_terminal("approve", wire, "--as", "maria", answers=answers).code == 0  # looked at again


# -- changed arguments


def test_an_edit_is_shown_as_a_diff_before_it_is_asked_about(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    answers = [(r"Approve wire\? \[y/N\]", "n")]
    asked = shell.at_terminal("approve", wire, "--set", "amount=40", "--as", "maria", answers=answers, NO_COLOR="1")
    assert asked.code == 1
    assert '-   "amount": 50,\n' in asked.out
    assert '+   "amount": 40,\n' in asked.out
    assert "7531" not in asked.out


def test_what_the_policy_does_not_let_an_approver_change_is_refused_before_asking(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    for change in ("to=eve", "amount=2000", "amount=lots", "nothing=1"):
        refused = shell("approve", wire, "--set", change, "--as", "maria")
        assert (refused.code, refused.out) == (2, ""), change
    for options in (["--set", "amount=2000"], ["--grant", "run", "--uses", "50"]):
        refused = shell.at_terminal("approve", wire, *options, "--as", "maria", answers=[])
        assert refused.code == 2
        assert "[y/N]" not in refused.out


def test_the_editor_gets_a_private_file_and_what_it_leaves_is_the_edit(shell: Shell) -> None:
    run, (wire,) = start(shell, "wiring")
    program = editor(shell, "file.write_text(text.replace('\"amount\": 50', '\"amount\": 45'))\n")
    done = shell("approve", wire, "--edit", "--as", "maria", VISUAL=program)
    assert done.code == 0, done.err
    place, _, text = (shell.folder / "seen.txt").read_text(encoding="utf-8").partition("\n")
    path, file_mode, folder_mode = place.split(" ")
    assert (file_mode, folder_mode) == (oct(stat.S_IFREG | 0o600), oct(stat.S_IFDIR | 0o700))
    assert not Path(path).exists()
    assert text.startswith(f"# {wire}: the arguments of wire")
    assert "7531" not in text
    assert "⟦masked⟧" in text
    (asked,) = shell("inbox", "--format", "json").lines
    assert (asked["args"]["amount"], asked["votes"]["yes"]) == (45, 0)  # who edited it does not count
    for who in ("frank", "nina"):
        assert shell("approve", asked["id"], "--as", who).code == 0
    assert shell("runs", "continue", run).code == 0
    assert shell.witness() == ["wire bob 45.0 'rent' '7531'"]


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("sys.exit(3)\n", 2, "ended with 3"),
        ("file.write_text('{')\n", 2, "HF309"),
        ('file.write_text(\'{"to": 1, "to": 2}\')\n', 2, "HF309"),
        ("file.write_text('')\n", 2, "HF309"),
        ("file.write_text('@/etc/hostname')\n", 2, "HF309"),
        ("file.write_text('[1]')\n", 2, "HF309"),
        ("file.write_bytes(b'\\xff')\n", 2, "nothing was recorded"),
        ("file.unlink()\n", 2, "nothing was recorded"),
    ],
)
def test_an_editor_that_fails_or_leaves_no_object_changes_nothing(
    shell: Shell, body: str, code: int, told: str
) -> None:
    _, (wire,) = start(shell, "wiring")
    failed = shell("approve", wire, "--edit", "--as", "maria", EDITOR=editor(shell, body), VISUAL="")
    assert (failed.code, failed.out) == (code, "")
    assert told in failed.err
    (still,) = shell("inbox", "--format", "json").lines
    assert (still["id"], still["votes"]["yes"]) == (wire, 0)


def test_an_unchanged_file_is_no_edit_and_one_is_edited_at_a_time(shell: Shell) -> None:
    run, (one, two) = start(shell, "paying")
    program = editor(shell, "")
    assert shell("approve", one, two, "--edit", "--as", "alice", VISUAL=program).code == 2
    assert shell("approve", one, "--edit", "--as", "alice", VISUAL="", EDITOR="").code == 2
    same = shell("approve", one, "--edit", "--as", "alice", VISUAL=program)
    assert (same.code, same.out) == (0, f"{one} payout: approved\n")
    assert "args_edited" not in shell("audit", "show", "--run", run).out


# -- grants


def test_a_grant_is_spelled_out_before_it_is_given_and_holds(shell: Shell) -> None:
    run, (wire,) = start(shell, "again")
    options = ["--grant", "run", "--uses", "2", "--for", "1h", "--budget", "20"]
    answers = [(r"Approve wire\? \[y/N\]", "y")]
    for who in ("maria", "frank"):
        done = shell.at_terminal("approve", wire, *options, "--as", who, answers=answers, NO_COLOR="1")
        assert done.code == 0, done.out
        assert "in this run, 2 more calls, for 1 h" in done.out
        assert "while `amount` comes to at most 20 in all" in done.out
        assert "with the same arguments; only `amount` may differ" in done.out
    assert shell("runs", "continue", run).code == 0
    assert len(shell.witness()) == 2  # the second was not asked about


def test_a_grant_that_makes_no_sense_is_refused(shell: Shell) -> None:
    _, (wire,) = start(shell, "wiring")
    _, (one, _) = start(shell, "paying")
    for options in (
        ["--uses", "2"],
        ["--for", "1h"],
        ["--budget", "5"],
        ["--grant", "world"],
        ["--grant", "run", "--uses", "0"],
        ["--grant", "run", "--for", "soon"],
        ["--grant", "run", "--budget", "-1"],
        ["--grant", "run", "--budget", "nan"],
        ["--grant", "run", "--uses", "50"],
    ):
        assert shell("approve", wire, *options, "--as", "maria").code == 2, options
    assert shell("approve", one, "--grant", "run", "--as", "alice").code == 2  # the policy offers none
    assert len(shell("inbox", "--format", "json").lines) == 3
