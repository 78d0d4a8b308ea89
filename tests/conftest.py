"""Fixtures that every test may use."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import House
from postgres import Server

# A shell that starts the tests in the background has Ctrl-C ignored, also in each program that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    for engine in made.engines:
        engine.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The one PostgreSQL of this session, started by the first test that asks for it."""
    server = Server()
    yield server
    server.destroy()


@pytest.fixture
def postgres_database(postgres_server: Server) -> Iterator[str]:
    """The name of a fresh, empty database."""
    postgres_server.ensure()
    name = postgres_server.create_database()
    yield name
    postgres_server.ensure()
    postgres_server.drop_database(name)
