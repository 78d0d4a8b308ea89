"""The keys of the record, its checkpoints and its anchors, in a shell."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from shell import Shell


@pytest.fixture
def started(tmp_path: Path) -> Shell:
    shell = Shell.in_new_project(tmp_path)
    shell.start("paying")
    return shell


def test_keys_are_beside_the_database_and_can_be_told_to_others(started: Shell) -> None:
    keys = started.folder / "hitl.db.keys"
    assert keys.stat().st_mode & 0o777 == 0o600
    (text,) = started("audit", "keys").out.splitlines()
    assert re.fullmatch(r"hitl-fsm/default/[0-9a-f]{16}\+[0-9a-f]{8}\+\S+", text)
    assert json.loads(started("audit", "keys", "--format", "json").out) == [{"key": text, "present": True}]
    assert "PRIVATE" not in started("audit", "keys", "list").out
    assert started("audit", "verify", "--key", text).code == 0


def test_another_key_takes_over(started: Shell) -> None:
    (old,) = started("audit", "keys").out.splitlines()
    rotated = started("audit", "keys", "rotate")
    before, present = rotated.out.splitlines()
    assert before == old
    assert "the last one signs now" in rotated.err
    assert "signs now" not in started("audit", "keys", "-q").err
    (started.folder / "key.txt").write_text(started("audit", "keys").out, encoding="utf-8")
    assert started("audit", "verify", "--key", "key.txt").code == 0, "what is printed is what --key takes"
    assert started("audit", "verify", "--key", old).code == 0, "the old key leads to the new one"
    assert started("audit", "verify", "--key", present).code != 1
    shown = started("audit", "show").out
    assert "key_added" in shown
    assert "key_rotated" in shown


def test_a_checkpoint_is_printed_saved_and_held_against_the_record(started: Shell) -> None:
    printed = started("audit", "checkpoint").out
    assert printed.startswith("hitl-fsm/default/")
    assert started("audit", "checkpoint", "--out", "today.note").code == 0
    assert (started.folder / "today.note").read_text(encoding="utf-8") == printed
    told = json.loads(started("audit", "checkpoint", "--format", "json").out)
    assert (told["note"], str(told["size"])) == (printed, printed.splitlines()[1])
    assert started("audit", "verify", "--anchor", "today.note").code == 0


def test_anchors_are_written_once_and_read_back(started: Shell) -> None:
    url = f"file://{started.folder}/anchor.notes"
    none = started("audit", "anchor")
    assert (none.code, "no anchor is named" in none.err) == (2, True)
    first = started("audit", "anchor", "--to", url)
    assert (first.code, first.out) == (0, f"{url}: {first.out.split()[1]} lines\n")
    assert started("audit", "anchor", HITL_FSM_RECORD_ANCHORS=url).out == f"{url}: nothing new\n"
    assert "checkpoint_anchored" in started("audit", "show").out
    verified = started("audit", "verify", "--anchor", url)
    assert verified.code == 0
    assert "anchors: 1" in verified.out
    bad = started("audit", "anchor", "--to", "file:///nowhere/at/all", "--to", url, "--format", "json")
    assert bad.code == 3
    assert [line["error"] is None for line in map(json.loads, bad.out.splitlines())] == [False, True]


def test_a_record_that_was_cut_is_found_by_its_anchor(started: Shell) -> None:
    url = f"file://{started.folder}/anchor.notes"
    started("audit", "anchor", "--to", url)
    with closing(sqlite3.connect(started.folder / "hitl.db")) as connection, connection:
        connection.execute("DELETE FROM record WHERE seq > 3")
        connection.execute("DELETE FROM checkpoint")
        connection.execute("UPDATE log_head SET seq = 3, leaf = (SELECT leaf FROM record WHERE seq = 3)")
    assert started("audit", "verify", "--anchor", url).code in {1, 2}
    assert "lines are gone" in started("audit", "anchor", "--to", url).out


def test_nothing_is_written_without_the_keys_until_they_are_given_up(started: Shell) -> None:
    _, (question,) = started.start("paying")
    keys = started.folder / "hitl.db.keys"
    keys.rename(started.folder / "away")
    refused = started("approve", question, "--as", "alice")
    assert refused.code == 3
    assert "HF611" in refused.err
    assert "--replace-lost" in refused.err
    assert not keys.exists()
    doctor = started("doctor")
    assert doctor.code == 1
    assert "its keys are not there" in doctor.out
    replaced = started("audit", "keys", "--replace-lost")
    assert replaced.code == 0
    again = started("audit", "keys", "--replace-lost")
    assert (again.code, "are there" in again.err) == (3, True)
    assert started("approve", question, "--as", "alice").code == 0
    assert "lost=" in started("audit", "show").out or "lost" in started("audit", "show", "--format", "json").out
    verified = started("audit", "verify")
    assert verified.code == 2, "nobody handed over to the new key"
    assert started("audit", "verify", "--key", replaced.out.strip()).code != 1


def test_keys_that_others_can_read_are_refused(started: Shell) -> None:
    _, (question,) = started.start("paying")
    (started.folder / "hitl.db.keys").chmod(0o644)
    refused = started("approve", question, "--as", "alice")
    assert (refused.code, "chmod 600" in refused.err) == (3, True)
