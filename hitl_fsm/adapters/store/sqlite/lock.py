"""One writer among processes: a lock file beside the database, held around each writing transaction.

SQLite has locks of its own; this one is before them because its waiting is bounded and fair to nobody's timeout, and
because SQLite before 3.51.3 is reported to damage a WAL, rarely, when two connections write at the same moment.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from weakref import WeakSet

from hitl_fsm.errors import StoreBusy, StoreError

LOCK_WAIT_S = 10.0
"""How long a write waits for other processes before it is refused."""

SUFFIX = ".lock"
"""After the database's own name."""

_FIRST_PAUSE_S = 0.0002
_LONGEST_PAUSE_S = 0.003
_MODE = 0o600


class NoLock:
    """For a database that no other process can see."""

    def __enter__(self) -> None:
        """Nothing to wait for."""

    def __exit__(self, *_: object) -> None:
        """Nothing to free."""

    def at_once(self) -> NoLock:
        """There is never anybody to wait for."""
        return self

    def close(self) -> None:
        """Nothing to give back."""


class FileLock:
    """`with lock:` holds it, one thread at a time, not twice. The kernel frees it when the process dies."""

    def __init__(self, database: str, wait_s: float = LOCK_WAIT_S) -> None:
        self.path = database + SUFFIX
        self._database = Path(database)
        self._wait_s = wait_s
        self._file: int | None = None
        _locks.add(self)

    def __enter__(self) -> None:
        self._take(self._wait_s)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """As `with lock:`, but StoreBusy if another process has it now."""
        self._take(0)
        try:
            yield
        finally:
            self._free()

    def _take(self, wait_s: float) -> None:
        file = self._open()
        deadline = time.monotonic() + wait_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    message = f"another process has been writing for more than {wait_s:g} s ({self.path})"
                    raise StoreBusy(message, help="try again; if it lasts, look for a stopped process") from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            except OSError as error:
                message = f"cannot lock {self.path}: {error.strerror}"
                raise StoreError(message, help="use a file system that has locks (flock)") from error
            else:
                if self._is_in_place(file):
                    return
                self.close()  # another file stands there now, and others lock that one
                file = self._open()

    def _is_in_place(self, file: int) -> bool:
        mine = os.fstat(file)
        try:
            there = os.stat(self.path)  # noqa: PTH116 - at each write, and half as dear as a Path
        except OSError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._free()

    def _free(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _open(self) -> int:
        if self._file is None:
            self._check_place()
            try:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
            except OSError as error:
                message = f"cannot write beside the database: {error.strerror} ({self.path})"
                raise StoreError(message, help="the database's directory must exist and be writable") from error
        return self._file

    def _check_place(self) -> None:
        """Before any file is made: the database must be able to stand where it should."""
        if self._database.is_dir():
            message = f"{self._database} is a directory, not a database"
            raise StoreError(message, help="name a file in it")
        if not self._database.parent.is_dir():
            message = f"there is no directory {self._database.parent}"
            raise StoreError(message, help=f"make it: mkdir -p {self._database.parent}")

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


_locks: WeakSet[FileLock] = WeakSet()


def _leave_to_the_parent() -> None:
    """In a forked child: a lock belongs to the open file that both share, so that the child would go on holding it
    after the parent died. Closing it here does not free it there.
    """
    for lock in _locks:
        lock.close()


os.register_at_fork(after_in_child=_leave_to_the_parent)
