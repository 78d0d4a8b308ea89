"""Files that are looked at again and again, to see that one changed.

By asking, not by being told: that works on every file system, in a container and over a network too, and sees a file
that an editor replaced as it sees one that was written to.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from hitl_fsm.errors import LimitExceeded

POLL_S = 0.25
"""Between two looks. A look that takes longer is followed by a pause as long as itself."""
SETTLE_LOOKS = 8
"""Looks that a change may take to come to rest before it is told: an editor may write in several steps."""
SETTLE_S = 0.05
WATCHED_FILES = 10_000
"""Files that are watched at once."""
SUFFIXES = (".yaml", ".yml", ".json")

Stamp = tuple[int, int, int]
Snapshot = Mapping[str, Stamp]


def snapshot(paths: Sequence[str], beside: Iterable[str] = ()) -> Snapshot:
    """Every file that matters below the paths, and those beside, with what tells that it changed.

    What is not there, or cannot be looked at, is left out, so that its return is a change, too.
    """
    found: dict[str, Stamp] = {}
    for path in (*paths, *beside):
        _add(path, found)
        for folder, folders, names in os.walk(path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.endswith(SUFFIXES):
                    _add(os.path.join(folder, name), found)  # noqa: PTH118 - called for every file, four times a second
    return found


def _add(path: str, found: dict[str, Stamp]) -> None:
    try:
        status = os.stat(path)  # noqa: PTH116 - as above
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(status.st_mode):
        return
    if len(found) >= WATCHED_FILES:
        msg = f"there are more than {WATCHED_FILES} files to watch"
        raise LimitExceeded(msg, help="name the policies' folder, not one far above it")
    found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)


def differing(before: Snapshot, after: Snapshot) -> list[str]:
    """The names of what came, went or changed, sorted."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def wait_for_change(before: Snapshot, look: Callable[[], Snapshot]) -> Snapshot:
    """The first snapshot that differs from `before` and has come to rest."""
    pause = POLL_S
    while True:
        time.sleep(pause)
        begun = time.monotonic()
        after = look()
        pause = max(POLL_S, time.monotonic() - begun)
        if after == before:
            continue
        for _ in range(SETTLE_LOOKS):
            time.sleep(SETTLE_S)
            later = look()
            if later == after:
                break
            after = later
        if after != before:
            return after
