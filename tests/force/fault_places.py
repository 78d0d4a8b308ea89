"""Places that take no writes: a file system that is read-only, and files that their user may not write."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from fault_disks import may_mount, mounted

from hitl_fsm.adapters.keys import SUFFIX

_OTHER = "nobody"


class Place(Protocol):
    """A folder that can be shut."""

    @property
    def folder(self) -> Path: ...

    def shut(self) -> None:
        """Nothing in it can be written from now on; nobody has a file of it open for writing."""
        ...

    def open(self) -> None: ...


class FileSystem:
    """Remounted, as a kernel does by itself with a file system that it finds damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def shut(self) -> None:
        self._remount("ro")

    def open(self) -> None:
        self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.folder], check=True, capture_output=True)


class Permissions:
    """Taken away from the folder and what is in it; root, who needs none, is somebody else meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def shut(self) -> None:
        read_only(self.folder)
        self.folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(pwd.getpwnam(_OTHER).pw_uid)

    def open(self) -> None:
        if os.getuid() == 0:
            os.seteuid(0)
        self.folder.chmod(0o755)
        for path in self.folder.iterdir():
            path.chmod(0o600 if path.suffix == SUFFIX else 0o644)


def read_only(folder: Path) -> None:
    """What is in it: for everybody, and the keys for their owner alone, as ever."""
    for path in folder.iterdir():
        path.chmod(0o400 if path.suffix == SUFFIX else 0o444)


KINDS = ("a file system", "permissions") if may_mount() else ("permissions",)


@contextmanager
def place_of(kind: str) -> Iterator[Place]:
    """An open one. Its folder can be entered by everybody, which those of pytest cannot."""
    if kind == "a file system":
        with mounted() as folder:
            yield FileSystem(folder)
        return
    place = Permissions(Path(tempfile.mkdtemp(prefix="hitl-place-")))
    place.open()
    try:
        yield place
    finally:
        place.open()
        shutil.rmtree(place.folder)
