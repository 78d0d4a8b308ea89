"""Stores under test. Another backend joins the contract by one more kind here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kinds import FileKind, Kind, MemoryKind, PostgresKind

from hitl_fsm.adapters.store.store import SqlStore
from postgres import Server


def _kind(name: str, request: pytest.FixtureRequest, folder: Path) -> Kind:
    match name:
        case "file":
            return FileKind(folder / "hitl.db")
        case "memory":
            return MemoryKind()
        case _:
            return PostgresKind(request.getfixturevalue("postgres_server"))


@pytest.fixture(params=["file", "memory", "postgres"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    """A fresh database of each kind."""
    return _kind(request.param, request, tmp_path)


@pytest.fixture(params=["file", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    """A fresh database of each kind that several stores can open."""
    return _kind(request.param, request, tmp_path)


@pytest.fixture
async def store(kind: Kind) -> AsyncIterator[SqlStore]:
    """A store on a fresh database of each kind."""
    opened = kind.open()
    yield opened
    await opened.close()


@pytest.fixture
def url(postgres_server: Server, postgres_database: str) -> str:
    """The store's URL of a fresh PostgreSQL database."""
    return postgres_server.url(postgres_database)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "hitl.db"
