"""Law 2 by force: processes, threads and tasks answer, continue, cancel and expire the same runs at once.

One winner each; losers are told who it was, or get another documented error; what everybody saw is one story.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from race_referee import LOSES_WITH, Referee
from race_rings import ProcessRing, Ring, TaskRing, ThreadRing

SEED = os.environ.get("HITL_FSM_TEST_SEED", "races")
FEW = 25
MANY = 500

RINGS: dict[str, Callable[[str, Path], Ring]] = {
    "2 processes": lambda url, folder: ProcessRing(url, folder, 2),
    "8 processes": lambda url, folder: ProcessRing(url, folder, 8),
    "6 threads": lambda url, folder: ThreadRing(url, folder, 6),
    "6 tasks": lambda url, folder: TaskRing(url, folder, 6),
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'hitl.db'}?synchronous=normal"


@pytest.fixture(params=RINGS)
def referee(request: pytest.FixtureRequest, url: str, tmp_path: Path) -> Iterator[Referee]:
    made = Referee(url, tmp_path, RINGS[request.param](url, tmp_path), f"{SEED}/{request.param}")
    yield made
    made.close()


def test_law02_whoever_races_one_wins(referee: Referee) -> None:
    referee.play(FEW)
    assert referee.saw["approve: ok"] > 0


@pytest.mark.slow
def test_law02_whoever_races_one_wins_many_times(referee: Referee) -> None:
    referee.play(MANY)
    fought = {f"{kind}: {error}" for kind, errors in LOSES_WITH.items() for error in errors - {"HF306"}}
    assert {one for one in fought if not referee.saw[one]} == set(), "a fight that never took place proves nothing"
