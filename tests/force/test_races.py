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

from share import WHOLE, share_of

SEED = os.environ.get("HITL_FSM_TEST_SEED", "races")
FEW = 25
MANY = {"sqlite": 500, "postgres": 250}
"""Rounds of each ring."""

RINGS: dict[str, Callable[[str, Path], Ring]] = {
    "2 processes": lambda url, folder: ProcessRing(url, folder, 2),
    "8 processes": lambda url, folder: ProcessRing(url, folder, 8),
    "6 threads": lambda url, folder: ThreadRing(url, folder, 6),
    "6 tasks": lambda url, folder: TaskRing(url, folder, 6),
}


OFTEN = [("sqlite", "2 processes"), ("sqlite", "6 threads"), ("sqlite", "6 tasks"), ("postgres", "2 processes")]
"""Raced in every run of the tests, a little."""
ALL = [((store, ring), rounds) for store, rounds in MANY.items() for ring in RINGS]
ALL_NAMES = [" ".join(pair) for pair, _ in ALL]


@pytest.fixture
def referee(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Referee]:
    """A fresh database, which does not wait for the disk: nobody pulls the plug here."""
    store, ring = request.param
    if store == "sqlite":
        url = f"sqlite:///{tmp_path / 'hitl.db'}?synchronous=normal"
    else:
        url = request.getfixturevalue("postgres_server").schema_url()
    made = Referee(url, tmp_path, RINGS[ring](url, tmp_path), f"{SEED}/{ring}")
    yield made
    made.close()


@pytest.mark.parametrize("referee", OFTEN, indirect=True, ids=" ".join)
def test_law02_whoever_races_one_wins(referee: Referee) -> None:
    referee.play(FEW)
    assert referee.saw["approve: ok"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("referee", "rounds"), ALL, indirect=["referee"], ids=ALL_NAMES)
def test_law02_whoever_races_one_wins_many_times(referee: Referee, rounds: int) -> None:
    referee.play(share_of(rounds))
    fought = {f"{kind}: {error}" for kind, errors in LOSES_WITH.items() for error in errors - {"HF306"}}
    missing = {one for one in fought if not referee.saw[one]} if WHOLE else set()
    assert missing == set(), "a fight that never took place proves nothing"
    assert referee.saw["approve: ok"] > 0
