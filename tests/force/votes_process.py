"""One voter's office as a process: `python votes_process.py URL SEED COUNT GATE` reads the questions, then votes.

It prints a line a try: the question, the voter, and what came of it.
"""

from __future__ import annotations

import os
import random
import sys

from hitl_fsm import Engine
from hitl_fsm.errors import AlreadyResolved, Fenced, HitlError, NotAuthorised, StoreError
from hitl_fsm.model.answer import Approve

VOTERS = [f"v{number}" for number in range(6)]
"""The same people in every process: somebody who votes twice at once counts once."""
TRIES = 50
_NAMES: dict[type[HitlError], str] = {AlreadyResolved: "closed", NotAuthorised: "voted"}


def main(url: str, seed: str, count: int, gate: int) -> None:
    engine = Engine(store=url, actors={voter: ["finance"] for voter in VOTERS})
    questions = sys.stdin.readline().split()
    dice = random.Random(seed)
    tries = [(question, voter) for question in questions for voter in VOTERS]
    dice.shuffle(tries)
    say("ready")
    os.read(gate, 1)
    for question, voter in tries[:count]:
        say(question, voter, vote(engine, question, voter))
    engine.close()


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def vote(engine: Engine, question: str, voter: str) -> str:
    for _ in range(TRIES):
        try:
            engine.resolve(question, Approve(), by=voter)
        except (Fenced, StoreError):
            continue
        except HitlError as error:
            return _NAMES.get(type(error), f"error {error.code}")
        return "ok"
    return "gave up"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
