"""Sinks and receivers that do with lines of the record what a test wants: take them, hang, refuse."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from hitl_fsm.errors import CopyBehind, SinkError
from hitl_fsm.ports_out import Line
from hitl_fsm.runtime.outgoing.copies import Copies
from moments import HUNG_S

Mood = Literal["takes", "refuses", "hangs", "raises"]


class MoodySink:
    """`lines` are the bodies that it took. `before` is called with each batch that it is offered."""

    def __init__(self, name: str = "moody", *, from_start: bool = False) -> None:
        self.name = name
        self.from_start = from_start
        self.mood: Mood = "takes"
        self.lines: list[bytes] = []
        self.offers = 0
        self.before: Callable[[list[str]], None] = lambda events: None

    @property
    def events(self) -> list[str]:
        return [event_of(line) for line in self.lines]

    async def write(self, lines: Sequence[Line]) -> None:
        self.offers += 1
        self.before([event_of(line.body) for line in lines])
        if self.mood == "hangs":
            await asyncio.sleep(3600)
        if self.mood == "raises":
            raise ZeroDivisionError
        if self.mood == "refuses":
            raise SinkError("the disk of the copy is full")
        self.lines += [line.body for line in lines]


def healthy_copies_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits are for sinks that do not take lines: one that takes them is not behind because a machine is busy."""
    real = Copies.until

    async def until(self: Copies, within_s: float) -> None:
        try:
            await real(self, within_s)
        except CopyBehind:
            if not all(isinstance(sink, MoodySink) and sink.mood == "takes" for sink in self.sinks):
                raise
            await real(self, HUNG_S)

    monkeypatch.setattr(Copies, "until", until)


def event_of(body: bytes) -> str:
    event: str = msgspec.json.decode(body)["event"]
    return event


def seqs(bodies: Sequence[bytes]) -> list[int]:
    return [msgspec.json.decode(body)["seq"] for body in bodies]


def first_times(bodies: Sequence[bytes]) -> list[bytes]:
    """Each line where it came first."""
    return list(dict.fromkeys(bodies))


class Syslog:
    """A receiver: each message that it read whole. `mood` is that of the next connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[bytes] = []
        self.mood: Mood = "takes"
        self.let_go = threading.Event()

    @property
    def bodies(self) -> list[bytes]:
        return [one[one.index(b"{") :] for one in self.messages]


def counted(data: bytes) -> list[bytes]:
    """RFC 6587, octet counting."""
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)])
        assert len(found[-1]) == int(length)
        data = rest[int(length) :]
    return found


@contextmanager
def tcp_syslog(context: ssl.SSLContext | None = None) -> Iterator[Syslog]:
    """Reads a connection to its end, takes what it read, and closes it; one that `refuses` closes it unread."""
    server = socket.create_server(("127.0.0.1", 0))
    scheme = "syslog+tcp" if context is None else "syslog+tls"
    told = Syslog(f"{scheme}://localhost:{server.getsockname()[1]}")

    def serve(connection: socket.socket) -> None:
        with connection:
            if told.mood == "refuses":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return
            if told.mood == "hangs":
                told.let_go.wait(60)
                return
            try:
                talk = connection if context is None else context.wrap_socket(connection, server_side=True)
            except OSError:
                return
            with talk, suppress(OSError):
                data = b""
                while part := talk.recv(65_536):
                    data += part
                told.messages += counted(data)
                if isinstance(talk, ssl.SSLSocket):
                    talk.unwrap()

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.let_go.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@contextmanager
def unix_syslog(folder: Path) -> Iterator[Syslog]:
    """A local socket of datagrams; one that `hangs` does not read."""
    path = folder / "log"
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(path))
    server.settimeout(0.02)
    told, over = Syslog(f"syslog+unix://{path}"), threading.Event()

    def read() -> None:
        while not over.is_set():
            if told.mood == "hangs":
                over.wait(0.02)
                continue
            try:
                told.messages.append(server.recv(1_000_000))
            except TimeoutError:
                continue

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        over.set()
        thread.join()
        server.close()


def lines_of(count: int, first: int = 1, **more: Any) -> list[Any]:
    """Lines as the store hands them out."""
    from hitl_fsm.ports import RecordLine

    bodies = [
        msgspec.json.encode({"seq": seq, "event": "run_created", "at": 1_750_000_000_000 + seq, **more})
        for seq in range(first, first + count)
    ]
    return [RecordLine(first + index, body, f"{index:064x}") for index, body in enumerate(bodies)]
