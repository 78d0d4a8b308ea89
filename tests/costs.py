"""What a piece of work costs, so that a slow or busy machine says the same: no other test asserts how long it takes.

assert calls(lambda: lint(twice)) < 3 * calls(lambda: lint(once))     # Python code: how it grows
found = soon(lambda: pattern.findall(text), limit_s=1)                # C code: it does not blow up
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

TRIES = 4
HOPELESS = 10


def calls(work: Callable[[], object]) -> int:
    """How many calls of Python and C functions it makes on this thread, itself among them.

    The same on every machine. Steps of a loop that calls nothing, and those within C, are not seen: `soon` sees them.
    """
    count = -1  # what ends the counting is a call too

    def counted(_frame: FrameType, event: str, _of: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    before = sys.getprofile()
    with _uncollected():
        sys.setprofile(counted)
        try:
            work()
        finally:
            sys.setprofile(before)
    return count


def soon(work: Callable[[], T], limit_s: float) -> T:
    """What it gives, in so little CPU of this thread; the best of some tries counts, as others use the machine too.

    A limit is twenty times what it takes on an idle machine, or more. Other threads are not seen: have it work here.
    """
    took = []
    for _ in range(TRIES):
        with _uncollected():
            began = time.thread_time()
            given = work()
            took.append(time.thread_time() - began)
        if took[-1] < limit_s:
            return given
        if took[-1] > HOPELESS * limit_s:
            break
    raise AssertionError(
        f"it took {min(took):.3g} s of CPU at best in {len(took)} tries, and {limit_s:g} s is the limit"
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """What thousands of tests left behind is not walked meanwhile, and nothing that they left ends meanwhile."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
