"""A store on a file, a process beside it, and whether the record is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hitl_fsm.adapters.store.owner import new_owner
from hitl_fsm.adapters.store.sqlite.database import SqliteDatabase
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.adapters.store.url import parse
from hitl_fsm.audit.verify import Head, verify

HERE = Path(__file__).parent


def opened(path: Path) -> SqlStore:
    """The store of a file; what a power cut could undo does not matter here."""
    return SqlStore(SqliteDatabase(parse(f"sqlite:///{path}?synchronous=normal")))


async def whole(store: SqlStore) -> int:
    """How many records, but for those about keys; all of them chained."""
    lines = await store.records(limit=10_000)
    report = verify(lines, Head(*await store.head()))
    assert report.findings == ()
    return report.count - sum(b'"event":"key_' in line.body for line in lines)


def spawn(code: str, path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Python in a process of its own, with the builders of these tests at hand."""
    prelude = f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
    return subprocess.Popen(
        [sys.executable, "-c", prelude + code, str(path), *arguments],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def dead_owner() -> str:
    """A worker of this host whose process is gone for certain: its pid is somebody else's by now."""
    host, pid, start, tail = new_owner().rsplit(":", 3)
    return f"{host}:{pid}:{int(start) + 1}:{tail}"
