"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import record_guard
from hitl_fsm.cli.session import STORE_VARIABLE
from house import House
from moments import begin_before_time
from postgres import Server
from quick_disk import quick_disk

# Thousands of databases, each of which would keep 16 MiB for outcomes.
os.environ.setdefault("HITL_FSM_RECORD_HEADROOM", "256 KiB")

# Else each worker rewrites, and each program that a test starts compiles, all of it anew: 20 CPU seconds a worker.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Every commit of a store waits for its disk: that of a machine with more to do takes ten times as long.
if found := quick_disk():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(found))

# A shell that starts the tests in the background has Ctrl-C ignored, also in each program that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

record_guard.guard()

# How long an example takes says how busy the machine is. Where time is what is tested, the test measures it.
EVERYWHERE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples at each run, so that a change is what makes a test fail; who searches for more of them takes the
# other one: pytest --hypothesis-profile=search
settings.register_profile("fixed", EVERYWHERE, derandomize=True)
settings.register_profile("search", EVERYWHERE, print_blob=True)
settings.load_profile("fixed")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Files that are named run here, at once; a folder, or all of them, in a process a core."""
    places = [Path(argument.partition("::")[0]) for argument in config.args]
    return None if any(place.is_dir() for place in places) else 0


@pytest.fixture(autouse=True)
def _every_line_fits_its_model(request: pytest.FixtureRequest) -> Iterator[None]:
    """An event that the registry does not know, or a member that its model does not have, fails the test.

    Not those of the store alone, to which any record is one, nor who says so.
    """
    record_guard.problems.clear()
    yield
    found = sorted(set(record_guard.problems))
    if request.path.parent.name != "store" and request.node.get_closest_marker("any_line") is None:
        assert not found, "\n".join(found)


@pytest.fixture(autouse=True)
def _no_store_is_left_named() -> Iterator[None]:
    """A command that runs in this process tells its application the store by the environment."""
    before = os.environ.get(STORE_VARIABLE)
    yield
    os.environ.pop(STORE_VARIABLE, None)
    if before is not None:
        os.environ[STORE_VARIABLE] = before


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    for engine in made.engines:
        engine.close()


@pytest.fixture
def begun_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has a short time has begun before it is over."""
    begin_before_time(monkeypatch)


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
