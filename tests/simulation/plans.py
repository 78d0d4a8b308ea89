"""What the model of a run will ask for, drawn from the seed."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from stateful import shop

Turn = list[tuple[str, str]]
"""The calls of one reply: each a tool's name and the text of its arguments."""

DRAWN = (
    *shop.KINDS,
    "soon",
    "soon",
    "slow",
    "both",
    "dup",
    "send",
    "vet",
    "view",
    "lag",
    "duo",
    "duo",
    "duo",
    "late",
    "late",
)
"""Some kinds are drawn more often: their ways are longer."""

MAX_TURNS = 3
MAX_CALLS = 3


def plan(rng: Random) -> list[Turn]:
    """Some turns of some calls; now and then one that cannot be read, or a tool that nobody has."""
    return [_turn(rng) for _ in range(rng.randint(1, MAX_TURNS))]


def _turn(rng: Random) -> Turn:
    letter = rng.choice(list(shop.BATCHES))
    calls = []
    for _ in range(rng.randint(1, MAX_CALLS)):
        if rng.random() < 0.1:
            letter = rng.choice(list(shop.BATCHES))
        calls.append(_call(rng, letter))
    return calls


def _call(rng: Random, letter: str) -> tuple[str, str]:
    draw = rng.random()
    if draw < 0.02:
        return f"{letter}.pay", "{not json"
    if draw < 0.04:
        return "unheard.of", "{}"
    if draw < 0.12:
        return "ask_user", json.dumps(shop.ASKED)
    return f"{letter}.{rng.choice(DRAWN)}", json.dumps(arguments(rng))


def arguments(rng: Random) -> dict[str, Any]:
    """Of any tool of the shop."""
    return {"ref": f"o{rng.randint(1, 99)}", "amount": rng.randint(1, 1000)}
