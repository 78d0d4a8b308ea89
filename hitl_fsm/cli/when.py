"""Times for people: RFC 3339 in UTC, and how long ago or how soon."""

from __future__ import annotations

import time
from datetime import datetime

from hitl_fsm.model.instant import iso

SECOND = 1_000
STEPS = (("s", SECOND), ("min", 60 * SECOND), ("h", 3_600 * SECOND), ("days", 86_400 * SECOND))
JUST_NOW = 2 * SECOND


def now_ms() -> int:
    """Read this machine's clock: ms since the epoch."""
    return time.time_ns() // 1_000_000


def relative(then: int, now: int) -> str:
    """`3 min ago`, `in 2 h`, `just now`."""
    distance = abs(now - then)
    if distance < JUST_NOW:
        return "just now"
    unit, size = STEPS[0]
    for name, length in STEPS:
        if distance >= length:
            unit, size = name, length
    count = round(distance / size)
    amount = f"{count} {'day' if unit == 'days' and count == 1 else unit}"
    return f"{amount} ago" if then < now else f"in {amount}"


def stamp(then: int, now: int | None = None) -> str:
    """`2026-01-02T03:04:05.678Z (3 min ago)`."""
    return f"{iso(then)} ({relative(then, now_ms() if now is None else now)})"


def stamp_text(text: str) -> str:
    """As `stamp`, of a time that is RFC 3339 already."""
    return stamp(round(datetime.fromisoformat(text).timestamp() * 1_000))
