"""An export with opened contents: a stranger holds each value against what its line is committed to."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.shell import Shell
from house import House, call, calls


@pytest.fixture
def project(tmp_path: Path) -> Path:
    house = House(tmp_path)
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bób", amount=1))])
    run = agent.run('go "there" \u2028 \x7f é', user="alice")
    run.active_requirements[0].confirm(by="alice", note="1e16 is 10000000000000000.0")
    agent.continue_run(run)
    engine.close()
    return tmp_path


def exported(project: Path, *words: str) -> Path:
    told = Shell(project)("--store", "sqlite:///hitl.db", "audit", "export", "--contents", "--out", "out", *words)
    assert told.code == 0, told
    return project / "out"


@pytest.fixture
def folder(project: Path) -> Path:
    return exported(project)


def checked(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", folder / "verify.py", folder, *words], capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def test_contents_are_held_against_their_lines(folder: Path) -> None:
    rows = [json.loads(row) for row in (folder / "contents.jsonl").read_bytes().splitlines()]
    assert {name for row in rows for name in row["contents"]} >= {"input", "answer", "presentation", "result"}
    code, told = checked(folder)
    assert (code, f"contents of {len(rows)} lines are what these are committed to" in told) == (0, True), told


@pytest.mark.parametrize("form", ["html", "csv", "ocsf", "cloudevents", "otel"])
def test_what_another_format_shows_of_people_can_be_checked_too(project: Path, form: str) -> None:
    folder = exported(project, "--format", form)
    code, told = checked(folder)
    assert (code, "are what these are committed to" in told) == (0, True), told
    path = folder / "contents.jsonl"
    path.write_text(path.read_text().replace("bób", "eve"))
    assert checked(folder)[0] == 1
    page = (folder / "evidence.html").read_text() if form == "html" else "contents.jsonl"
    assert "contents.jsonl" in page


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"to":"bób"', '"to":"bab"'),
        ('{"contents":{"input":', '{"contents":{"input":"another","input":'),
        ('"seq":', '"seq":1'),
        ('{"contents":{"input"', '{"contents":{"other"'),
        ("}\n", "}\n}\n"),
        ("}\n", '},"contents":{}}\n'),
    ],
)
def test_another_value_is_seen(folder: Path, old: str, new: str) -> None:
    path = folder / "contents.jsonl"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    code, told = checked(folder)
    assert code == 1, told


def test_contents_of_a_line_that_is_not_here_are_seen(folder: Path) -> None:
    path = folder / "contents.jsonl"
    path.write_text(path.read_text() + '{"contents":{"a":1},"salts":{"a":"00"},"seq":100000}\n')
    assert "which is not here" in checked(folder)[1]


def test_any_bytes_of_contents_are_told_not_raised(folder: Path) -> None:
    chance, path = random.Random(5), folder / "contents.jsonl"
    whole = path.read_bytes()
    for deep in (
        b"[" * 100_000,
        b'{"contents":{"a":' + b"[" * 100_000,
        b'{"contents":{',
        b"\xff\n",
        b'{"contents":{"a"',
    ):
        path.write_bytes(deep)
        assert checked(folder)[0] == 1
    for _ in range(8):
        at = chance.randrange(len(whole))
        path.write_bytes(whole[:at] + chance.randbytes(1) + whole[at + 1 + chance.randrange(9) :])
        assert checked(folder)[0] == 1


def test_an_empty_key_is_not_any_key(folder: Path) -> None:
    (folder / "empty").write_text("")
    assert checked(folder, "--key", "")[0] == 3
    assert checked(folder, "--key", str(folder / "empty"))[0] == 3


def test_a_key_is_told_as_its_owner_tells_it(folder: Path) -> None:
    text = (folder / "key.txt").read_text().strip()
    assert f"key {text}, which came with the export: compare it" in checked(folder)[1].splitlines()
    assert f"key {text}, which you named" in checked(folder, "--key", text)[1].splitlines()


def test_what_a_forger_wrote_cannot_repaint_the_screen(folder: Path) -> None:
    note = folder / "checkpoint.txt"
    _, _, rest = note.read_text().partition("\n")
    note.write_text("hitl-fsm\x1b[2J\x1b[8m\rintact \x7f\x9b\n" + rest)
    code, told = checked(folder)
    assert code == 1
    assert told.isascii()
    assert all(one.isprintable() for one in told.splitlines()), told
    assert r"\x1b[8m" in told
