"""Forks the commands of the tests (`forked.py`): one thread, everything imported, nothing run.

A child ends as an interpreter ends: threads are waited for, `atexit` runs, streams are flushed. Only the
modules are not taken apart, which takes 70 ms where everything is imported. The server ends when its stdin does, which
is when the tests' process is gone.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import pkgutil
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO

ROOT = str(Path(__file__).resolve().parent.parent)
# Imported by functions of the program, when they are called.
LATER = (
    *("alembic.command", "alembic.runtime.migration", "alembic.script", "cel_expr_python", "jsonschema", "psycopg"),
    *("pydantic", "re2", "rich.console", "rich.table", "sqlalchemy.dialects.sqlite", "sqlalchemy.dialects.postgresql"),
    *("structlog", "yaml", "xml.etree.ElementTree", "asyncio", "getpass", "difflib", "traceback", "queue"),
    "google.protobuf.descriptor_pool",
)
NOT_HERE = ("litellm", "migrations.env")  # starts threads and takes seconds; is Alembic's to run
# Read when Python starts, or when a module is imported: another value needs another start.
AT_START = ("PYTHON", "LC_", "LD_", "MALLOC_", "TYPER_", "_TYPER_", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")
AT_START_NAMES = {"LANG", "LANGUAGE", "TZ", "TERMINAL_WIDTH"}
FLUSH_FAILED = 120  # what Python ends with when stdout cannot take the rest


@dataclass(frozen=True)
class Request:
    """One command, and the three streams that were sent with it."""

    umask: int
    cwd: bytes
    first: str
    environ: dict[bytes, bytes]
    arguments: list[str]
    streams: list[int]


def serve(place: str) -> None:
    """Fork a child for each connection to the socket `place`, until stdin ends."""
    preload()
    base = sys.path[2:]  # without the current folder and this one
    at_start = read_at_start(os.environb)
    paths = {b"": [], os.environb.get(b"PYTHONPATH", b""): [], os.fsencode(ROOT): [ROOT]}
    if b"PYTHONPATH" in os.environb:
        del paths[b""]
    if not same_package():
        del paths[os.fsencode(ROOT)]
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen(64)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    gc.collect()
    gc.freeze()
    found = Server(listening, at_start, paths).until_a_child()
    if found is None:
        Path(place).unlink()
        Path(place).parent.rmdir()
        return
    become(found, [*paths[found.environ.get(b"PYTHONPATH", b"")], *base])
    from hitl_fsm.cli.main import main

    end(main)


def preload() -> None:
    """Import the whole program and what its functions import."""
    import hitl_fsm

    for module in pkgutil.walk_packages(hitl_fsm.__path__, "hitl_fsm."):
        if not any(part in module.name for part in NOT_HERE):
            with suppress(Exception):  # the command that needs it imports it itself, and tells
                __import__(module.name)
    for name in LATER:
        __import__(name)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, "an import started a thread: what it holds would be held for ever in each child"


def same_package() -> bool:
    import hitl_fsm

    return str(Path(hitl_fsm.__file__).resolve().parent.parent) == ROOT


def read_at_start(environ: Mapping[bytes, bytes]) -> dict[str, bytes]:
    """What of an environment only a start of Python reads, but PYTHONPATH."""
    named = {os.fsdecode(name): value for name, value in environ.items()}
    return {
        name: value
        for name, value in named.items()
        if name != "PYTHONPATH" and (name.startswith(AT_START) or name in AT_START_NAMES)
    }


class Server:
    """The loop: who is connected, and whose child is which."""

    def __init__(self, listening: socket.socket, at_start: dict[str, bytes], paths: dict[bytes, list[str]]) -> None:
        self.listening = listening
        self.at_start = at_start
        self.paths = paths
        self.poll = select.poll()
        self.clients: dict[int, tuple[socket.socket, int, int]] = {}  # by number: a connection, its child, the pidfd
        self.children: dict[int, int] = {}  # by pidfd: the connection's number

    def until_a_child(self) -> Request | None:
        """In a child, its request; in the server None, at its end."""
        self.poll.register(0, select.POLLIN)
        self.poll.register(self.listening, select.POLLIN)
        while True:
            for number, _ in self.poll.poll():
                if number == 0:
                    return None
                if number == self.listening.fileno():
                    found = self.accept()
                    if found is not None:
                        return found
                elif number in self.children:
                    self.ended(number)
                elif number in self.clients:  # it was killed: so is its command
                    os.kill(self.clients[number][1], signal.SIGKILL)
                    self.poll.unregister(number)

    def accept(self) -> Request | None:
        connection, _ = self.listening.accept()
        request = receive(connection)
        if request is None:
            connection.close()
            return None
        path = request.environ.get(b"PYTHONPATH", b"")
        forked = path in self.paths and read_at_start(request.environ) == self.at_start
        child = os.fork() if forked else -1
        if child == 0:
            self.forget(connection)
            return request
        for stream in request.streams:
            os.close(stream)
        with suppress(OSError):  # a client that is gone is noticed by `poll`
            connection.sendall(b"f" if forked else b"r")
        if not forked:
            connection.close()
            return None
        pidfd = os.pidfd_open(child)
        self.clients[connection.fileno()] = (connection, child, pidfd)
        self.children[pidfd] = connection.fileno()
        self.poll.register(connection, select.POLLIN)
        self.poll.register(pidfd, select.POLLIN)
        return None

    def ended(self, pidfd: int) -> None:
        number = self.children.pop(pidfd)
        connection, child, _ = self.clients.pop(number)
        _, status = os.waitpid(child, 0)
        self.poll.unregister(pidfd)
        os.close(pidfd)
        with suppress(KeyError):  # the client was killed
            self.poll.unregister(number)
        with suppress(OSError):
            connection.sendall(str(status).encode())
        connection.close()

    def forget(self, own: socket.socket) -> None:
        """A child holds nothing of the server's."""
        own.close()
        self.listening.close()
        for connection, _, pidfd in self.clients.values():
            connection.close()
            os.close(pidfd)


