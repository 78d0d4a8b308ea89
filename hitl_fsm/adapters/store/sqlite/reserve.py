"""Room on the disk that is kept for outcomes: a file beside the database, really allocated, given up a slice at a time.

Nothing begins unless it stands whole, so that what becomes of what has begun can still be written when the disk is
full (law 6). When there is room again it is made again. Where a file system cannot allocate, its free space is looked
at instead.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time

from hitl_fsm.errors import NoHeadroom

SUFFIX = ".reserve"
"""After the database's own name."""
SLICES = 8
"""Pieces in which it is given up: what one outcome does not need is left for the next."""
AGAIN_S = 1.0
"""Wait after a piece was given up, or could not be had, before it is tried to make it whole again."""

_MODE = 0o600
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_CANNOT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV}
_BLOCK = 512  # the unit of st_blocks
_PAGE = 4096
_PRIMARY = 0xFF
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class Reserve:
    """Used by one thread at a time, like the writing connection; any number of processes share the file."""

    def __init__(self, database: str, size: int) -> None:
        self._path = database + SUFFIX
        self._folder = os.path.dirname(os.path.abspath(database))  # noqa: PTH100, PTH120 - a text, as the lock's
        self._size = size
        self._file: int | None = None
        self._allocates = True
        self._not_before = 0.0
        self._why = ""

    def require(self) -> None:
        """NoHeadroom unless it stands, or can be made now."""
        if self._stands() or self._made():
            return
        message = f"no room is kept for outcomes: {self._path} cannot have its {self._size} bytes ({self._why})"
        raise NoHeadroom(message, help="free some space; nothing begins before, and what has begun is still written")

    def prepare(self) -> None:
        """Make it where there is room; whoever begins something finds out where there is none."""
        if not self._stands():
            self._made()

    def give(self, error: Exception) -> bool:
        """Give up a slice where the disk was full, for an outcome; False where that does not help, or none is left."""
        code = getattr(error, "sqlite_errorcode", None)
        file = self._open() if isinstance(code, int) and code & _PRIMARY in _FULL else None
        left = 0 if file is None else os.fstat(file).st_size
        if file is None or not left:
            return False
        piece = max(self._size // SLICES, _PAGE)
        os.ftruncate(file, max(0, left - piece))
        self._not_before = time.monotonic() + AGAIN_S
        self._why = "the disk is full"
        return True

    def close(self) -> None:
        """Let go of the file; the room stays kept."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _stands(self) -> bool:
        """One look at an open file: at each commit that begins something."""
        if not self._allocates:
            return self._is_free()
        if self._file is None:
            return False
        found = os.fstat(self._file)
        return found.st_size >= self._size and found.st_nlink > 0

    def _made(self) -> bool:
        now = time.monotonic()
        if now < self._not_before:
            return False
        self._not_before = now + AGAIN_S
        file = self._open()
        if file is None:
            return False
        before = os.fstat(file).st_size
        try:
            self._allocate(file)
        except OSError as error:
            if error.errno in _CANNOT:
                self._allocates = False
                return self._is_free()
            os.ftruncate(file, before)  # a part of what could not be had whole
            self._why = error.strerror or "the disk is full"
            return False
        self._not_before = 0.0
        if os.fstat(file).st_blocks * _BLOCK < self._size:  # the file system keeps zeros without room for them
            self._allocates = False
            return self._is_free()
        return True

    def _allocate(self, file: int) -> None:
        if not hasattr(os, "posix_fallocate"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        os.posix_fallocate(file, 0, self._size)

    def _open(self) -> int | None:
        """The file that stands there; None, with the reason kept, where it cannot be used."""
        if self._file is not None and os.fstat(self._file).st_nlink:
            return self._file
        self.close()
        try:
            file = os.open(self._path, _FLAGS, _MODE)
        except OSError as error:
            self._why = error.strerror or type(error).__name__
            return None
        if any(os.pread(file, _PAGE, 0)):
            os.close(file)
            self._why = "another file stands there"
            return None
        self._file = file
        return file

    def _is_free(self) -> bool:
        """Whether the file system has as much free."""
        found = os.statvfs(self._folder)
        self._why = "the disk is full"
        return found.f_bavail * found.f_frsize >= self._size


class NoReserve:
    """For a database in memory, and where none is wanted."""

    def require(self) -> None:
        """Nothing is kept."""

    def prepare(self) -> None:
        """Nothing to make."""

    def give(self, error: Exception) -> bool:
        """There is nothing to give."""
        del error
        return False

    def close(self) -> None:
        """Nothing to let go of."""
