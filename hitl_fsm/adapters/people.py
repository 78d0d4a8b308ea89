"""Roles files as the directory of an engine, read again when they change. What does not load never grants anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hitl_fsm.errors import PolicyError
from hitl_fsm.policy.people import Directory
from hitl_fsm.ports import Log

SETTLE_S = 0.25
"""Files that were written less than this ago may still be: they are taken when they have not changed for so long."""
PAUSE_PER_LOOK = 50
"""The wait between two looks is at least so many times as long as a look takes: it costs 2 % of a core at most."""

Files = dict[str, bytes]


class _Seen(NamedTuple):
    """Bytes that are not in force yet, and when they were seen first (s, of the clock that never goes back)."""

    files: Files
    since: float


def people_source(given: str | Path | Directory, every_s: float | None, log: Log) -> PeopleGiven | PeopleFiles:
    """The directory of a roles file, or of the roles files below a folder; or one that stays as it is."""
    if isinstance(given, Directory):
        return PeopleGiven(given)
    return PeopleFiles([str(given)], every_s, log)


class PeopleGiven(NamedTuple):
    """A directory that stays as it is."""

    directory: Directory
    refused: PolicyError | None = None

    def __call__(self) -> Directory:
        """The directory."""
        return self.directory


class PeopleFiles:
    """Call it for the directory of the moment. The files are looked at every `every_s` seconds at most.

    None: only once. What changed is taken over whole, once it is no longer being written; what does not load, or is
    gone, changes nothing, and the log is told. PolicyError where it does not load in the first place.
    """

    def __init__(self, paths: Sequence[str], every_s: float | None, log: Log) -> None:
        self._paths = tuple(paths)
        self._every_s = every_s
        self._log = log
        self._turn = threading.Lock()
        self._files = _files_of(self._paths)
        self._directory = read_people(self._files)
        self._seen: _Seen | None = None
        self.refused: PolicyError | None = None
        self._next = time.monotonic() + (every_s or 0.0)

    def __call__(self) -> Directory:
        """The directory; whoever comes while another one reads gets the one in force."""
        if self._every_s is not None and time.monotonic() >= self._next and self._turn.acquire(blocking=False):
            try:
                self._look(self._every_s)
            finally:
                self._turn.release()
        return self._directory

    def _look(self, every_s: float) -> None:
        began = time.monotonic()
        try:
            files = _files_of(self._paths)
            if files != self._files and not self._is_settled(files, began):
                self._next = time.monotonic() + min(every_s, SETTLE_S)
                return
            if files != self._files:
                self._directory = read_people(files)
                self._files = files
                self._log("people_read", files=sorted(files))
            self.refused = None
        except PolicyError as error:
            self._refuse(error)
        self._seen = None
        took = time.monotonic() - began
        self._next = time.monotonic() + max(every_s, PAUSE_PER_LOOK * took)

    def _is_settled(self, files: Files, now: float) -> bool:
        """Half of a file may be a file, too: one in which a role has no end, or an identity is missing."""
        if self._seen is None or self._seen.files != files:
            self._seen = _Seen(files, now)
        return now - self._seen.since >= SETTLE_S or _age_s(files) >= SETTLE_S

    def _refuse(self, error: PolicyError) -> None:
        """Told once for what is found: not once a look."""
        known = self.refused
        if known is None or (known.message, known.diagnostics) != (error.message, error.diagnostics):
            self.refused = error
            self._log("people_refused", level="error", findings=len(error.diagnostics), first=error.message)


def read_people(files: Files) -> Directory:
    """What these files say; PolicyError with every finding if any of them is wrong."""
    from hitl_fsm.policy.surrounding_files import read_surroundings  # noqa: PLC0415 - its models take long to make

    around, findings = read_surroundings({}, files)
    if findings or around.people is None:
        first = findings[0] if findings else None
        message = f"the roles cannot be used: {first.place}: {first.message}" if first else "there are no roles"
        raise PolicyError(message, findings, help=first.help if first else None)
    return around.people


def _files_of(paths: Sequence[str]) -> Files:
    from hitl_fsm.adapters.policy_files import ROLES, read_policies  # noqa: PLC0415 - with YAML: not for who only answers

    files, _ = read_policies(paths, ROLES)
    if not files:
        message = f"there is no roles file at {', '.join(paths)}"
        raise PolicyError(message, help="roles files are named `*.roles.yaml`")
    return files


def _age_s(files: Files) -> float:
    """Seconds since the last of them was written, as far as the file system tells; 0 where one is gone meanwhile."""
    try:
        return time.time() - max(Path(name).stat().st_mtime for name in files)
    except OSError:
        return 0.0
