"""Whatever somebody writes into a cell of the database, verifying ends with what it found, not with an error."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from acceptance.shell import Shell
from costs import soon
from hitl_fsm.adapters.store import open_store
from hitl_fsm.audit.claims import notes_in
from hitl_fsm.audit.findings import Report
from hitl_fsm.errors import HitlError
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.verifying import Asked, verified
from house import House, call, calls

VALUES = ["5", "1.5", "'text'", "x'ff'", "x''", "CAST(x'fffe' AS TEXT)"]
"""In SQL; the last one is a text that is no UTF-8, which SQLite keeps and its driver refuses to read."""
LINES = ["body", "leaf", "run_id"]
CHECKPOINTS = ["log", "size", "frontier", "note"]
HEADS = ["seq", "leaf", "name"]
CONTENTS = ["nonce", "body"]
SUBJECTS = ["subject", "wrapped"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    house = House(folder)
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    agent.continue_run(agent.run("go", user="alice"))
    engine.close()
    return folder / "hitl.db"


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "hitl.db"
    with closing(sqlite3.connect(template)) as db, closing(sqlite3.connect(copy)) as other:
        db.backup(other)
    keys = tmp_path / "hitl.db.keys"
    keys.write_bytes((template.parent / "hitl.db.keys").read_bytes())
    keys.chmod(0o600)
    return copy


def looked(path: Path, statement: str) -> Report:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert db.execute(statement).rowcount > 0
    store = open_store(f"sqlite:///{path}")
    try:
        return verified(store, Asked(contents=True))
    finally:
        run_sync(store.close())


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", LINES)
@pytest.mark.parametrize("seq", ["1", "5", "(SELECT max(seq) FROM record)"])
def test_a_line_that_holds_anything_is_found(path: Path, column: str, value: str, seq: str) -> None:
    report = looked(path, f"UPDATE record SET {column} = {value} WHERE seq = {seq}")
    assert report.verdict in ({"tampered", "incomplete"} if (column, value) == ("body", "x''") else {"tampered"})


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", CHECKPOINTS)
def test_a_checkpoint_that_holds_anything_is_found(path: Path, column: str, value: str) -> None:
    assert looked(path, f"UPDATE checkpoint SET {column} = {value} WHERE id = 1").verdict == "tampered"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("cell", ["requirement.body", "requirement.digest", "event.body", "event.seq"])
def test_a_row_that_is_acted_on_holds_anything_and_is_found(path: Path, cell: str, value: str) -> None:
    table, _, column = cell.partition(".")
    assert looked(path, f"UPDATE {table} SET {column} = {value} WHERE id = 1").verdict == "tampered"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", ["run_id", "version", "name", "owner"])
def test_a_run_that_holds_anything_ends_no_verification(path: Path, column: str, value: str) -> None:
    assert looked(path, f"UPDATE run SET {column} = {value} WHERE id = 1").verdict in {"intact", "tampered"}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("column", HEADS)
def test_a_head_that_holds_anything_is_found(path: Path, column: str, value: str) -> None:
    assert looked(path, f"UPDATE log_head SET {column} = {value}").verdict == "tampered"


@pytest.mark.parametrize("cell", ["leaf = 'text'", "leaf = 5", "leaf = CAST(x'fffe' AS TEXT)", "seq = 'text'"])
def test_a_head_that_is_none_is_told_to_who_writes_or_asks(path: Path, cell: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE log_head SET {cell}")
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(HitlError):
        run_sync(store.head())
    with pytest.raises(HitlError):
        run_sync(store.append([Record("record_read", 1, ENGINE, data={"what": "show"})]))
    run_sync(store.close())


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    ("table", "column"), [*(("content", one) for one in CONTENTS), *(("subject_key", one) for one in SUBJECTS)]
)
def test_what_is_kept_beside_lines_may_be_anything(path: Path, table: str, column: str, value: str) -> None:
    report = looked(path, f"UPDATE {table} SET {column} = {value}")
    assert report.verdict == "tampered"
    assert {one.kind for one in report.findings} == {"contents"}


def test_an_anchor_of_many_lines_is_read_in_one_pass() -> None:
    assert len(soon(lambda: notes_in(b"a\n" * 500_000), limit_s=0.5)) == 1


def test_what_is_no_key_is_never_taken_for_any_key(path: Path, tmp_path: Path) -> None:
    """As of `--key "$KEY"` where the variable is not set, and of an empty file."""
    shell = Shell(tmp_path)
    (tmp_path / "empty").write_text("\n")
    for given in ("", " ", "empty", "x" * 3000):
        told = shell("--store", f"sqlite:///{path}", "audit", "verify", "--key", given)
        assert (told.code, "HF613" in told.err) == (3, True), told
    told = shell("--store", f"sqlite:///{path}", "audit", "verify", "--anchor", "x" * 3000)
    assert (told.code, "could not be read" in told.out) == (2, True), told
    told = shell("--store", f"sqlite:///{path}", "audit", "verify", "--save", str(tmp_path))
    assert (told.code, "HF613" in told.err) == (3, True), told
