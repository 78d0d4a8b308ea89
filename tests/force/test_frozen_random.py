"""Several workers one after the other, frozen or killed at random places, woken in a random order.

`HITL_FSM_KILL_SEED` names the seed, as in `test_kill_random.py`.
"""

from __future__ import annotations

import os
import random
from typing import NamedTuple

import pytest
from kill_cases import Case, Site
from kill_nursery import Ended
from kill_points import ANYWHERE, Act, Plan

from hitl_fsm.errors import AnswerTooEarly, Fenced

pytest_plugins = ["kill_fixtures"]

SEED = int(os.environ.get("HITL_FSM_KILL_SEED", "20251"))
RUNS = 30
MOST_WORKERS = 3
LEASE_ENDED_MS = 70_000
"""Added after each worker. All of them together are less than a call is taken to act at most: nobody can say too early
that a call did not happen whose worker only stands still."""
CALL_ENDED_MS = 20 * 60_000
FIRST_ENGINE = 6
"""Places before there surely is a run: who stands still there comes back to make another one."""
FURTHEST = 70


class Story(NamedTuple):
    """What becomes of each worker, and the order in which those are woken that stand still."""

    plans: tuple[Plan, ...]
    order: int


def stories(count: int) -> list[Story]:
    chance = random.Random(SEED)
    return [a_story(chance) for _ in range(count)]


def a_story(chance: random.Random) -> Story:
    acts: list[Act] = ["stop", "stop", "kill"]
    plans = (
        Plan(chance.choice(acts), ANYWHERE, chance.randint(FIRST_ENGINE, FURTHEST))
        for _ in range(chance.randint(2, MOST_WORKERS))
    )
    return Story(tuple(plans), chance.randrange(1_000))


def lived_through(case: Case, story: Story) -> list[str]:
    still: list[Ended] = []
    failed: list[Ended] = []
    for number, plan in enumerate(story.plans, 1):
        ended = case.send(plan)
        (still if ended.how == "stopped" else failed).append(ended)
        case.shift_clock(number * LEASE_ENDED_MS)
    random.Random(story.order).shuffle(still)
    failed += [case.wake(one) for one in still]
    case.shift_clock(CALL_ENDED_MS)
    found = [f"a worker: {one}" for one in failed if one.how == "stuck" or (one.how == "exited" and one.code)]
    found += case.finished()
    ends = case.ends()
    if ends[-1] != "done" or not set(ends) <= {"done", Fenced.code, AnswerTooEarly.code}:
        found.append(f"the workers ended as {ends}")
    return found


@pytest.mark.slow
def test_law03_frozen_killed_and_woken_at_random(site: Site) -> None:
    wrong = site.tried(stories(RUNS), lived_through)
    assert not wrong, f"HITL_FSM_KILL_SEED={SEED}{wrong}"
