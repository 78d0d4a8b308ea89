"""The kinds of store that there are, each with a way to do what somebody at its database could do."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from postgres import Server

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore


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
        self._server = server
        self.url = server.schema_url()

    def open(self) -> SqlStore:
        return store_of(self.url)

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return await asyncio.to_thread(self._server.sql_at, self.url, statement.replace("?", "%s"), values)
