"""`audit verify --contents`: what is kept beside the lines is opened, and what could not be opened is told."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acceptance.shell import Shell
from hitl_fsm.audit.pruned import unexplained
from house import House, call, calls


class Kept:
    """A store with the contents of two people, and a shell in its folder."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.folder = folder
        self.work("alice")
        self.work("bob")
        self.house.clock.advance(60_000)

    def work(self, user: str) -> None:
        engine = self.house.engine()
        agent = self.house.agent(engine, [calls(call("pay", to="carol", amount=1))])
        run = agent.run("go", user=user)
        run.active_requirements[0].confirm(by=user)
        agent.continue_run(run)
        engine.close()

    def __call__(self, *words: str, code: int = 0) -> str:
        done = Shell(self.folder)("--store", "sqlite:///hitl.db", *words)
        assert done.code == code, (words, done.code, done.out, done.err)
        return done.out

    def verify(self, code: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("audit", "verify", "--contents", "--format", "json", code=code))[
            "findings"
        ]
        return found

    def sql(self, statement: str) -> int:
        with closing(sqlite3.connect(self.folder / "hitl.db")) as db:
            count = db.execute(statement).rowcount
            db.commit()
        return count

    def committed(self) -> int:
        return int(self.house.sql("SELECT count(*) FROM content")[0][0])


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_contents_that_all_open_are_intact(kept: Kept) -> None:
    assert kept.committed() > 4
    assert kept.verify() == []


def test_without_the_keys_nothing_is_opened_and_that_is_said(kept: Kept) -> None:
    count = kept.committed()
    (kept.folder / "hitl.db.keys").rename(kept.folder / "elsewhere")
    (finding,) = kept.verify(code=2)
    assert finding["kind"] == "unreached"
    assert f"beside {count} lines" in finding["what"]


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM content",
        "DELETE FROM subject_key",
        "DELETE FROM content WHERE seq = (SELECT min(seq) FROM content)",
        "UPDATE content SET subject_key = 'nobody' WHERE seq = (SELECT max(seq) FROM content)",
        "UPDATE content SET seq = seq + 100000",
    ],
)
def test_rows_that_are_gone_are_told(kept: Kept, spoil: str) -> None:
    kept.sql(spoil)
    (finding,) = kept.verify(code=2)
    assert finding["kind"] == "unreached"
    kept("audit", "verify")


def test_what_was_erased_is_not_missed_and_what_is_gone_besides_is(kept: Kept) -> None:
    before = kept.committed()
    kept("audit", "erase", "--subject", "alice", "--reason", "asked", "--yes", "--as", "dpo")
    assert kept.committed() < before
    assert kept.verify() == []
    kept.sql("DELETE FROM content WHERE seq = (SELECT min(seq) FROM content)")
    (finding,) = kept.verify(code=2)
    assert finding["kind"] == "unreached"


def test_what_was_pruned_is_not_missed_and_what_is_gone_besides_is(kept: Kept) -> None:
    kept.work("dave")
    (last,) = kept.house.sql("SELECT max(seq) FROM record")[0]
    kept.house.clock.advance(60_000)
    kept("audit", "prune", "--older-than", "0m", "--contents-only", "--yes", "--as", "dpo")
    assert kept.house.sql("SELECT count(*) FROM content WHERE seq <= ?", last)[0][0] == 0
    assert kept.verify() == []
    kept.work("erin")
    assert kept.verify() == []
    assert kept.sql("DELETE FROM content") > 0
    (finding,) = kept.verify(code=2)
    assert finding["kind"] == "unreached"
    assert finding["seq"] > last


def test_bodies_that_were_pruned_take_their_commitments_with_them(kept: Kept) -> None:
    kept("audit", "prune", "--older-than", "0m", "--yes", "--as", "dpo")
    assert kept.verify() == []


@pytest.mark.parametrize(
    ("gone", "slots", "found"),
    [
        ([], [(1, 9, 2)], []),
        ([3, 4], [], [4, 3]),
        ([3, 4], [(1, 9, 2)], []),
        ([3, 4, 5], [(1, 9, 2)], [3]),
        ([3, 12], [(1, 9, 2)], [12]),
        ([3, 8], [(1, 9, 1), (7, 9, 1)], []),
        ([3, 8], [(1, 9, 1), (1, 5, 1)], []),
        ([8, 9], [(1, 9, 1), (1, 5, 1)], [8]),
        ([3], [(1, 9, -4), (1, 9, 0)], [3]),
    ],
)
def test_as_many_are_explained_as_the_record_says(
    gone: list[int], slots: list[tuple[int, int, int]], found: list[int]
) -> None:
    assert unexplained(gone, slots) == found


def test_beside_how_many_lines_contents_were_looked_at_is_told(kept: Kept) -> None:
    told = f"contents: those of {kept.committed()} lines were opened, and are what the lines are committed to"
    assert told in kept("audit", "verify", "--contents").splitlines()
    assert "contents:" not in kept("audit", "verify")
    (kept.folder / "hitl.db.keys").unlink()
    assert "contents: those of 0 lines" in kept("audit", "verify", "--contents", code=2)
