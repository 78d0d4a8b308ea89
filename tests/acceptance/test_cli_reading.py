"""Which reading is on the record: people's data, questions and copies are; lines by themselves and lists are not."""

from __future__ import annotations

from pathlib import Path

from acceptance.shell import Shell

READING = ("record_read", "record_exported", "requirement_viewed")


def reads(shell: Shell) -> list[tuple[str, str, bool]]:
    lines = shell("audit", "show", "--format", "json").lines
    return [
        (one["event"], one["data"].get("what", ""), one["data"].get("contents", False))
        for one in lines
        if one["event"] in READING
    ]


def test_which_reading_is_on_the_record(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)
    run, (question,) = shell.start("refunding")
    assert shell("audit", "checkpoint").code == 0
    silent = (
        ("audit", "show"),
        ("audit", "show", "--run", run, "--format", "json"),
        ("audit", "verify"),
        ("audit", "prove", question, "--out", "proof.json"),
        ("inbox",),
        ("runs", "list"),
        ("runs", "show", run),
    )
    for command in silent:
        assert shell(*command).code == 0, command
        assert reads(shell) == [], command
    told = (
        (("audit", "show", "--contents"), ("record_read", "audit show", True)),
        (("audit", "q", "expired"), ("record_read", "q expired", False)),
        (("show", question), ("requirement_viewed", "", False)),
        (("audit", "export", run, "--out", "copy"), ("record_exported", "export jsonl", False)),
        (("audit", "export", run, "--out", "more", "--contents"), ("record_exported", "export jsonl", True)),
    )
    for number, (command, line) in enumerate(told):
        assert shell(*command).code == 0, command
        assert reads(shell)[number:] == [line], command
