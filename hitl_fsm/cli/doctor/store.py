"""What `doctor` looks at in the store. Whatever state it is in: a finding with a remedy, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.cli.doctor.keys import keys
from hitl_fsm.cli.when import now_ms
from hitl_fsm.errors import HitlError, StoreBusy, StoreError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.ports import Store, StoreHealth, StoreInfo

SKEW_MS = 5_000
"""How far the database's clock may be from this machine's; leases end by the one, questions expire by the other."""
OVERDUE_MS = 60_000
"""A timer that is due for longer than this was not fired because nobody sweeps."""
FREE_BYTES = 256 * 1024 * 1024
"""Less free space than this is a problem: on a full disk nothing is executed (law 6)."""
WAL_BYTES = 256 * 1024 * 1024
"""A write-ahead log larger than this is not emptied: somebody has been reading for very long."""
VACUUM_SHARE = 0.25
"""A VACUUM that gives back less of the database than this is not worth it,"""
VACUUM_BYTES = 16 * 1024 * 1024
"""nor is one that gives back less than this."""
LOCK_PROBE_S = 1.0
"""Whoever writes for longer than this is in the way of all others."""
SAFE_SQLITE = (3, 51, 3)
"""Before this version two connections that write at the same moment are reported to damage a WAL, rarely."""

LOCK = ".lock"
"""After the database's own name: the file by which processes take turns."""
MAGIC, HEADER_BYTES, WRITE_VERSION, WAL_VERSION = b"SQLite format 3\0", 100, 18, 2

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
STEP = 1024


def store(session: Session) -> Iterator[Check]:
    """Whether the store can be read and written, its schema is ours, and what in it needs somebody."""
    from hitl_fsm.adapters.store import open_store  # noqa: PLC0415 - with sqlite3
    from hitl_fsm.cli.store_file import shown, store_file  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    url = session.store_url
    try:
        own = _own_store(session)
        url = run_sync(own.info()).url if own else url
        path = store_file(url)
        if path is not None and not path.exists():
            yield _no_store_yet(url, path)
            return
        if path is not None and path.is_dir():
            yield Check("store", "problem", f"{url}: {path} is a directory", "name a file in it with --store")
            return
        if path is not None:
            yield from _file(path)
        opened = own or open_store(url)
        try:
            info = run_sync(opened.info())
            yield Check("store", "ok", f"{info.url}, synchronous {info.synchronous}")
            yield _schema(info, path)
            if info.schema == info.expected_schema:
                yield from _content(session, opened, info, path)
        finally:
            if own is None:
                run_sync(opened.close())
    except HitlError as error:
        yield Check("store", "problem", f"{error.code} {error.message}", error.help or "see the message")
    except OSError as error:
        yield Check(
            "store", "problem", f"{shown(url)}: {error.strerror}", "make the file and its directory readable for you"
        )


def _own_store(session: Session) -> Store | None:
    """That of the application; None without one that loads (`application` says why), so that the settings decide."""
    if not session.app_name:
        return None
    try:
        return session.load(session.app_name).engine.store
    except HitlError:
        return None


def _no_store_yet(url: str, path: Path) -> Check:
    if not path.parent.is_dir():
        return Check("store", "problem", f"{url}: there is no directory {path.parent}", f"mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK):
        return Check("store", "problem", f"{url}: {path.parent} is not writable", "make it writable, or use --store")
    return Check("store", "note", f"{url}: not there yet", "the first run makes it")


# -- the database itself


def _file(path: Path) -> Iterator[Check]:
    """Whether it can be written; SQLite makes files beside it for that."""
    closed = [place for place in (path, path.parent) if not os.access(place, os.W_OK)]
    if closed:
        told = f"{' and '.join(map(str, closed))} cannot be written by you: nothing can be started or answered"
        yield Check("writing", "problem", told, "make the file and its directory writable, or use another user")
    yield from (found for found in (_held(path), _journal(path)) if found is not None)
    import sqlite3  # noqa: PLC0415 - not for --help

    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        wanted = ".".join(map(str, SAFE_SQLITE))
        told = f"{version}: before {wanted}, two programs that write at once may, rarely, damage a database"
        remedy = f"hitl-fsm's own processes take turns; let other programs write under `flock {path}{LOCK}` only"
        yield Check("sqlite", "note", told, remedy)
    else:
        yield Check("sqlite", "ok", version)


def _journal(path: Path) -> Check | None:
    """What the file's header says of its journal (https://sqlite.org/fileformat2.html, offset 18).

    Read it before the store is opened: who closes a file gives up all locks that this process has on it.
    """
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC) or header[WRITE_VERSION] == WAL_VERSION:
        return None
    told = "the file is not in WAL mode: readers and writers are in each other's way"
    return Check("journal", "problem", told, f'flock {path}{LOCK} sqlite3 {path} "PRAGMA journal_mode = WAL"')


