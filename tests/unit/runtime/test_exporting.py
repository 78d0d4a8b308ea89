"""An export is a folder that a stranger can check: whole, exact, on the record, and void once a byte is changed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claims import BEGINS, MINUTE, Desk
from hitl_fsm import Agent, Engine
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.ledger import no_keys
from hitl_fsm.audit.chain import leaf_of
from hitl_fsm.audit.export.formats import FILES, FORMATS
from hitl_fsm.errors import ExportRefused, InputRefused
from hitl_fsm.runtime.record import exported
from hitl_fsm.runtime.record.drafts import draft_for
from hitl_fsm.runtime.record.exported import Exported
from hitl_fsm.testing import ScriptedModel

DAY = 24 * 60 * MINUTE


class Office:
    """A desk after its history, and an engine to export from."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder)
        self.run = self.desk.history()
        self.engine = self.desk.engine()
        self.folder = folder

    def export(self, run: str = "", name: str = "out", **more: Any) -> Exported:
        return self.engine.audit.export(run, out=self.folder / name, by=more.pop("by", "maria"), **more)

    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.audit.records()[-1].body)
        return found


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def check(folder: Path, *more: str) -> tuple[int, str]:
    """What the program beside the lines says, with no more of Python than its own library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("contents", [False, True])
@pytest.mark.parametrize("whole", [True, False])
def test_every_format_comes_with_the_exact_lines_and_what_checks_them(
    office: Office, whole: bool, contents: bool
) -> None:
    for form in FORMATS:
        done = office.export("" if whole else office.run, form, format=form, contents=contents)
        assert check(done.path)[0] == 0, form
        assert done.signed
        names = {"lines.jsonl", "checkpoint.txt", "key.txt", "verify.py", "README.txt"}
        names |= set() if whole else {"proofs.json"}
        names |= {FILES[form]} | ({"contents.jsonl"} if contents else set())
        assert set(done.files) == names == {one.name for one in done.path.iterdir()}
        rows = (done.path / "lines.jsonl").read_bytes().splitlines()
        stored = office.engine.audit.records(run_id=None if whole else office.run)
        assert rows == [line.body for line in stored][: done.lines]
        assert done.sha256 in (done.path / "README.txt").read_text(encoding="utf-8")
        if form == "html":
            assert done.sha256 in (done.path / "evidence.html").read_text(encoding="utf-8")


def _edit(body: bytes) -> bytes:
    return body.replace(b'"answer":"reject"', b'"answer":"approve"')


def _cut(body: bytes) -> bytes:
    return b"".join(body.splitlines(keepends=True)[:-1])


def _swap(body: bytes) -> bytes:
    rows = body.splitlines(keepends=True)
    return b"".join((*rows[:4], rows[5], rows[4], *rows[6:]))


def _twice(body: bytes) -> bytes:
    rows = body.splitlines(keepends=True)
    return b"".join((*rows[:4], rows[3], *rows[4:]))


def _other(body: bytes) -> bytes:
    changed = bytearray(body)
    changed[-8] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        *(("lines.jsonl", change) for change in (_edit, _cut, _swap, _twice, _other)),
        ("checkpoint.txt", _other),
        ("key.txt", _other),
        ("proofs.json", lambda body: body.replace(b'"index": 5', b'"index": 6', 1)),
        ("proofs.json", lambda body: body.replace(b'"path": [\n    "', b'"path": [\n    "00', 1)),
    ],
)
def test_a_changed_export_is_found_out(
    office: Office, whole: bool, name: str, change: Callable[[bytes], bytes]
) -> None:
    done = office.export("" if whole else office.run)
    path = done.path / name
    if not path.exists():
        assert whole
        return
    was = path.read_bytes()
    now = change(was)
    assert now != was
    path.write_bytes(now)
    code, said = check(done.path)
    assert code in {1, 3}, said
    assert "intact" not in said.splitlines()


def test_lines_of_another_run_cannot_be_put_into_an_export(office: Office, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Office(tmp_path / "other")
    ours, theirs = office.export(office.run), other.export(other.run)
    (ours.path / "lines.jsonl").write_bytes((theirs.path / "lines.jsonl").read_bytes())
    assert check(ours.path)[0] == 1
    for name in ("lines.jsonl", "proofs.json", "checkpoint.txt"):
        (ours.path / name).write_bytes((theirs.path / name).read_bytes())
    assert check(ours.path)[0] == 1, "all of theirs, under our key"
    (ours.path / "key.txt").write_bytes((theirs.path / "key.txt").read_bytes())
    assert check(ours.path)[0] == 0, "all of theirs: only a key that was given in another way tells"
    key = office.export(office.run, "again").path / "key.txt"
    assert check(ours.path, "--key", str(key))[0] == 1


def test_an_export_is_on_the_record_before_it_is_there(office: Office) -> None:
    done = office.export(office.run, format="html", contents=True)
    line = next(json.loads(one.body) for one in office.engine.audit.records() if b'"record_exported"' in one.body)
    assert line["by"]["id"] == "maria"
    assert line["data"] == {
        "what": "export html",
        "about": office.run,
        "lines": done.lines,
        "contents": True,
        "first": office.engine.audit.records(run_id=office.run)[0].seq,
        "last": office.engine.audit.records(run_id=office.run)[-1].seq,
    }
    whole = office.export("", "whole")
    assert b'"record_exported"' in (whole.path / "lines.jsonl").read_bytes().splitlines()[-1]


async def test_a_coroutine_exports_beside_what_else_its_loop_does(office: Office) -> None:
    """Two at once, and the loop turns meanwhile: each is the same folder that the plain call writes."""
    audit, turns = office.engine.audit, 0

    async def turning() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(turning())
    done = await asyncio.gather(
        audit.aexport(office.run, out=office.folder / "one", by="maria", contents=True),
        audit.aexport(out=office.folder / "all", by="maria", format="csv"),
    )
    beside.cancel()
    assert turns > 1
    assert [check(one.path)[0] for one in done] == [0, 0]
    assert done[0].sha256 == (await asyncio.to_thread(office.export, office.run, "plain")).sha256
    with pytest.raises(ExportRefused, match="is there already"):
        await audit.aexport(out=office.folder / "all", by="maria")
    with pytest.raises(InputRefused, match="who exports it must be said"):
        await audit.aexport(out=office.folder / "more", by="")


def test_a_selection_by_time_takes_its_first_instant_and_not_its_last(office: Office) -> None:
    since, until = BEGINS + 9 * MINUTE, BEGINS + 12 * MINUTE
    done = office.export(since=since, until=until)
    rows = [json.loads(row) for row in (done.path / "lines.jsonl").read_bytes().splitlines()]
    assert "call_edited" in {row["event"] for row in rows}
    assert {row["at"] for row in rows} == {since}
    assert check(done.path)[0] == 0
    last = office.export("", "last", since=until)
    assert min(json.loads(row)["at"] for row in (last.path / "lines.jsonl").read_bytes().splitlines()) == until


def test_nothing_is_written_over(office: Office) -> None:
    place = office.folder / "out"
    place.mkdir()
    (place / "mine").write_text("x", encoding="utf-8")
    before = office.last()
    with pytest.raises(ExportRefused, match="is there already"):
        office.export()
    assert [one.name for one in place.iterdir()] == ["mine"]
    assert office.last() == before
    (place / "mine").unlink()
    assert office.export().lines


def test_nothing_and_too_much_are_refused_and_leave_no_line(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    before = office.last()
    with pytest.raises(ExportRefused, match="nothing of the lines of run_none"):
        office.export("run_none")
    monkeypatch.setattr(exported, "SELECTED_LINES", 50)
    for more in ({"run": office.run}, {"since": 0}, {"format": "html"}):
        with pytest.raises(ExportRefused, match="holds at most 50"):
            office.export(**more)
    with pytest.raises(InputRefused, match="'pdf' is no format"):
        office.export(format="pdf")
    assert office.last() == before
    assert not (office.folder / "out").exists()
    assert office.export().lines > 50, "the whole record has no bound"


def test_a_failed_export_leaves_nothing_behind(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    before = {one.name for one in office.folder.iterdir()}
    monkeypatch.setattr(exported, "_write", full)
    with pytest.raises(ExportRefused, match="No space left on device"):
        office.export()
    assert {one.name for one in office.folder.iterdir()} == before


KILLED = """
import os, signal, sys
from pathlib import Path
from hitl_fsm import Engine
from hitl_fsm.runtime.record import exported
real = exported._write
def dying(path, chunks):
    real(path, chunks)
    if path.name == "contents.jsonl":
        os.kill(os.getpid(), signal.SIGKILL)
