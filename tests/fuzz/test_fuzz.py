"""Mutated files: no crash, no hang, bounded memory, each refusal at a place, nothing allowed by an error (law 6)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import child
from fuzz.__main__ import main, summary
from fuzz.child import Running, Told, run
from fuzz.mutate import mutated
from fuzz.seeds import seeds
from share import share_of

FEW = 200
"""Of the default suite."""
MANY = 100_000
"""Of the slow suite."""
PROCESSES = 2
PIECE = 5_000


def failures(told: Told) -> list[str]:
    """What to show, and how to see it again."""
    return [f"{what}\n  PYTHONPATH=tests python -m fuzz {number}" for number, what in told.problems]


def test_law06_mutated_files_are_refused_at_a_place_or_say_the_same_everywhere() -> None:
    told = run(1, FEW)
    assert failures(told) == []
    assert told.files == FEW
    assert FEW / 6 < told.loaded < FEW / 1.5, f"some of them load, and some do not: {summary(told)}"
    assert told.judged > FEW
    assert len(told.codes) > 20, f"the mutations are about many things: {sorted(told.codes)}"


@pytest.mark.slow
def test_law06_a_hundred_thousand_mutated_files_end_nothing() -> None:
    count, told = share_of(MANY), Told()
    for first in range(0, count, PIECE):  # a child that lives long would hide what grows in it
        told.add(run(first, min(first + PIECE, count) - 1, PROCESSES))
    assert failures(told) == []
    assert told.files == count


def test_a_number_is_one_file() -> None:
    assert [mutated(number) for number in range(100)] == [mutated(number) for number in range(100)]
    assert len({mutated(number).data for number in range(100)}) > 90


def test_a_number_is_the_same_file_in_another_process() -> None:
    code = "from fuzz.mutate import mutated; import sys; sys.stdout.buffer.write(mutated(7).data)"
    told = [
        subprocess.run([sys.executable, "-c", code], env=_env(seed), capture_output=True, check=True).stdout
        for seed in ("1", "2")
    ]
    assert told == [mutated(7).data] * 2


def _env(seed: str) -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(root / "tests"), str(root))), "PYTHONHASHSEED": seed}


def test_every_kind_of_file_is_mutated() -> None:
    assert {mutated(number).seed.kind for number in range(200)} == set(seeds())


def test_one_file_can_be_looked_at_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["5"]) == 0
    shown = capsys.readouterr().out
    assert mutated(5).seed.name in shown
    assert "Outcome(" in shown


@pytest.mark.parametrize(
    ("death", "says"),
    [
        ("os.kill(os.getpid(), 11)", "signal 11"),
        ("os._exit(3)", "exit code 3"),
        ("time.sleep(60)", "a hang"),
        ("bytearray(5 * 1024**3)", "MemoryError"),
        ("end = time.thread_time() + 1.5\n        while time.thread_time() < end: pass", "s of CPU"),
        ("json.loads('{')", "JSONDecodeError"),
    ],
)
def test_what_ends_or_holds_up_a_child_is_told_with_its_number(
    death: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch itself: file 3 of a child is one that does this."""
    program = f"""
import json, os, sys, time
from pathlib import Path
from fuzz import child
from fuzz.drive import Outcome
child.MAX_WALL_S, child.MAX_CPU_S = {3 if "sleep" in death else 60}, 0.1
def drive(number, _):
    if number == 3:
        {death}
    return Outcome(frozenset(), False, 0)
child.drive = drive
child.child(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
"""
    script = tmp_path / "child.py"
    script.write_text(program, encoding="utf-8")
    monkeypatch.setattr(child, "COMMAND", (sys.executable, str(script)))
    told = Running(1, 5).result()
    [(number, what)] = told.problems
    assert number == 3
    assert says in what
    assert told.files >= 2
