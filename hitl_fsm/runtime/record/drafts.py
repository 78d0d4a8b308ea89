"""A folder in which something is made, beside where it goes, so that it is there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path


@contextmanager
def draft_for(path: Path) -> Iterator[Path]:
    """For this user alone; removed at the end, unless it was moved. OSError where it cannot be made.

    One that a killed process left, which may have people's data in it, is removed by who makes the same again.
    """
    prefix = f".{path.name}.hitl-"
    for left in path.parent.glob(f"{escape(prefix)}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    try:
        with _locked(work):
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """OSError while another process has it, which ends with that process, however it ends."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)
