"""A reader of the record that the application has no more: listed, noted by the doctor, and retired."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.shell import Shell
from hitl_fsm.cli.audit.prune import left
from hitl_fsm.runtime.record.keeping import CHECKPOINT, PrunedRecord

APP = ("--app", "app:engine")
RETIRE = ("audit", "readers", "retire", "sink:file", "--reason", "the copy was given up")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """With a reader of a copy that the settings had, and have no more."""
    shell = Shell.in_new_project(tmp_path)
    project = shell.folder / "pyproject.toml"
    url = f"file://{shell.folder / 'copy.jsonl'}"
    project.write_text(f"[tool.hitl-fsm]\nrecord_sinks = '{url}'\n", encoding="utf-8")
    _, (question,) = shell.start("paying", user="alice")
    refused = shell(*RETIRE, "--yes", *APP)
    assert (refused.code, "this application has the reader" in refused.err) == (2, True)
    assert [row["here"] for row in shell("audit", "readers", "--format", "json").lines] == [True]
    project.write_text("", encoding="utf-8")
    assert shell("approve", question, "--as", "alice").code == 0
    return shell


def test_a_reader_that_is_gone_is_listed_noted_and_retired(shell: Shell) -> None:
    (row,) = shell(*APP, "audit", "readers", "--format", "json").lines
    assert (row["name"], row["kind"], row["here"], row["behind"] > 0) == ("sink:file", "second copy", False, True)
    assert [row["here"] for row in shell("audit", "readers", "--format", "json").lines] == [None]
    told = shell(*APP, "audit", "readers").out
    assert "second copy" in told
    notes = [
        one for one in shell(*APP, "doctor", "--format", "json").json["checks"] if one["topic"] == "reader sink:file"
    ]
    assert [one["outcome"] for one in notes] == ["note"]
    assert "hitl-fsm --app app:engine audit readers retire sink:file" in notes[0]["remedy"]
    done = shell(*APP, *RETIRE, "--yes", "--as", "alice")
    assert (done.code, f"sink:file is retired: it had read up to line {row['seq']}" in done.out) == (0, True)
    assert shell(*APP, "audit", "readers", "--format", "json").lines == []
    assert "the copy was given up" in shell("audit", "show", "--contents").out
    again = shell(*APP, *RETIRE, "--yes")
    assert (again.code, "HF633" in again.err) == (2, True)


def test_nothing_is_retired_unless_it_is_meant(shell: Shell) -> None:
    for args in (RETIRE, RETIRE[:-2], RETIRE[:3]):
        assert shell(*args).code == 2
    assert "--yes" in shell(*RETIRE).err
    assert "no application is named" in " ".join(shell(*RETIRE).err.split())
    assert shell("audit", "readers", "list", "sink:file").code == 2
    assert [row["name"] for row in shell("audit", "readers", "--format", "json").lines] == ["sink:file"]


def test_pruning_tells_how_far_it_came_and_what_holds_it(shell: Shell) -> None:
    (row,) = shell("audit", "readers", "--format", "json").lines
    told = shell("audit", "prune", "--older-than", "0m", "--contents-only", "--yes")
    assert told.code == 3
    assert f"it came to line {row['seq']} of " in told.out
    assert "the reader sink:file has come no further" in told.out
    assert "their runs are not over" in told.out
    found = shell("audit", "prune", "--older-than", "0m", "--yes", "--format", "json")
    assert (found.code, found.json["stopped_by"], found.json["last"]) == (3, "reader sink:file", row["seq"])
    assert found.json["upto"] > row["seq"]
    assert found.json["kept"]["run"] > 0
    assert shell(*APP, *RETIRE, "--yes").code == 0
    assert shell("audit", "checkpoint").code == 0
    free = shell("audit", "prune", "--older-than", "0m", "--yes", "--format", "json")
    assert (free.code, free.json["stopped_by"]) == (0, "")
    assert shell("audit", "verify").code == 0


def test_lines_that_nothing_signed_covers_are_told_with_what_to_do() -> None:
    (told,) = left(PrunedRecord(0, 0, last=16, upto=19, stopped_by=CHECKPOINT))
    assert "came to line 16 of 19" in told
    assert "no signed checkpoint covers more yet; `hitl-fsm audit checkpoint` signs one" in told
    assert list(left(PrunedRecord(3, 4, last=19, upto=19))) == []
