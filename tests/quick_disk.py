"""Where files of tests cost least."""

from __future__ import annotations

import os
from pathlib import Path

_MEMORY = Path("/dev/shm")
_MEMORY_FREE = 4 * 1024**3


def quick_disk() -> Path | None:
    """The system's disk in memory, if it has much room and lets programs in it be started; None is any other place.

    A PostgreSQL schema is a hundred files, a SQLite store five, and each of thousands of tests makes one. Nothing that
    the tests break off (a process, a server, a write) is lost from memory either.
    """
    try:
        found = os.statvfs(_MEMORY)
    except OSError:
        return None
    roomy = found.f_bavail * found.f_frsize >= _MEMORY_FREE and os.access(_MEMORY, os.W_OK)
    return _MEMORY if roomy and not found.f_flag & os.ST_NOEXEC else None  # binaries may have to be copied there
