"""Bytes that changed on the disk: what is whole works, what is damaged is said in words, nothing runs unjustified."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from fault_pages import FLIPPED, SCRIPT, Original, all_that_one_may_do, bounded, unjustified

from hitl_fsm.cli.main import run as command_line
from hitl_fsm.errors import HitlError
from house import House
from share import some_of

WAL_HEADER = 32
SPAN = 600
CODES = {0, 1, 3, 5, 8}
"""What the commands below may end with: all but wrong usage, an interruption, and a defect."""


class Found(NamedTuple):
    """What happened that nobody allowed, and what was not told in words, for each seed."""

    unjustified: dict[str, list[str]]
    not_in_words: dict[str, list[str]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("original"))


def tried(original: Original, folder: Path, seeds: Iterable[int]) -> Found:
    """One page is damaged each time: at its beginning, where it says what it is, or in what it holds."""
    body = original.file("").read_bytes()
    size = int.from_bytes(body[16:18], "big")
    pages = len(body) // size
    found = Found({}, {})
    for seed in seeds:
        chance = random.Random(seed)
        page = seed % pages
        first = 0 if seed < pages else chance.randrange(size // 2)
        at = [page * size + chance.randrange(first, size) for _ in range(FLIPPED)]
        _try(original, folder / f"{seed}", "", at, chance, found)
    return found


def wal_tried(original: Original, folder: Path, seeds: Iterable[int]) -> Found:
    length = original.file("-wal").stat().st_size
    found = Found({}, {})
    for seed in seeds:
        chance = random.Random(seed)
        first = chance.randrange(0 if seed % 5 == 0 else WAL_HEADER, length)
        at = [min(length - 1, first + chance.randrange(SPAN)) for _ in range(FLIPPED)]
        _try(original, folder / f"{seed}", "-wal", at, chance, found)
    return found


def _try(original: Original, folder: Path, end: str, at: list[int], chance: random.Random, found: Found) -> None:
    with original.copy(folder, end, at, lambda: chance.randrange(1, 256)) as damaged:
        if end:  # an earlier moment may be what is left: then somebody had said yes, and nothing else was known yet
            damaged.confirmed += original.runs["done"]
        words, effects = all_that_one_may_do(damaged), unjustified(damaged)
    if effects:
        found.unjustified[folder.name] = effects
    if words:
        found.not_in_words[folder.name] = words


def test_undamaged_all_of_it_works(original: Original, tmp_path: Path) -> None:
    for end in ("", "-wal"):
        with original.copy(tmp_path / f"c{end}", end, [], lambda: 1) as whole:
            assert all_that_one_may_do(whole) == unjustified(whole) == []
            assert len(whole.house.effects) == len(whole.confirmed) == 5


def test_law06_a_damaged_page_allows_nothing(original: Original, tmp_path: Path) -> None:
    assert tried(original, tmp_path, range(0, 225, 37)).unjustified == {}


@pytest.mark.parametrize("what", [b"alembic_version", b'"event":"run_created"'], ids=["the schema", "the record"])
def test_law06_damaged_text_is_told_in_words(original: Original, tmp_path: Path, what: bytes) -> None:
    """One byte of it is none that UTF-8 has there."""
    at = original.file("").read_bytes().index(what) + 2
    with original.copy(tmp_path / "c", "", [at], lambda: 0x80) as damaged:
        assert all_that_one_may_do(damaged) == []


def test_what_is_ready_is_read_to_an_end_when_an_index_is_out_of_order(house: House) -> None:
    """One key is larger than those after it: who goes on after the last of them finds the same ones again."""
    agent = house.agent(house.engine(), SCRIPT)
    runs = [agent.run("go", user="alice") for _ in range(5)]
    for run in runs:
        run.active_requirements[0].confirm()
    agent.engine.close()
    file = house.folder / "hitl.db"
    key = sorted(run.run_id for run in runs)[3].encode()
    file.write_bytes(file.read_bytes().replace(key, key.replace(b"run_0", b"run_z")))
    again = house.engine()
    with bounded(2.0), suppress(HitlError):
        again.continue_ready()


def test_law06_a_damaged_log_is_an_earlier_moment(original: Original, tmp_path: Path) -> None:
    """SQLite takes its log up to the first damaged line: what is left is whole."""
    found = wal_tried(original, tmp_path, range(4))
    assert found == Found({}, {})


@pytest.mark.slow
def test_law06_each_damaged_page_allows_nothing(original: Original, tmp_path: Path) -> None:
    assert tried(original, tmp_path, some_of(range(240))).unjustified == {}


@pytest.mark.slow
def test_law06_each_damaged_page_is_told_in_words(original: Original, tmp_path: Path) -> None:
    assert tried(original, tmp_path, some_of(range(0, 450, 5))).not_in_words == {}


@pytest.mark.slow
def test_law06_a_log_that_is_damaged_anywhere_is_an_earlier_moment(original: Original, tmp_path: Path) -> None:
    assert wal_tried(original, tmp_path, some_of(range(60))) == Found({}, {})


def test_law06_the_command_line_tells_what_is_damaged(
    original: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each page in three is zeroed at its head: whatever a command needs of them, it says so, and how it ends."""
    body = original.file("").read_bytes()
    size = int.from_bytes(body[16:18], "big")
    run_id, waiting = original.runs["done"][0], original.runs["waiting"][0]
    question = f"req_{waiting.removeprefix('run_')}-0001"
    monkeypatch.chdir(tmp_path)
    codes = set()
    for which in range(3):
        at = [page * size + at for page in range(2 + which, len(body) // size, 3) for at in range(4)]
        with original.copy(tmp_path / f"{which}", "", at, lambda: 7):
            url = f"sqlite:///{tmp_path}/{which}/hitl.db"
            for words in (
                ["inbox"], ["runs", "list"], ["runs", "show", run_id], ["show", question], ["doctor"],
                ["approve", question, "--yes"], ["audit", "verify"], ["audit", "show", "--run", run_id],
            ):  # fmt: skip
                monkeypatch.setattr("sys.argv", ["hitl-fsm", "--store", url, *words])
                code, (out, err) = command_line(), capsys.readouterr()
                assert code in CODES, (words, code, err)
                assert "HF000" not in err, (words, err)
                assert "Traceback" not in err
                assert code == 0 or out or "hint: " in err
                codes.add(code)
    assert 3 in codes
