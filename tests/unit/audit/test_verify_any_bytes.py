"""Whatever stands in the rows, a verification ends with a report."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hitl_fsm.adapters.store import open_store
from hitl_fsm.audit import bundle
from hitl_fsm.audit.claims import claims_of, notes_in
from hitl_fsm.audit.findings import MAX_FINDINGS
from hitl_fsm.audit.proof import check
from hitl_fsm.audit.trust import hear, nothing_said, trust_in
from hitl_fsm.audit.walk import RANGE, End, skim, walk
from hitl_fsm.errors import CannotVerify
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.verifying import verified
from house import House, call, calls

JUNK = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=40),
    st.binary(max_size=80),
    st.sampled_from(
        [b"", b"{}", b"[" * 5000, b'{"seq":1,"prev":"","event":"key_added","at":1,"by":{"id":"x"}}', "\x00"]
    ),
)
ROWS = st.lists(st.tuples(JUNK, JUNK, JUNK, JUNK), max_size=8)


@settings(max_examples=300)
@given(ROWS)
@example([(2, None, b"", b"")])
def test_rows_of_anything_are_walked(rows: list[tuple[Any, ...]]) -> None:
    walked = walk(rows, End(0, "0" * 64), [1, 2, 3])
    assert walked.lines == len(rows)
    assert walked.altered == len(walked.findings) or len(walked.findings) == MAX_FINDINGS
    assert walked.altered or not rows
    skim(rows, End(0, "0" * 64), [1, 2])
    said = nothing_said()
    hear(said, rows)
    trust_in(said, ())


@settings(max_examples=200)
@given(ROWS)
def test_checkpoints_of_anything_are_read(rows: list[tuple[Any, ...]]) -> None:
    claims, found = claims_of(rows, "default", (b"k" * 32, b""))
    assert len(claims) + len(found) >= len(rows)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_a_proof_of_anything_is_refused(data: bytes) -> None:
    with pytest.raises(CannotVerify):
        check(data)
    assert isinstance(notes_in(data), list)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    house = House(folder)
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=1))])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm(by="alice")
    agent.continue_run(run)
    engine.close()
    with closing(sqlite3.connect(folder / "hitl.db")) as db, closing(sqlite3.connect(folder / "copy.db")) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    return folder / "copy.db"


CELLS = [
    *[("record", column) for column in ("seq", "run_id", "body", "leaf")],
    *[("log_head", column) for column in ("seq", "leaf", "name")],
    *[("checkpoint", column) for column in ("log", "size", "frontier", "note", "at")],
    *[("policy_set", column) for column in ("digest", "text", "at")],
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(CELLS), JUNK, st.integers(0, 30)), min_size=1, max_size=4))
def test_any_cell_of_the_store_may_hold_anything(
    template: Path, tmp_path: Path, changes: list[tuple[tuple[str, str], Any, int]]
) -> None:
    path = tmp_path / "hitl.db"
    path.write_bytes(template.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (table, column), value, at in changes:
            key = "seq" if table == "record" else "id"
            try:
                db.execute(
                    f"UPDATE OR IGNORE {table} SET {column} = ?"
                    f" WHERE {key} = (SELECT {key} FROM {table} LIMIT 1 OFFSET ? % (SELECT count(*) FROM {table}))",
                    (value, at),
                )
            except sqlite3.Error:
                continue  # no integer for a row's own number, half a character: SQLite itself refuses it
    store = open_store(f"sqlite:///{path}")
    try:
        assert verified(store).verdict in {"intact", "tampered", "incomplete"}
    finally:
        run_sync(store.close())


def test_a_wholly_damaged_record_does_not_fill_the_memory() -> None:
    walked = walk(((seq, "", b"x", b"") for seq in range(1, 3 * MAX_FINDINGS)), End(0, "0" * 64))
    assert len(walked.findings) == MAX_FINDINGS < walked.total
    assert RANGE & (RANGE - 1) == 0


def test_the_program_beside_an_export_takes_any_bytes(tmp_path: Path) -> None:
    chance = random.Random(3)
    program = Path(bundle.__file__).parent / "standalone" / "verify.py"
    driver = (
        "import runpy, sys, os\n"
        "program = runpy.run_path(sys.argv[1])\n"
        "sys.stdout = open(os.devnull, 'w')\n"
        "for folder in sys.argv[2:]:\n"
        "    assert program['main']([folder]) in (1, 2, 3), folder\n"
    )
    folders = []
    for at in range(60):
        folder = tmp_path / str(at)
        folder.mkdir()
        for name in (bundle.LINES, bundle.CHECKPOINT, bundle.KEY, bundle.PROOFS, bundle.ANCHOR):
            parts = [
                b"{",
                b"}",
                b'"lines":',
                b"[",
                b"]",
                b"\n",
                b"\n\n",
                "\u2014 a AAAA\n".encode(),
                b"5\n",
                b'"index":1',
            ]
            data = b"".join(chance.choice([*parts, chance.randbytes(3)]) for _ in range(chance.randrange(30)))
            if chance.random() < 0.8:
                (folder / name).write_bytes(data)
        folders.append(str(folder))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", driver, str(program), *folders], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
