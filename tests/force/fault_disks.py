"""Disks that can be full: a small one of memory where this user may mount one, and a limit on the size of files."""

from __future__ import annotations

import errno
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

BYTES = 16 * 1024 * 1024
FEW_BYTES = 8 * 1024
"""A file may be so large when the limit is on: more than any witness is, less than any database."""
_CHUNKS = (256 * 1024, 4096, 1)


class Disk(Protocol):
    """Somewhere to keep a database."""

    @property
    def folder(self) -> Path: ...

    def fill(self) -> None:
        """From now on nothing more can be written to it."""
        ...

    def free(self) -> None:
        """There is room again."""
        ...


class SmallDisk:
    """A file system of its own, with a ballast that takes all the room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in _CHUNKS:
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


class LimitedFiles:
    """No file of this process may grow; what a quota does, and open to every user. Half a write may be done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, self._before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@contextmanager
def mounted(options: str = f"size={BYTES}") -> Iterator[Path]:
    """A file system in memory, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hitl-disk-") as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True, capture_output=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True, capture_output=True)


def may_mount() -> bool:
    """Whether this user may make file systems: root may, outside of most containers."""
    with suppress(OSError, subprocess.CalledProcessError), mounted():
        return True
    return False


KINDS = ("a small disk", "a limit on files") if may_mount() else ("a limit on files",)


@contextmanager
def disk_of(kind: str, folder: Path) -> Iterator[Disk]:
    """A disk of that kind, with room."""
    if kind == "a small disk":
        with mounted() as place:
            yield SmallDisk(place)
        return
    disk = LimitedFiles(folder)
    try:
        yield disk
    finally:
        disk.free()
