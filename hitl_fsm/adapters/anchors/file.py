"""An append-only file of notes, on another disk or another machine. `chattr +a` keeps it so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hitl_fsm.adapters.anchors.agreeing import is_new, is_whole
from hitl_fsm.adapters.file_lock import locked_within
from hitl_fsm.audit.checkpoint import MAX_NOTE
from hitl_fsm.audit.claims import notes_in
from hitl_fsm.errors import AnchorError

FILE_BYTES = 1024**3
"""A larger file of notes is not read."""
LOCK_S = 15.0
"""How long a note waits for another process that adds one."""

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in its place is refused, not waited for
_MODE = 0o644  # notes are no secret


class FileAnchor:
    """See `ports_out.Anchor`. Notes stand one after the other, a blank line between."""

    def __init__(self, path: Path) -> None:
        self.url = f"file://{path}"
        self._path = path

    def keep(self, note: bytes) -> bool:
        """See `ports_out.Anchor`. It is on the disk when this returns; a half note of a crash is left behind it."""
        with self._opened(os.O_RDWR | os.O_CREAT | os.O_APPEND, "written") as file:
            if not locked_within(file, LOCK_S):
                msg = f"another process has been adding to {self.url} for more than {LOCK_S:g} s"
                raise AnchorError(msg, help="look for a stopped process that has it open")
            size = os.fstat(file).st_size
            if not is_new(note, self._newest(file, size), self.url):
                return False
            _write(file, _before(file, size) + note)
            os.fsync(file)
            _sync(self._path.parent)
        return True

    def newest(self) -> bytes | None:
        """See `ports_out.Anchor`."""
        if not os.path.lexists(self._path):
            return None
        with self._opened(os.O_RDONLY, "read") as file:
            return self._newest(file, os.fstat(file).st_size)

    def notes(self) -> Sequence[bytes]:
        """See `ports_out.Anchor`."""
        with self._opened(os.O_RDONLY, "read") as file:
            if os.fstat(file).st_size > FILE_BYTES:
                msg = f"{self.url} has more than {FILE_BYTES} bytes"
                raise AnchorError(msg, help="begin another file, and verify with each of them")
            with os.fdopen(os.dup(file), "rb") as stream:
                return notes_in(stream.read())

    @contextmanager
    def _opened(self, flags: int, what: str) -> Iterator[int]:
        """AnchorError for whatever is wrong with the file, when it is opened or later."""
        try:
            file = os.open(self._path, flags | _FLAGS, _MODE)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    msg = f"{self.url} is no regular file"
                    raise AnchorError(msg, help="name a file")
                yield file
            finally:
                os.close(file)
        except OSError as error:
            msg = f"{self.url} cannot be {what}: {error.strerror}"
            raise AnchorError(msg, help="look at the file, its folder and its disk") from error

    def _newest(self, file: int, size: int) -> bytes | None:
        found = notes_in(os.pread(file, MAX_NOTE, max(0, size - MAX_NOTE)))
        return next((one for one in reversed(found) if is_whole(one)), None)


def _before(file: int, size: int) -> bytes:
    """What keeps a note apart from what stands before it, be that a half one."""
    if not size:
        return b""
    return b"\n" if os.pread(file, 1, size - 1) == b"\n" else b"\n\n"


def _write(file: int, body: bytes) -> None:
    while body:
        body = body[os.write(file, body) :]


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
