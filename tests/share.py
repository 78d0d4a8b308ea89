"""How much of the long proofs is tried: all of it by default, a share where time is short.

    HITL_FSM_TEST_SHARE=10 pytest -m slow      # each tenth place, seed, round

A share is spread evenly, so that it touches every kind of place, and is the same at each run, examples that are drawn
among them; the whole draws anew. CI runs a share at each change; the whole takes hours of CPU and is for a release, or
for a change of the protocol.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

PERCENT = max(1, min(100, int(os.environ.get("HITL_FSM_TEST_SHARE", "100"))))
WHOLE = PERCENT == 100


def share_of(count: int) -> int:
    """So many of so many; one at least."""
    return max(1, count * PERCENT // 100)


def some_of(every: Sequence[T]) -> list[T]:
    """Spread evenly over all of them."""
    few = share_of(len(every)) if every else 0
    return [every[index * len(every) // few] for index in range(few)]
