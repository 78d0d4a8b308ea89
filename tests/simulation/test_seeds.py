"""Histories of several workers, people, clocks and faults, each drawn from a seed, each held against every law."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from share import share_of
from simulation.history import Outcome, simulate

SEEDS = 50
"""Of the default suite."""
MANY = 10_000
"""Of the slow suite; the 3 % that CI tries are 300."""
PROCESSES = 2
ROOT = Path(__file__).parent.parent.parent


def broken(outcomes: list[Outcome]) -> list[str]:
    """What to show, and how to see it again."""
    return [again(one.seed, one.problem) for one in outcomes if one.problem]


def again(seed: int | str, problem: str) -> str:
    return f"{problem}\n  PYTHONPATH=tests python -m simulation {seed}"


def run(*arguments: int, hash_seed: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulation", *map(str, arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(ROOT / "tests"), str(ROOT))),
            "PYTHONHASHSEED": hash_seed,
        },
        stdout=subprocess.PIPE,
        text=True,
    )


def test_laws_01_to_15_hold_in_every_history() -> None:
    outcomes = [simulate(seed) for seed in range(SEEDS)]
    assert broken(outcomes) == []
    assert sum(one.runs for one in outcomes) > SEEDS, "the histories are about something"
    assert sum(one.effects for one in outcomes) > SEEDS
    assert sum(one.answers for one in outcomes) > SEEDS


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_is_one_history(seed: int) -> None:
    one, two = simulate(seed), simulate(seed)
    assert one == two
    assert one.trace != simulate(seed + 1).trace


def test_a_seed_is_the_same_history_in_another_process() -> None:
    seed = 7
    children = [run(seed, hash_seed=hash_seed) for hash_seed in ("1", "2")]
    one, two = (child.communicate()[0] for child in children)
    assert one == two
    assert simulate(seed).trace in one


@pytest.mark.slow
def test_laws_01_to_15_hold_in_ten_thousand_histories() -> None:
    share = share_of(MANY) // PROCESSES
    children = [run(first * share, (first + 1) * share - 1) for first in range(PROCESSES)]
    told = "".join(child.communicate()[0] for child in children)
    failures = [again(*line.split("\t", 1)) for line in told.splitlines()]
    assert failures == []
    assert [child.returncode for child in children] == [0] * PROCESSES