def receive(connection: socket.socket) -> Request | None:
    """None where the client is gone already."""
    begun, streams, _, _ = socket.recv_fds(connection, 65_536, 3)
    if len(begun) < 8:
        return None
    data, size = begun[8:], int.from_bytes(begun[:8], "big")
    while len(data) < size:
        data += connection.recv(size - len(data))
    umask, cwd, first, count, *rest = data.split(b"\0")
    environ = dict(one.split(b"=", 1) for one in rest[: int(count)])
    return Request(
        int(umask), cwd, os.fsdecode(first), environ, [os.fsdecode(one) for one in rest[int(count) :]], streams
    )


def become(request: Request, path: list[str]) -> None:
    """Turn this child into what Python would have made of the request at its start."""
    os.setsid()
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.umask(request.umask)
    os.chdir(request.cwd)
    os.environ.clear()
    os.environb.update(request.environ)
    sys.argv[:] = [request.first, *request.arguments]
    sys.path[:] = ["" if request.first == "-c" else str(Path(request.first).parent), *path]
    time.tzset()
    sys.stdin = sys.__stdin__ = stream_of(0, sys.stdin)
    sys.stdout = sys.__stdout__ = stream_of(1, sys.stdout)
    sys.stderr = sys.__stderr__ = stream_of(2, sys.stderr)


def end(main: Callable[[], object]) -> NoReturn:
    """Run it, and end this process with its exit code."""
    code = 0
    try:
        main()
    except SystemExit as ended:
        if ended.code is not None and not isinstance(ended.code, int):
            sys.stderr.write(f"{ended.code}\n")
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - shown, as at the end of any interpreter
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as failed:
        sys.stderr.write(f"Exception ignored in: {sys.stdout!r}\n{type(failed).__name__}: {failed}\n")
        code = FLUSH_FAILED
    os._exit(code & 0xFF)


def stream_of(number: int, like: TextIO) -> TextIO:
    """As `create_stdio` of Python's start makes it."""
    assert isinstance(like, io.TextIOWrapper)
    plain = number > 0 and like.write_through  # PYTHONUNBUFFERED
    raw = io.FileIO(number, "wb" if number else "rb", closefd=False)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[number]
    over = raw if plain else io.BufferedWriter(raw) if number else io.BufferedReader(raw)
    made = io.TextIOWrapper(
        over, like.encoding, like.errors, newline="\n", write_through=like.write_through,
        line_buffering=not like.write_through and (number == 2 or raw.isatty()),
    )  # fmt: skip
    made.mode = "w" if number else "r"  # type: ignore[misc]
    return made
