"""One writer among processes: a lock file beside the database, held around each writing transaction.

SQLite has locks of its own; this one is before them because its waiting is bounded and fair to nobody's timeout, and
because SQLite before 3.51.3 is reported to damage a WAL, rarely, when two connections write at the same moment.
"""

from __future__ import annotations

import fcntl
import os
import time
from types import TracebackType

from hitl_fsm.errors import StoreBusy, StoreError

LOCK_WAIT_S = 10.0
"""How long a write waits for other processes before it is refused."""

_FIRST_PAUSE_S = 0.0002
_LONGEST_PAUSE_S = 0.02
_MODE = 0o600


class FileLock:
    """`with lock:` holds it. Not re-entrant; one holder a FileLock at a time. Freed by the kernel when a process dies."""

    def __init__(self, path: str, wait_s: float = LOCK_WAIT_S) -> None:
        self.path = path
        self._wait_s = wait_s
        self._file: int | None = None

    def __enter__(self) -> None:
        file = self._open()
        deadline = time.monotonic() + self._wait_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    message = f"another process has been writing for more than {self._wait_s:g} s ({self.path})"
                    raise StoreBusy(message, help="try again; if it lasts, look for a stopped process") from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            except OSError as error:
                message = f"cannot lock {self.path}: {error.strerror}"
                raise StoreError(message, help="use a file system that has locks (flock)") from error
            else:
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _open(self) -> int:
        if self._file is None:
            try:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
            except OSError as error:
                message = f"cannot write beside the database: {error.strerror} ({self.path})"
                raise StoreError(message, help="the database's directory must exist and be writable") from error
        return self._file

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
