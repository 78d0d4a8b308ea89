"""Who advances a run, as text: `host:pid:start:random`; and whether that worker can still be alive.

`host` tells apart what a bare host name does not: two boots, and two containers that share a name and a disk. `start`
is the process's start time (clock ticks since boot), so that a reused pid is not mistaken for the dead worker.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_PARTS = 4
_STATE_FIELD = 0
_START_FIELD = 19
_DEAD_STATES = ("Z", "X")


def new_owner() -> str:
    """A new owner in this process; each one that works on its own needs its own."""
    pid = os.getpid()
    return f"{_host()}:{pid}:{_stat(pid)[1]}:{os.urandom(4).hex()}"


def may_be_alive(owner: str) -> bool:
    """False only when it is certain that the worker is gone: same host, and no such process any more.

    Anything else is True: then the lease's end decides.
    """
    parts = owner.rsplit(":", _PARTS - 1)
    if len(parts) != _PARTS or parts[0] not in {_host(), os.uname().nodename} or not parts[1].isdecimal():
        return True
    pid, start = int(parts[1]), parts[2]
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    state, started = _stat(pid)
    return state not in _DEAD_STATES and (not started or not start or started == start)


def describe(owner: str) -> str:
    """For an error's text."""
    parts = owner.rsplit(":", _PARTS - 1)
    return f"process {parts[1]} on {parts[0].split('/')[0]}" if len(parts) == _PARTS else owner


def _stat(pid: int) -> tuple[str, str]:
    """A process's state letter and start time; empty where the system does not tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything, blanks and brackets too
    return (fields[_STATE_FIELD], fields[_START_FIELD]) if len(fields) > _START_FIELD else ("", "")


@cache
def _host() -> str:
    """Host name, boot and process namespace: within one of these a pid means one process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        boot = namespace = ""
    return f"{os.uname().nodename.replace('/', '-')}/{boot}/{namespace}"
