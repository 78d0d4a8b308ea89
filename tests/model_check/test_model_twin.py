"""The model against the real store: ways of the model, drawn by lot, come out the same there, step by step."""

from __future__ import annotations

import os
import random

import pytest
from protocol import IDLE, Protocol, Setting
from twin import Twin

SEED = os.environ.get("HITL_FSM_TEST_SEED", "twin")
STEPS = 60
AFTER_THE_END = 6
SETTINGS = {
    "one host": Setting(expires=True),
    "several hosts": Setting(same_host=False),
    "may be repeated": Setting(idempotent=True, stops=3),
}


def walk(setting: Setting, dice: random.Random) -> set[str]:
    """One way; returns the names of its moves."""
    protocol = Protocol(setting)
    twin = Twin(idempotent=setting.idempotent, expires=setting.expires, same_host=setting.same_host)
    world, names, left = protocol.begin(), list[str](), AFTER_THE_END
    try:
        for _ in range(STEPS):
            told = "\n".join(["", *names])
            assert twin.run_key() == world.run, told
            assert twin.is_ready() == protocol._is_ready(world), told
            left -= protocol.is_end(world)
            moves = [move for move in protocol.moves(world) if move.wanted or dice.random() < 0.3]
            if not moves or not left or (protocol.is_end(world) and set(world.workers) == {IDLE}):
                break
            move = dice.choice(moves)
            names.append(move.name)
            try:
                twin.do(move.name, world)
            except BaseException as error:
                error.add_note("\n".join(["the way was:", *names]))
                raise
            world = move.after
    finally:
        twin.close()
    return {name.replace("worker 1", "worker 0") for name in names}


def walked(setting: Setting, ways: int) -> set[str]:
    names = set[str]()
    for number in range(ways):
        names |= walk(setting, random.Random(f"{SEED}/{setting}/{number}"))
    return names


@pytest.mark.parametrize("setting", SETTINGS)
def test_law02_the_real_store_goes_the_ways_of_the_model(setting: str) -> None:
    assert "worker 0: commits started" in walked(SETTINGS[setting], 12)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_law02_the_real_store_goes_many_ways_of_the_model(setting: str) -> None:
    names = walked(SETTINGS[setting], 500)
    hoped = {"returned: fenced", "late: paid", "commits lost, and perhaps alive", "does not begin: it lost the run"}
    hoped |= {"late: not begun", "commits said", "is fenced, whatever it was about to commit"}
    assert {f"worker 0: {name}" for name in hoped} <= names