def _held(path: Path) -> Check | None:
    from hitl_fsm.adapters.store.sqlite.lock import FileLock  # noqa: PLC0415 - not for --help

    if not Path(f"{path}{LOCK}").exists():
        return None
    lock = FileLock(str(path), LOCK_PROBE_S)
    try:
        with lock:
            return None
    except StoreBusy as error:
        remedy = f"`fuser -v {path}{LOCK}` names the process; wake it (`kill -CONT`), or end it"
        return Check("lock", "problem", error.message, remedy)
    except StoreError as error:
        return Check("lock", "problem", error.message, error.help or "see the message")
    finally:
        lock.close()


def _schema(info: StoreInfo, path: Path | None) -> Check:
    from hitl_fsm.adapters.store.revisions import REVISIONS  # noqa: PLC0415 - not for --help

    if info.schema is None:
        if path is None or not path.stat().st_size:
            return Check("schema", "note", "none yet", "the first run makes it")
        return Check("schema", "problem", "the database is not one of hitl-fsm", "name another file with --store")
    if info.schema == info.expected_schema:
        return Check("schema", "ok", info.schema)
    told = f"{info.schema or 'empty'}; this program expects {info.expected_schema}"
    if info.schema and info.schema not in REVISIONS:
        remedy = "it is refused until then: pip install -U hitl-fsm, or name another store with --store"
        return Check("schema", "problem", f"{told}: a newer hitl-fsm made it", remedy)
    remedy = "stop older workers, make a backup, then `hitl-fsm db upgrade`; else the next use migrates it, whole"
    return Check("schema", "note", told, remedy)


# -- what is in it


def _content(session: Session, opened: Store, info: StoreInfo, path: Path | None) -> Iterator[Check]:
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - not for --help

    asked = now_ms()
    health = run_sync(opened.health(asked - OVERDUE_MS))
    here = (asked + now_ms()) // 2
    yield Check("content", "ok", f"{info.runs} runs, {info.open_requirements} open questions, {info.records} records")
    yield from keys(session, opened)
    yield from _runs(session, health)
    yield _clock(health.clock - here)
    yield from _space(info, health, path)


def _runs(session: Session, health: StoreHealth) -> Iterator[Check]:
    with_app = "" if session.app_name else " --app module:engine"
    go_on = f"hitl-fsm{with_app} runs continue --all-ready"
    if health.stuck:
        told = f"{_count(health.stuck, 'run')}: the worker is gone"
        yield Check("stuck", "problem", told, f"`hitl-fsm runs list --stuck` tells more; `{go_on}`")
    else:
        yield Check("stuck", "ok", "no run")
    if health.ready:
        told = f"{_count(health.ready, 'run')} could go on, and nobody took them up"
        yield Check("ready", "note", told, f"once: `{go_on}`; all the time: `hitl-fsm{with_app} worker`")
    if health.unknown_outcomes:
        told = f"{_count(health.unknown_outcomes, 'call')}: nobody knows whether it happened, and a person must say"
        remedy = "`hitl-fsm inbox` lists them (kind outcome); find out, then `hitl-fsm show REQ` has the answers"
        yield Check("unknown outcomes", "problem", told, remedy)
    if health.open_overrides:
        told = f"{_count(health.open_overrides, 'gate')} passed by one person alone, and not looked at since"
        remedy = "`hitl-fsm overrides list`; somebody else than who did it says `hitl-fsm overrides review REQ`"
        yield Check("overrides", "note", told, remedy)
    yield from _dispatches(health)
    if health.late_notices:
        told = f"{_count(health.late_notices, 'notice')} could not be told so far: whoever is meant may not know yet"
        remedy = (
            "`hitl-fsm notices list --state waiting` names the channel; the worker's log (notice_not_sent) says why"
        )
        yield Check("late notices", "problem", told, remedy)
    if health.dead_notices:
        told = f"{_count(health.dead_notices, 'notice')} could not be told, and nobody tries any more"
        remedy = "`hitl-fsm notices list` names them; mend the channel, then `hitl-fsm notices retry NOTICE`"
        yield Check("dead notices", "problem", told, remedy)
    if health.cut_off:
        told = f"{_count(health.cut_off, 'call')} had begun when the run was cancelled; nobody reported the end"
        remedy = "`hitl-fsm runs list --state cancelled`, and `hitl-fsm runs show RUN` names the call"
        yield Check("cut off", "note", told, remedy)
    if health.overdue:
        told = f"{_count(health.overdue, 'timer')} overdue for more than {OVERDUE_MS // 1000} s: nobody sweeps"
        yield Check("timers", "problem", told, f"keep a worker running: `hitl-fsm{with_app} worker`")
    else:
        yield Check("timers", "ok", "none is overdue")


