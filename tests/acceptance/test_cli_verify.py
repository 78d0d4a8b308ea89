"""`audit verify`, `audit prove` and `audit check-proof`, typed at a record that the engine made."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from acceptance.shell import Shell
from hitl_fsm.audit import bundle
from hitl_fsm.audit import walk as walking
from hitl_fsm.runtime.record import verifying
from house import House, call, calls


class Place:
    """A store, and a shell in its folder."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.shell = Shell(folder)
        self.folder = folder

    def work(self, runs: int = 1) -> list[str]:
        """Some runs; the ids of their questions."""
        engine = self.house.engine()
        asked = []
        for amount in range(runs):
            agent = self.house.agent(engine, [calls(call("pay", to="bob", amount=amount + 1))])
            run = agent.run("go", user="alice")
            asked.append(run.active_requirements[0].id)
            run.active_requirements[0].confirm(by="alice")
            agent.continue_run(run)
        engine.close()
        return asked

    def __call__(self, *words: str, code: int = 0) -> str:
        done = self.shell("--store", "sqlite:///hitl.db", "audit", *words)
        assert done.code == code, (words, done.code, done.out, done.err)
        return done.out

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--format", "json", code=code))

    def sql(self, statement: str, *values: Any) -> None:
        self.house.sql(statement, *values)

    def size(self) -> int:
        return int(self.house.sql("SELECT count(*) FROM record")[0][0])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.work()
    return made


def test_an_intact_record_is_told_with_whose_signature_covers_it(place: Place) -> None:
    report = place.json("verify")
    assert (report["verdict"], report["trust"], report["covered"]["size"]) == ("intact", "first use", place.size())
    (key,) = report["keys"]
    assert place.json("verify", "--key", key)["trust"] == "given"


def test_what_cannot_be_checked_ends_with_3(place: Place) -> None:
    place("verify", "--key", "nonsense", code=3)
    place("verify", "--from", "nowhere", code=3)
    (place.folder / "note").write_text("nonsense")
    place("verify", "--from", "note", code=3)
    (place.folder / "hitl.db").unlink()
    place("verify", code=3)


def test_an_anchor_that_cannot_be_read_is_something_missing(place: Place) -> None:
    (finding,) = place.json("verify", "--anchor", "nowhere", code=2)["findings"]
    assert finding["kind"] == "unreached"


