"""Killed at random instants, up to three times a run: nothing happens twice, no answer is lost, the run is finished.

`HITL_FSM_KILL_SEED` names the seed (a failure says which one it had); the instants are on the wall clock, so that a
seed leads to the same instants, not always to the same instruction.
"""

from __future__ import annotations

import os
import random
import time
from typing import NamedTuple

import pytest
from kill_cases import Case, Site
from kill_kinds import ON_SQLITE
from kill_points import ANYWHERE, Plan

pytest_plugins = ["kill_fixtures"]

SEED = int(os.environ.get("HITL_FSM_KILL_SEED", "20251"))
RUNS = 200
FEW = 3
CHAINS = 30
MOST_DEATHS = 3


class Instants(NamedTuple):
    """Parts of a whole run's time after which its workers are killed, one after the other."""

    parts: tuple[float, ...]
    stream: bool


class Places(NamedTuple):
    """How many places each of its workers passes before it is killed."""

    numbers: tuple[int, ...]
    stream: bool


def instants(count: int) -> list[Instants]:
    chance = random.Random(SEED)
    deaths = [chance.randint(1, MOST_DEATHS) for _ in range(count)]
    return [Instants(tuple(chance.random() for _ in range(n)), chance.random() < 1 / 2) for n in deaths]


def places(count: int) -> list[Places]:
    chance = random.Random(SEED)
    deaths = [chance.randint(2, MOST_DEATHS) for _ in range(count)]
    return [Places(tuple(chance.randint(1, 60) for _ in range(n)), chance.random() < 1 / 2) for n in deaths]


def killed_at_instants(case: Case, whole: float, these: Instants) -> list[str]:
    """One that is quicker than its death has finished; the next one finds nothing to do."""
    for part in these.parts:
        how = case.send(kill_after=part * whole, stream=these.stream)
        if how.how == "exited" and how.code:
            return [f"a worker failed: {how}", *case.complaints()]
    return case.finished(stream=these.stream)


def killed_at_places(case: Case, these: Places) -> list[str]:
    for number in these.numbers:
        how = case.send(Plan("kill", ANYWHERE, number), stream=these.stream)
        if how.how == "exited" and how.code:
            return [f"a worker failed: {how}", *case.complaints()]
    return case.finished(stream=these.stream)


def whole_time(case: Case) -> float:
    """How long a worker takes that nobody kills."""
    begun = time.monotonic()
    assert case.finished() == []
    return time.monotonic() - begun


def tried(site: Site, runs: int) -> None:
    with site.case("unharmed") as unharmed:
        whole = whole_time(unharmed)
    wrong = site.tried(instants(runs), lambda case, these: killed_at_instants(case, whole, these))
    assert not wrong, f"HITL_FSM_KILL_SEED={SEED}{wrong}"


@ON_SQLITE
def test_law03_killed_at_a_few_random_instants(site: Site) -> None:
    tried(site, FEW)


@pytest.mark.slow
def test_law03_killed_at_200_random_instants(site: Site) -> None:
    tried(site, RUNS)


@pytest.mark.slow
def test_law03_killed_at_random_places_one_after_the_other(site: Site) -> None:
    wrong = site.tried(places(CHAINS), killed_at_places)
    assert not wrong, f"HITL_FSM_KILL_SEED={SEED}{wrong}"
