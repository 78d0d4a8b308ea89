"""A few statements that Ctrl-C must not tear apart: it is told right after them."""

from __future__ import annotations

import threading
from _signal import getsignal, signal  # type: ignore[import-not-found,unused-ignore]
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT
from types import FrameType

# Not those of `signal`: they look each handler up among its own names, and for one that is asyncio's they write out the
# whole task before they find that it is none of them. That took more time than the statements that are protected here.


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Python raises KeyboardInterrupt between any two of its instructions, in the main thread: also between taking a
    lock and noting that it is taken. What is inside is therefore short, or waits with a bound.
    """
    before = getsignal(SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    arrived: list[tuple[int, FrameType | None]] = []
    signal(SIGINT, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        signal(SIGINT, before)
        if arrived:
            before(*arrived[0])
