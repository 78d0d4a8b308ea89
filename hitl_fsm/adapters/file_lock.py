"""The lock of an open file, waited for no longer than so long: a stopped process may have it."""

from __future__ import annotations

import fcntl
import time

_PAUSE_S = 0.005


def locked_within(file: int, seconds: float) -> bool:
    """Whether this process has it now; closing the file gives it back."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        else:
            return True
