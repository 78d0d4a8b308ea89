"""The kinds of store that there are, each with a way to do what somebody at its database could do."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.ports import Store
from moments import HUNG_S
from postgres import Server, sql_at


class Kind(Protocol):
    """One database."""

    @property
    def url(self) -> str: ...

    def open(self) -> SqlStore:
        """A store on it, as an Engine of another process would have one."""
        ...

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run SQL beside the store; `?` is a parameter."""
        ...


def store_of(url: str) -> SqlStore:
    opened = open_store(url)
    assert isinstance(opened, SqlStore)
    return opened


def spawn(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Python in a process of its own, with the builders of these tests at hand."""
    here = Path(__file__).parent
    prelude = f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parent.parent)!r}]\n"
    command = [sys.executable, "-c", prelude + code, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def all_at_once(racers: list[subprocess.Popen[str]]) -> list[str]:
    """Let them go when each has said that it is ready; what each says then."""
    for racer in racers:
        assert racer.stdout is not None
        assert await asyncio.to_thread(racer.stdout.readline) == "ready\n"
    ends = await asyncio.gather(*(asyncio.to_thread(racer.communicate, "go\n") for racer in racers))
    assert all(racer.returncode == 0 for racer in racers), ends
    return [out.strip() for out, _ in ends]


async def until(true: Callable[[], bool]) -> None:
    """Wait for it; a blocking question is asked in a thread."""
    deadline = asyncio.get_running_loop().time() + HUNG_S
    while not await asyncio.to_thread(true):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def whole(store: Store) -> int:
    """How many records, but for those about keys; all of them chained."""
    lines = await store.records(limit=10_000)
    report = verify(lines, Head(*await store.head()))
    assert report.findings == ()
    return report.count - sum(b'"event":"key_' in line.body for line in lines)


class FileKind:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.url = f"sqlite:///{path}"

    def open(self) -> SqlStore:
        return store_of(self.url)

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement, values).fetchall()


class MemoryKind:
    """Its one store is all that there is of it."""

    def __init__(self) -> None:
        self.url = "sqlite:///:memory:"
        self._store = store_of(self.url)

    def open(self) -> SqlStore:
        return self._store

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return await self._store._write(lambda connection: connection.execute(statement, values).fetchall())


class PostgresKind:
    def __init__(self, server: Server) -> None:
        self.url = server.schema_url()

    def open(self) -> SqlStore:
        return store_of(self.url)

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(sql_at, self.url, statement.replace("?", "%s"), values)