def _dispatches(health: StoreHealth) -> Iterator[Check]:
    """External calls that were handed to a route, and of which nobody will hear by itself."""
    remedy = (
        "`hitl-fsm inbox` lists them (kind external), `hitl-fsm show REQ` tells how it went; find out, then `result`"
    )
    if health.unknown_dispatches:
        told = f"{_count(health.unknown_dispatches, 'external call')}: nobody knows whether its route carried it out"
        yield Check("unknown dispatches", "problem", told, remedy)
    if health.dead_dispatches:
        told = f"{_count(health.dead_dispatches, 'external call')}: its route did not take it, and it is not sent again"
        yield Check("dead dispatches", "problem", told, f"{remedy}, or send it again from the application")


def _clock(skew: int) -> Check:
    if abs(skew) <= SKEW_MS:
        return Check("clock", "ok", f"the database's is within {SKEW_MS // 1000} s of this machine's")
    told = f"the database's is {abs(skew) / 1000:.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    return Check("clock", "problem", told, "set both by NTP (`timedatectl set-ntp true`): expiries depend on them")


def _space(info: StoreInfo, health: StoreHealth, path: Path | None) -> Iterator[Check]:
    log = Path(f"{path}-wal") if path is not None else None
    log_bytes = log.stat().st_size if log is not None and log.exists() else 0
    beside = f", and {size(log_bytes)} of write-ahead log" if log_bytes else ""
    yield Check("size", "ok", f"{size(info.bytes)}{beside}; the record has {info.records} lines")
    if log_bytes > WAL_BYTES:
        remedy = f"somebody reads for very long, or died within: `fuser -v {path}` names who has it open"
        yield Check("write-ahead log", "problem", f"{size(log_bytes)} are not moved into the database", remedy)
    worth_it = health.reclaimable >= max(VACUUM_BYTES, VACUUM_SHARE * info.bytes)
    if worth_it:
        told = f"{size(health.reclaimable)} of {size(info.bytes)} are unused"
        yield Check("unused space", "note", told, vacuum_command(info, path))
    if health.free_bytes is None:
        yield Check("disk", "ok", "its free space is known to the database's own host")
    elif health.free_bytes < FREE_BYTES:
        told = f"{size(health.free_bytes)} free, less than {size(FREE_BYTES)}: on a full disk nothing is executed"
        yield Check("disk", "problem", told, "free some space there; `hitl-fsm runs prune` and a VACUUM may help")
    else:
        yield Check("disk", "ok", f"{size(health.free_bytes)} free")


def vacuum_command(info: StoreInfo, path: Path | None) -> str:
    """What gives unused space back; it needs the database's size once more while it works."""
    if path is None:
        return f"psql '{info.url}' -c 'VACUUM (FULL, ANALYZE)', which locks everybody out while it works"
    return f"flock {path}{LOCK} sqlite3 {path} VACUUM (with {size(info.bytes)} free; workers wait while it works)"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """Bytes for a person."""
    value, unit = float(number), 0
    while value >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{number} bytes" if unit == 0 else f"{value:.1f} {UNITS[unit]}"
