"""A second copy in a file: the stored lines as they are, one after the other, on the disk before it says yes.

Only ever appended to, so that the file may be made append-only (`chattr +a`), rotated, or shipped while it grows.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from hitl_fsm.adapters.file_lock import locked_within
from hitl_fsm.errors import SinkError
from hitl_fsm.ports_out import Line

LINE_BYTES = 1024 * 1024
"""How far back the end of the file is read, to see which lines are there already."""
LOCK_S = 5.0
"""How long a write waits for another process that appends."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODE = 0o600
_OTHERS_WRITE = 0o022


class AppendOnly:
    """One file. `append` is called by one thread at a time; processes take turns by a lock on the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def append(self, lines: Sequence[Line]) -> None:
        """On the disk when it returns. A line that stands at the end already, with all before it, is not repeated."""
        file = self._ready()
        try:
            self._lock(file)
            try:
                new = _after(_tail(file), [line.body for line in lines])
                _write(file, new)
                os.fsync(file)
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)
            self._require_in_place(file)
        except BaseException:
            self.close()  # whatever is wrong with it, the next attempt begins afresh
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _ready(self) -> int:
        """The file that stands there now: after a rotation it is another one."""
        if self._file is not None and not self._is_in_place(self._file):
            self.close()
        if self._file is None:
            self._file = self._open()
        return self._file

    def _open(self) -> int:
        made = not self._path.exists()
        file = os.open(self._path, _FLAGS, _MODE)
        found = os.fstat(file)
        objection = None
        if not stat.S_ISREG(found.st_mode):
            objection = "is no regular file"
        elif found.st_mode & _OTHERS_WRITE:
            objection = "can be written by others"
        if objection is not None:
            os.close(file)
            msg = f"{self._path} {objection}"
            raise SinkError(msg, help="give it a regular file that only its owner can write")
        if made:
            _sync_folder(self._path.parent)
        return file

    def _is_in_place(self, file: int) -> bool:
        mine = os.fstat(file)
        try:
            there = os.lstat(self._path)
        except OSError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def _require_in_place(self, file: int) -> None:
        """After the lines are in it: whoever rotated it may have read it, and removed it, before they were."""
        if not self._is_in_place(file):
            msg = f"{self._path} was replaced while it was written to"
            raise SinkError(msg, help="the lines are offered again by themselves, to the file that is there now")

    def _lock(self, file: int) -> None:
        if not locked_within(file, LOCK_S):
            msg = f"another process has been appending to {self._path} for more than {LOCK_S:g} s"
            raise SinkError(msg, help="look for a stopped process that has it open")


def _tail(file: int) -> bytes:
    size = os.fstat(file).st_size
    return os.pread(file, min(size, LINE_BYTES), max(0, size - LINE_BYTES))


def _after(tail: bytes, bodies: Sequence[bytes]) -> bytes:
    """What is to be appended: the lines after the one at the end, where that one is among them.

    A piece of a line that a crash, or a full disk, left at the end is closed; the whole line follows.
    """
    torn = b"" if not tail or tail.endswith(b"\n") else b"\n"
    last = b"" if torn else tail[:-1].rpartition(b"\n")[2]
    known = bodies.index(last) + 1 if last and last in bodies else 0
    left = bodies[known:]
    return torn + b"".join(body + b"\n" for body in left) if left else b""


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk when its folder is."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
