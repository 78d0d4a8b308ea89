"""Waiting in open hours: when so much of them has passed. A calendar says what is open when."""

from __future__ import annotations


def after(start_ms: int, wait_ms: int, windows: tuple[int, ...]) -> int:
    """The first moment at which `wait_ms` of open time has passed since `start_ms`.

    `windows` are the open times, as begin, end, begin, end … (ms since the epoch), one after the other. Beyond the last
    of them every hour counts, and so with none at all: what no calendar covers may end earlier, never later (law 12).
    """
    at, left = start_ms, wait_ms
    for begin, end in zip(windows[::2], windows[1::2], strict=True):
        if left <= 0:
            break
        opened = max(begin, start_ms)
        if opened >= end:
            continue
        passed = min(left, end - opened)
        at, left = opened + passed, left - passed
    if left <= 0:
        return at
    return max(start_ms, windows[-1] if windows else start_ms) + left


def covered(windows: tuple[int, ...]) -> int:
    """How much open time (ms) these windows are."""
    return sum(windows[1::2]) - sum(windows[::2])
