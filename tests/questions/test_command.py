"""`audit q`, as a person types it: a table, JSON, CSV, exit codes; and that it was asked is on the record."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from hitl_fsm.audit.questions.all import QUESTIONS
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from reviewed_month import Month


def q(path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from hitl_fsm.cli.main import main; main()"]
    store = f"sqlite:///{path}"
    return subprocess.run(
        [*program, "--store", store, "audit", "q", *args], capture_output=True, text=True, timeout=120, check=False
    )


def test_without_a_name_it_lists_the_questions(copied: Path) -> None:
    done = q(copied)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:] if not line.startswith(" ")] == list(QUESTIONS)
    lines = [json.loads(line) for line in q(copied, "--format", "json").stdout.splitlines()]
    assert [line["name"] for line in lines] == list(QUESTIONS)
    assert all(line["learns"] and line["columns"] for line in lines)


def test_a_finding_exits_1_and_a_plain_answer_0(copied: Path, month: Month) -> None:
    found = q(copied, "self-approved")
    assert found.returncode == 1
    assert found.stdout.splitlines()[0].split()[:3] == ["seq", "at", "requirement"]
    assert all(one in found.stdout for one in month.planted["self-approved"])
    assert "T10:" in found.stdout  # RFC 3339
    assert q(copied, "self-approved", "--until", "2026-03-03").returncode == 0
    assert q(copied, "expired").returncode == 0
    assert q(copied, "integrity").returncode == 0


def test_rows_that_are_left_off_are_told_of(copied: Path) -> None:
    done = q(copied, "model-changes", "--limit", "2")
    assert len(done.stdout.splitlines()) == 3
    assert "there are more than these 2 rows: --limit" in done.stderr


def test_json_has_rows_by_column(copied: Path, month: Month) -> None:
    told = json.loads(q(copied, "expired", "--format", "json").stdout)
    assert [row["requirement"] for row in told["rows"]] == month.planted["expired"]
    assert (told["damage"], told["more"], told["must_be_empty"]) == ([], False, False)
    assert told["rows"][0]["waited"] == 90_000_000
    assert told["rows"][0]["at"].endswith("Z")


def test_csv_is_read_back_and_computes_nothing(copied: Path, store: Store) -> None:
    formula = '=HYPERLINK("http://evil")'
    opened = {"requirement": "req_1-0001", "kind": "approval", "call": "1.0", "tool": formula, "digest": "ab" * 32}
    opened |= {"stage": 1, "agent": "a\u202eb,c", "of": ["role:x"]}
    closed = {"requirement": "req_1-0001", "kind": "approval", "call": "1.0", "digest": "ab" * 32, "waited_ms": 1}
    by = Actor("+eve", authenticated_by="os:0")
    lines = [Record("requirement_opened", 1, by, "run_1", opened)]
    lines.append(Record("requirement_resolved", 2, by, "run_1", {**closed, "answer": "approve", "shown": "ab" * 32}))
    run_sync(store.append(lines))
    done = q(copied, "weak-auth", "--kinds", "os", "--format", "csv")
    head, row = csv.reader(StringIO(done.stdout, newline=""))
    assert head == [column.name for column in QUESTIONS["weak-auth"].columns]
    assert dict(zip(head, row, strict=True))["tool"] == f"'{formula}"
    assert dict(zip(head, row, strict=True))["approver"] == "'+eve"
    assert "\u202e" not in q(copied, "weak-auth", "--kinds", "os").stdout


def test_a_broken_record_is_the_first_thing_that_is_said(copied: Path) -> None:
    from test_trusted_answers import EDIT, sql

    sql(copied, EDIT)
    done = q(copied, "expired")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "the record does not hold together"
    assert "line 348 does not have the hash" in done.stdout
    assert "the record does not hold together" in q(copied, "expired", "--format", "csv").stderr


def test_what_does_not_fit_is_a_mistake_of_use(copied: Path) -> None:
    done = q(copied, "expired", "--role", "x")
    assert done.returncode == 2
    assert "expired has no parameter 'role'" in done.stderr
    assert "--since, --until, --agent, --tool" in done.stderr
    assert q(copied, "expird").returncode == 2


def test_who_asked_is_on_the_record(copied: Path) -> None:
    assert q(copied, "edited", "--tool", "pay").returncode == 0
    told = json.loads(q(copied, "who-read", "--format", "json").stdout)["rows"][-1]
    assert (told["what"], told["about"], told["lines"]) == ("q edited", "with contents", 1)
    assert told["credential"].startswith("os:")


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_can_be_asked_of_a_young_record(tmp_path: Path, name: str) -> None:
    from hitl_fsm import Engine

    engine = Engine(store=f"sqlite:///{tmp_path / 'new.db'}")
    run_sync(engine.store.append([Record("record_read", 1, Actor("a"), data={"what": "q expired"})]))
    if name == "timeline":
        with pytest.raises(ValueError, match="the record has no run"):
            engine.audit.ask(name, run="run_x")
    else:
        assert engine.audit.ask(name).is_clean
    engine.close()


def test_an_answer_says_what_was_asked_and_what_its_columns_are(copied: Path) -> None:
    done = q(copied, "rubber-stamp", "--at-least", "8")
    assert "how often is it a yes? (--under 3s --at-least 8)" in done.stderr
    assert "quick: share under --under" in done.stderr
    assert "sum, minor" in q(copied, "splitting").stdout.splitlines()[0]
    assert "self-approved       empty" in q(copied).stdout