exported._write = dying
Engine(store=sys.argv[1]).audit.export(out=sys.argv[2], by="maria", contents=True)
"""


def test_an_export_that_was_killed_leaves_peoples_data_only_until_the_next(office: Office) -> None:
    out, before = office.folder / "out[1]", {one.name for one in office.folder.iterdir()}
    program = [sys.executable, "-c", KILLED, office.engine.store.url, str(out)]  # type: ignore[attr-defined]
    assert subprocess.run(program, check=False, timeout=60).returncode == -signal.SIGKILL
    assert not out.exists()
    (left,) = {one.name for one in office.folder.iterdir()} - before
    assert (office.folder / left).stat().st_mode & 0o777 == 0o700
    (office.folder / f".{out.name}.mine").mkdir()
    with draft_for(out) as other:  # one that another process makes at this moment
        done = office.export(name=out.name)
        assert other.is_dir()
    assert check(done.path)[0] == 0
    assert {one.name for one in office.folder.iterdir()} - before == {out.name, f".{out.name}.mine"}


def test_an_export_is_for_nobody_else_to_read(office: Office) -> None:
    done = office.export(office.run, contents=True)
    assert done.path.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o777 for one in done.path.iterdir()} == {0o600}


def test_contents_go_along_only_where_they_are_asked_for(office: Office) -> None:
    for form in FORMATS:
        closed = office.export(office.run, f"closed-{form}", format=form)
        told = b"".join(one.read_bytes() for one in closed.path.iterdir())
        assert b"Rosa" not in told, form
        assert b"water damage" not in told, form
        opened = office.export(office.run, f"opened-{form}", format=form, contents=True)
        told = b"".join(one.read_bytes() for one in opened.path.iterdir())
        assert form == "otel" or b"Rosa Lind" in told, form
        assert b"pin-of-rosa" not in told, "what a schema marks as sensitive is nobody's to see"


def test_lines_whose_bodies_were_pruned_stay_in_the_tree(office: Office) -> None:
    office.desk.clock.advance(1_000 * DAY)  # whenever the key says that it was made
    office.engine.prune(before=office.desk.clock.now() - DAY, by="maria")  # lines about what is there stay
    office.engine.audit.prune(before=office.desk.clock.now() - DAY, by="maria")
    office.desk.told = 0
    later = office.desk.history()
    done = office.export(format="csv")
    rows = (done.path / "lines.jsonl").read_bytes().splitlines()
    pruned = [row for row in rows if row.startswith(b'{"pruned":')]
    assert len(pruned) > 20
    assert check(done.path)[0] == 0
    assert len((done.path / "record.csv").read_text(encoding="utf-8").splitlines()) == len(rows) - len(pruned) + 1
    part = office.export(later, "part", format="html")
    assert check(part.path)[0] == 0
    left = office.export(office.run, "left")
    lines = [json.loads(row) for row in (left.path / "lines.jsonl").read_bytes().splitlines()]
    told = [line["event"] for line in lines if line.get("run") == office.run]
    assert told == ["break_glass", "override_reviewed"], "an emergency outlives its run, and so do the lines about it"


def test_a_record_that_was_altered_is_exported_as_what_it_is(office: Office) -> None:
    import sqlite3

    with sqlite3.connect(office.folder / "hitl.db") as database:
        (altered,) = database.execute(
            "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), 'nina', 'otto') AS BLOB) "
            "WHERE instr(body, CAST('requirement_rejected' AS BLOB)) RETURNING seq"
        ).fetchone()
    database.close()
    done = office.export(office.run, format="html")
    assert check(done.path)[0] == 1
    text = (done.path / "evidence.html").read_text(encoding="utf-8")
    assert "THE RECORD DID NOT VERIFY" in text
    assert f"line {altered}" in text


def test_without_keys_an_export_says_that_nobody_signed_it(tmp_path: Path) -> None:
    engine = Engine(store=open_store("sqlite:///:memory:", keys=no_keys))
    Agent("clerk", ScriptedModel([{"say": "hello"}]), engine=engine).run("hi", user="alice")
    done = engine.audit.export(out=tmp_path / "out", by="maria", format="html")
    assert not done.signed
    assert "checkpoint.txt" not in done.files
    assert "No checkpoint of this record is signed" in (done.path / "README.txt").read_text(encoding="utf-8")
    assert "no checkpoint is signed" in (done.path / "evidence.html").read_text(encoding="utf-8")
    assert check(done.path)[0] == 3


@pytest.mark.parametrize("form", FORMATS)
def test_one_file_has_the_format_alone(office: Office, form: Any) -> None:
    wanted = exported.Wanted(office.run)
    by = exported.By(office.engine.actor("maria", None), office.desk.clock.now())  # type: ignore[arg-type]
    found = b"".join(exported.stream(office.engine.store, wanted, form, by))
    done = office.export(office.run, format=form)
    name = "lines.jsonl" if form == "jsonl" else FILES[form]
    if form == "html":
        assert done.sha256.encode() in found
    else:
        assert found == (done.path / name).read_bytes()
    assert office.last()["event"] == "record_exported"
    assert leaf_of(found)


@pytest.mark.parametrize("bound", ["since", "until"])
def test_a_bound_of_another_type_is_refused_in_words(office: Office, bound: str) -> None:
    with pytest.raises(InputRefused, match=f"{bound} must be milliseconds since the epoch"):
        office.export(**{bound: "90d"})
    assert not (office.folder / "out").exists()


def test_the_name_of_a_file_is_no_checkpoint_and_one_key_is_one(office: Office) -> None:
    with pytest.raises(InputRefused, match="a checkpoint must be its bytes, not str"):
        office.engine.audit.verify(anchors=["monday.note"])  # type: ignore[list-item]  # the mistake
    whose = office.engine.audit.verify().keys[0]
    assert office.engine.audit.verify(keys=whose).trust == "given"