def test_another_logs_anchor_does_not_fit(place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Place(tmp_path_factory.mktemp("other"))
    other.house.clock.advance(1)
    other.work()
    other("verify", "--save", "note")
    (place.folder / "note").write_bytes((other.folder / "note").read_bytes())
    assert {one["kind"] for one in place.json("verify", "--anchor", "note", code=1)["findings"]} == {"anchor"}


def test_only_what_came_since_is_hashed_and_what_was_before_must_still_be_there(place: Place) -> None:
    place("verify", "--save", "note")
    covered = place.size()
    place.work()
    report = place.json("verify", "--from", "note", "--save", "later")
    assert (report["verdict"], report["covered"]["size"]) == ("intact", place.size())
    assert int((place.folder / "later").read_text().split("\n")[1]) == place.size() > covered
    place.sql("UPDATE record SET leaf = zeroblob(32) WHERE seq = 2")
    assert place.json("verify", "--from", "note", code=1)["findings"]


def test_a_key_that_was_handed_over_to_is_believed_and_another_is_not(place: Place) -> None:
    (first,) = place.json("verify")["keys"]
    place("keys", "rotate")
    place.work()
    report = place.json("verify", "--key", first)
    assert (report["verdict"], len(report["keys"])) == ("intact", 2)
    (newest,) = {*report["keys"]} - {first}
    assert place.json("verify", "--key", newest)["verdict"] == "intact"
    (place.folder / "hitl.db.keys").unlink()
    place("keys", "--replace-lost")
    place.work()
    lost = place.json("verify", "--key", newest, code=2)
    assert {one["kind"] for one in lost["findings"]} == {"untrusted"}
    keys = [one["key"] for one in place.json("keys") if one["present"]]
    assert place.json("verify", "--key", newest, "--key", keys[0])["verdict"] == "intact"


def test_an_export_is_checked_over_a_handover_of_keys(place: Place) -> None:
    (first,) = place.json("verify")["keys"]
    place("checkpoint", "--out", "early")
    place("keys", "rotate")
    place.work()
    rows = place.house.sql("SELECT body, leaf FROM record ORDER BY seq")
    (note,) = place.house.sql("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1")[0]
    files = bundle.files(bundle.Sealed(note, first), anchor=(place.folder / "early").read_bytes())
    out = place.folder / "out"
    out.mkdir()
    for name, data in {bundle.LINES: b"".join(bundle.row(*row) for row in rows), **files}.items():
        (out / name).write_bytes(data)
    assert standalone(out) == 0
    present = next(one["key"] for one in place.json("keys") if one["present"])
    assert standalone(out, "--key", present) == 0
    proof = place("prove", "2")
    (place.folder / "proof.json").write_text(proof)
    assert standalone(place.folder / "proof.json", "--key", first) == 0
    place("check-proof", "proof.json", "--key", first)


def standalone(*words: object) -> int:
    program = Path(bundle.__file__).parent / "standalone" / "verify.py"
    return subprocess.run([sys.executable, "-I", "-S", program, *map(str, words)], check=False).returncode


def test_what_goes_out_after_lost_keys_were_replaced_is_not_called_tampered(place: Place) -> None:
    (asked,) = place.work()
    (place.folder / "hitl.db.keys").unlink()
    place("keys", "--replace-lost")
    place("checkpoint")
    new = place("keys").split()[-1]
    place("prove", asked, "--out", "proof.json")
    place("export", "--out", "copy")
    assert (place.folder / "copy" / "key.txt").read_text().strip() == new
    place("check-proof", "proof.json")
    assert standalone(place.folder / "proof.json") == 0
    assert standalone(place.folder / "copy") == 0


def test_what_was_pruned_is_covered_by_the_line_that_says_so(place: Place) -> None:
    place.work()
    place("prune", "--older-than", "0m", "--yes")
    assert place.house.sql("SELECT count(*) FROM record WHERE length(body) = 0")[0][0] > 5
    place("verify")
    place.work()
    assert place.json("verify")["verdict"] == "intact"
    place.sql("UPDATE record SET body = x'' WHERE seq = (SELECT max(seq) FROM record)")
    (finding,) = place.json("verify", code=1)["findings"]
    assert (finding["kind"], finding["seq"]) == ("blanked", place.size())


def test_what_a_prune_left_standing_is_not_blanked_in_its_name(place: Place) -> None:
    place.work()
    place("prune", "--older-than", "0m", "--yes")
    place.work()
    assert place.json("verify")["verdict"] == "intact"
    place.sql("UPDATE record SET body = x'' WHERE seq = (SELECT min(seq) FROM record WHERE length(body) > 0)")
    found = place.json("verify", code=1)["findings"]
    assert any("were pruned, as the record says" in one["what"] for one in found if one["kind"] == "blanked"), found


def test_a_proof_of_a_question_is_checked_without_the_store(place: Place) -> None:
    (asked,) = place.work()
    place("prove", asked, "--out", "proof.json")
    (place.folder / "hitl.db").rename(place.folder / "gone.db")
    told = place.json("check-proof", "proof.json")
    events = [json.loads(text)["event"] for _, text in told["lines"]]
    assert {"requirement_opened", "requirement_resolved", "call_started", "call_succeeded"} <= {*events}
    proof = (place.folder / "proof.json").read_text()
    assert standalone(place.folder / "proof.json") == 0
    document = json.loads(proof)
    document["lines"][0]["path"][0] = "00" * 32
    (place.folder / "proof.json").write_text(json.dumps(document))
    place("check-proof", "proof.json", code=1)
    assert standalone(place.folder / "proof.json") == 1
    (place.folder / "proof.json").write_text("{}")
    place("check-proof", "proof.json", code=3)


def test_what_is_proved_is_told_as_a_table(place: Place) -> None:
    (asked,) = place.work()
    place("prove", asked, "--out", "proof.json")
    head, *rows = place("check-proof", "proof.json").splitlines()
    assert head.split() == ["seq", "time", "event", "by", "what"]
    (answer,) = [row for row in rows if "requirement_resolved" in row]
    assert answer.split()[3] == "alice"
    assert "answer=approve" in answer


@pytest.mark.parametrize("words", [("prove", "1"), ("checkpoint",)])
def test_a_file_that_cannot_be_written_is_no_defect(place: Place, words: tuple[str, ...]) -> None:
    place.work()
    done = place.shell("--store", "sqlite:///hitl.db", "audit", *words, "--out", "nowhere/file")
    assert done.code == 2
    assert "HF701 nowhere/file cannot be written: No such file or directory" in done.err


def test_what_is_not_there_or_not_signed_is_not_proved(place: Place) -> None:
    place("prove", "99999", code=3)
    place("prove", "req_nowhere", code=2)


def test_contents_are_held_against_the_lines(place: Place) -> None:
    place("verify", "--contents")
    place.sql("UPDATE content SET body = zeroblob(40) WHERE seq = (SELECT min(seq) FROM content)")
    place("verify")
    assert {one["kind"] for one in place.json("verify", "--contents", code=1)["findings"]} == {"contents"}


def test_ranges_find_what_one_walk_finds(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ranges, so that a small record has many: each finding is the same, wherever a range ends."""
    from hitl_fsm.adapters.store import open_store
    from hitl_fsm.audit import verify as putting
    from hitl_fsm.runtime.loop import run_sync

    place.work(2)
    path = place.folder / "hitl.db"
    spoil = [
        "UPDATE record SET body = replace(body, 'alice', 'mallo') WHERE seq = 8",
        "UPDATE record SET leaf = zeroblob(32) WHERE seq = 16",
        "DELETE FROM record WHERE seq IN (17, 24)",
        "UPDATE record SET run_id = 'x' WHERE seq = 9",
    ]

    def found() -> list[Any]:
        store = open_store(f"sqlite:///{path}")
        report = verifying.verified(store)
        run_sync(store.close())
        assert report.count == place.size()
        return [(one.seq, one.kind, one.what) for one in report.findings if one.kind != "root"]

    def in_ranges_of(size: int) -> list[Any]:
        for module in (walking, verifying, putting):
            monkeypatch.setattr(module, "RANGE", size)
        return found()

    assert [in_ranges_of(size) for size in (1, 2, 8, 65_536)] == [[], [], [], []]
    for statement in spoil:
        place.sql(statement)
        whole = in_ranges_of(65_536)
        assert whole
        assert in_ranges_of(8) == in_ranges_of(1) == whole


def test_a_copy_of_the_file_alone_can_be_verified(place: Place) -> None:
    """Without its keys file: the public part stands on the record."""
    with (
        closing(sqlite3.connect(place.folder / "hitl.db")) as db,
        closing(sqlite3.connect(place.folder / "b.db")) as to,
    ):
        db.backup(to)
    done = place.shell("--store", "sqlite:///b.db", "audit", "verify")
    assert done.code == 0, done


def test_a_hold_whose_row_is_gone_is_seen(place: Place) -> None:
    place.work()
    place("hold", "place", "--all", "--reason", "case 7")
    assert place.json("verify")["verdict"] == "intact"
    place.sql("DELETE FROM hold")
    (finding,) = place.json("verify", code=1)["findings"]
    assert (finding["kind"], "which nobody released, is gone" in finding["what"]) == ("answer", True)


FORGED = (
    "INSERT INTO permission (grant_id, tool, agent, state, uses, used, until, budget, spent, body)"
    " VALUES ('grt_forged', 'pay', 'helper', 'active', 1000, 0, 4503599627370496, '0', '0', '{}')"
)
TURNED = "UPDATE requirement SET state = 'rejected' WHERE id = 1"


@pytest.mark.parametrize("attack", [FORGED, TURNED])
@pytest.mark.parametrize("pruned", [False, True])
def test_rows_are_held_against_a_record_that_was_pruned_or_verified_before(
    place: Place, attack: str, pruned: bool
) -> None:
    place("verify", "--save", "note")
    place.house.clock.advance(60_000)
    if pruned:
        place("prune", "--older-than", "0m", "--yes", "--as", "dpo")
        assert place.house.sql("SELECT count(*) FROM record WHERE length(body) = 0")[0][0] > 3
    place.work()
    assert place.json("verify")["verdict"] == place.json("verify", "--from", "note")["verdict"] == "intact"
    place.sql(attack)
    for options in ((), ("--from", "note")):
        assert {one["kind"] for one in place.json("verify", *options, code=1)["findings"]} == {"answer"}


@pytest.mark.parametrize("question", [("verify",), ("show",), ("q", "integrity")])
def test_an_empty_file_is_no_store_and_is_left_as_it_is(place: Place, question: tuple[str, ...]) -> None:
    """Who empties the file must not be told that its record is whole, by a command that makes a new one of it."""
    place.folder.joinpath("hitl.db").write_bytes(b"")
    done = place.shell("--store", "sqlite:///hitl.db", "audit", *question)
    assert (done.code, done.out) == (3, "")
    assert "there is no store at hitl.db" in done.err
    assert place.folder.joinpath("hitl.db").read_bytes() == b""


def test_a_record_without_a_line_is_no_intact_one(place: Place) -> None:
    place.work()
    for table in ("record", "log_head", "checkpoint", "policy_set", "run", "requirement", "call"):
        place.sql(f"DELETE FROM {table}")
    report = place.json("verify", code=2)
    assert (report["verdict"], report["count"]) == ("incomplete", 0)
    assert "there are no lines" in place("verify", code=2)
