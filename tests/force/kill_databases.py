"""Empty databases for the cases of the kill tests."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Protocol

from postgres import Server


class Database(Protocol):
    """A kind of store that cases run on."""

    name: str

    def fresh(self, folder: Path) -> str:
        """The URL of an empty database, for one case."""
        ...


class Sqlite:
    """A file that is flushed at every commit, as it is unless told otherwise."""

    name = "sqlite"

    def fresh(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'hitl.db'}"


class Postgres:
    """One database of a server, each case in a schema of its own."""

    name = "postgres"

    def __init__(self, server: Server) -> None:
        self._server = server
        self._name = server.create_database()
        self._numbers = itertools.count(1)

    def fresh(self, folder: Path) -> str:
        return self._server.url(self._name, schema=f"case_{next(self._numbers)}")

    def disconnect(self) -> None:
        """End every connection, as the server does to one that stands still inside a transaction for too long."""
        self._server.disconnect_all(self._name)

    def drop(self) -> None:
        self._server.drop_database(self._name)
