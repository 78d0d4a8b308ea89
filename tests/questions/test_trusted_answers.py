"""An answer is of hashed lines; a record that does not hold together is told of first; lost facts are made again."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters.questions.ask import ask
from hitl_fsm.adapters.store import open_store
from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.questions.all import question
from hitl_fsm.audit.questions.parameters import values
from hitl_fsm.audit.questions.question import Answer, Put
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Store
from hitl_fsm.runtime.loop import run_sync
from postgres import Server
from reviewed_month import BEGIN, DAY, Month

NOW = BEGIN + 40 * DAY
EDIT = """UPDATE record SET body = CAST(replace(body, '"at":1', '"at":2') AS BLOB) WHERE seq = 348"""


def put(store: Store, name: str, *, anew: bool = False, **given: object) -> Answer:
    found = question(name)
    return run_sync(ask(store, Put(found, values(found, given, NOW), NOW, 100, anew)))


def sql(path: Path, statement: str, *bound: Any) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, bound)


def rechained(path: Path, first: int, old: bytes, new: bytes) -> None:
    """Change a line, and everything after it so that it fits: who can write the database can do that."""
    with closing(sqlite3.connect(path)) as connection, connection:
        leaf = connection.execute("SELECT leaf FROM record WHERE seq = ?", (first - 1,)).fetchone()[0].hex()
        rows = connection.execute("SELECT seq, body FROM record WHERE seq >= ? ORDER BY seq", (first,)).fetchall()
        for seq, body in rows:
            begin = body.index(b'"prev":"') + 8
            made = body[:begin] + leaf.encode() + body[begin + 64 :]
            made = made.replace(old, new) if seq == first else made
            leaf = leaf_of(made)
            connection.execute("UPDATE record SET body = ?, leaf = ? WHERE seq = ?", (made, bytes.fromhex(leaf), seq))
        connection.execute("UPDATE log_head SET leaf = ?", (bytes.fromhex(leaf),))


def test_an_answer_says_from_how_many_lines_it_is(store: Store, month: Month) -> None:
    seq, leaf = run_sync(store.head())
    answer = put(store, "expired")
    assert (answer.lines, answer.leaf, answer.damage) == (seq, leaf, ())
    assert [row[2] for row in answer.rows] == month.planted["expired"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (EDIT, "the hash that is stored"),
        ("DELETE FROM record WHERE seq = 100", "line 100 should follow, and 101 does"),
        ("UPDATE record SET body = x'' WHERE seq = 50", "nothing in it, and no line says that it was pruned"),
        ("DELETE FROM record WHERE seq > 3000", "the record ends at line 3000"),
        ("UPDATE log_head SET leaf = zeroblob(32)", "not the one that is kept apart"),
        ("UPDATE log_head SET seq = 3000", "not the one that is kept apart"),
    ],
)
def test_what_does_not_fit_is_said_with_every_answer(copied: Path, statement: str, told: str) -> None:
    sql(copied, statement)
    store = open_store(f"sqlite:///{copied}")
    for name in ("expired", "integrity"):
        answer = put(store, name)
        assert not answer.is_clean
        (damage,) = answer.damage
        assert told in damage
    assert [row[1] for row in answer.rows] == [damage]
    run_sync(store.close())


def test_a_line_without_its_predecessor_is_found(copied: Path) -> None:
    with closing(sqlite3.connect(copied)) as connection, connection:
        body = connection.execute("SELECT body FROM record WHERE seq = 70").fetchone()[0].replace(b'"at":1', b'"at":2')
        connection.execute("UPDATE record SET body = ?, leaf = ? WHERE seq = 70", (body, bytes.fromhex(leaf_of(body))))
    store = open_store(f"sqlite:///{copied}")
    assert put(store, "expired").damage != ()
    run_sync(store.close())


@pytest.mark.parametrize("first", [2, 348, 3_000])
def test_a_record_that_was_written_anew_since_is_found(copied: Path, first: int) -> None:
    store = open_store(f"sqlite:///{copied}")
    assert put(store, "integrity").is_clean
    run_sync(store.close())
    rechained(copied, first, b'"at":1', b'"at":2')
    store = open_store(f"sqlite:///{copied}")
    assert "written anew" in put(store, "expired").damage[0]
    assert "written anew" in put(store, "expired").damage[0]  # each time
    assert put(store, "expired", anew=True).damage == ()  # a chain alone does not tell: anchors do
    run_sync(store.close())


def cut_after_reading(copied: Path) -> None:
    """The facts know more of the record than is left of it."""
    store = open_store(f"sqlite:///{copied}")
    assert put(store, "integrity").is_clean
    run_sync(store.close())
    sql(copied, "DELETE FROM record WHERE seq > 2000")
    sql(copied, "UPDATE log_head SET seq = 2000, leaf = (SELECT leaf FROM record WHERE seq = 2000)")


def test_a_record_that_goes_back_is_found(copied: Path) -> None:
    cut_after_reading(copied)
    store = open_store(f"sqlite:///{copied}")
    assert "ends before that now" in put(store, "expired").damage[0]
    run_sync(store.close())


def test_a_timeline_is_of_the_lines_that_were_hashed(copied: Path, month: Month) -> None:
    store = open_store(f"sqlite:///{copied}")
    assert put(store, "timeline", run=month.runs[2]).is_clean
    sql(
        copied,
        "UPDATE record SET run_id = 'run_else' WHERE run_id = ? AND instr(body, CAST('requirement_viewed' AS BLOB))",
        month.runs[2],
    )
    assert "are not those that are in the chain" in put(store, "timeline", run=month.runs[2]).damage[0]
    run_sync(store.close())


@pytest.mark.any_line
def test_lines_that_cannot_be_read_are_told_of(store: Store) -> None:
    run_sync(store.append([Record("requirement_opened", NOW, ENGINE, "run_x", {"requirement": 7})]))
    answer = put(store, "integrity")
    assert answer.damage == ()
    assert [row[1] for row in answer.rows] == ["it cannot be read as requirement_opened"]


@pytest.mark.parametrize("spoil", ["delete", "garbage", "truncate", "version"])
def test_facts_that_are_lost_are_made_again(store: Store, copied: Path, month: Month, spoil: str) -> None:
    assert put(store, "expired").is_clean
    facts = Path(f"{copied}.questions")
    if spoil == "delete":
        facts.unlink()
    elif spoil == "garbage":
        facts.write_bytes(b"no database at all" * 1_000)
    elif spoil == "truncate":
        os.truncate(facts, 5_000)
    else:
        sql(facts, "PRAGMA user_version = 99")
    answer = put(store, "expired")
    assert answer.damage == ()
    assert [row[2] for row in answer.rows] == month.planted["expired"]


def test_facts_that_are_damaged_where_only_an_answer_looks_are_made_again(store: Store, copied: Path) -> None:
    rows = put(store, "weak-auth").rows
    assert rows
    facts = Path(f"{copied}.questions")
    with closing(sqlite3.connect(facts)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'decision'").fetchall()
    kept = bytearray(facts.read_bytes())
    for (root,) in found:
        kept[(root - 1) * 4096 : (root - 1) * 4096 + 200] = b"\xa5" * 200
    facts.write_bytes(kept)
    assert put(store, "weak-auth").rows == rows


def test_nobody_else_reads_the_facts(store: Store, copied: Path) -> None:
    facts = Path(f"{copied}.questions")
    facts.touch(mode=0o644)
    put(store, "expired")
    assert {stat.S_IMODE(file.stat().st_mode) for file in facts.parent.glob("*.questions*")} == {0o600}


def test_the_facts_are_not_put_where_a_link_leads(store: Store, copied: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"")
    Path(f"{copied}.questions").symlink_to(other)
    with pytest.raises(Exception, match="cannot be kept at"):
        put(store, "expired")
    assert other.read_bytes() == b""


def test_the_facts_hold_nothing_that_people_wrote(store: Store, copied: Path) -> None:
    assert put(store, "edited").rows[0][-1] == "amount: 5000 -> 1500"
    assert put(store, "break-glass").rows[0][-1] == "the bank closes"
    kept = Path(f"{copied}.questions").read_bytes()
    for secret in (b"bank closes", b"a lawsuit", b"request 1", b"paid 20"):
        assert secret not in kept


def test_where_the_store_cannot_be_written_beside_the_facts_are_in_the_cache(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != copied.parent and real(path, mode))
    store = open_store(f"sqlite:///{copied}")
    assert put(store, "expired").is_clean
    assert not Path(f"{copied}.questions").exists()
    (kept,) = (tmp_path / "cache/hitl-fsm").glob("*.questions")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    run_sync(store.close())


@pytest.mark.any_line
def test_facts_of_another_record_are_not_taken_for_this_one(store: Store, copied: Path) -> None:
    put(store, "expired")
    other = open_store(f"sqlite:///{copied.parent / 'other.db'}")
    run_sync(other.append([Record("policies_activated", NOW, ENGINE, data={"policies": "ab" * 32})]))
    Path(f"{copied}.questions").rename(copied.parent / "other.db.questions")
    answer = put(other, "expired")
    assert (answer.rows, answer.damage) == ((), ())
    assert answer.notes == ("the facts were of another record, and were made anew",)
    run_sync(other.close())


def test_two_may_ask_at_once(copied: Path, month: Month) -> None:
    found: list[Answer] = []

    def one() -> None:
        store = open_store(f"sqlite:///{copied}")
        found.append(put(store, "expired"))
        run_sync(store.close())

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[row[2] for row in answer.rows] for answer in found] == [month.planted["expired"]] * 4
    assert all(answer.is_clean for answer in found)


@pytest.mark.any_line
def test_new_lines_are_read_where_the_last_question_ended(store: Store) -> None:
    before = put(store, "weak-auth")
    by = Record("requirement_opened", NOW, ENGINE, "run_new", {"requirement": "req_new-0001", "kind": "approval"})
    vote = {"requirement": "req_new-0001", "kind": "approval", "call": "1.0", "digest": "", "waited_ms": 1}
    from hitl_fsm.model.actor import Actor

    run_sync(
        store.append([by, Record("requirement_resolved", NOW, Actor("me"), "run_new", {**vote, "answer": "approve"})])
    )
    after = put(store, "weak-auth")
    assert after.lines == before.lines + 2
    assert [row[2] for row in after.rows[len(before.rows) :]] == ["me"]


def test_an_empty_record_has_nothing_to_tell(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new.db'}")
    run_sync(store.append([]))
    answer = put(store, "expired")
    assert (answer.rows, answer.damage, answer.lines) == ((), (), 0)
    run_sync(store.close())


@pytest.mark.any_line
def test_a_store_in_memory_is_asked_like_any_other(month: Month) -> None:
    store = open_store("sqlite:///:memory:")
    run_sync(store.append([Record("policies_activated", NOW, ENGINE, data={"policies": "ab" * 32})]))
    assert put(store, "expired").lines == run_sync(store.head())[0] > 0
    run_sync(store.close())


@pytest.mark.any_line
def test_of_what_was_pruned_nothing_false_is_said(copied: Path) -> None:
    """A run whose beginning is gone looks like one without a verdict."""
    store = open_store(f"sqlite:///{copied}")
    assert len(put(store, "unapproved-effects").rows) == 2  # of runs that began before
    (cut,) = [row[0] for row in put(store, "timeline", run=run_at_300(copied)).rows if row[2] == "call_authorised"][:1]
    run_sync(store.append([Record("record_pruned", NOW, ENGINE, data={"first": 1, "last": cut, "lines": cut})]))
    run_sync(store.close())
    sql(copied, "UPDATE record SET body = x'' WHERE seq <= ?", cut)
    Path(f"{copied}.questions").unlink()
    store = open_store(f"sqlite:///{copied}")
    answer = put(store, "unapproved-effects")
    assert answer.damage == ()
    assert answer.rows == ()
    assert "were pruned before" in answer.notes[0]
    run_sync(store.close())


def run_at_300(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT max(run_id) FROM record WHERE seq BETWEEN 300 AND 310").fetchone()[0])


@pytest.mark.any_line
def test_a_record_in_postgresql_is_asked_like_any_other(
    postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = open_store(postgres_server.schema_url())
    run_sync(store.append([Record("record_read", NOW, ENGINE, data={"what": "show"}) for _ in range(3)]))
    answer = put(store, "who-read")
    assert (len(answer.rows), answer.damage) == (3, ())
    assert answer.lines == run_sync(store.head())[0]
    (kept,) = (tmp_path / "hitl-fsm").glob("*.questions")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    run_sync(store.append([Record("record_read", NOW, ENGINE, data={"what": "show"})]))
    assert len(put(store, "who-read").rows) == 4
    run_sync(store.close())


def test_an_export_is_told_of_once(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'read.db'}")
    told = [Record("record_exported", 1, ENGINE, data={"what": "export html", "lines": 7}), _read("verify")]
    run_sync(store.append(told))
    assert [(row[4], row[6]) for row in put(store, "who-read").rows] == [("export html", 7), ("verify", None)]
    run_sync(store.close())


def _read(what: str) -> Record:
    return Record("record_read", 1, ENGINE, data={"what": what})
