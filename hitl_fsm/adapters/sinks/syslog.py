"""A second copy at a syslog receiver: RFC 5424 messages, by TCP or TLS (RFC 6587, octet counting) or a local socket.

Syslog has no word for "I have it". By TCP each write is a connection of its own, which counts as taken once the
receiver has read it to its end and closed it in order: what it did not read is an error, and is offered again. One that
closes before (too many connections, a balancer with nobody behind it) has read nothing, however orderly it closes. A
local socket takes a message or refuses it.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import ssl
import sys
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from hitl_fsm.errors import SinkError
from hitl_fsm.model.instant import iso
from hitl_fsm.ports_out import Line

MESSAGE_BYTES = 64 * 1024
"""The longest message that is sent unless the sink is told otherwise; a line that does not fit is an error."""
SEND_S = 8.0
"""Connecting, sending and the receiver's end of a connection, together: less than a write may take."""

_PRIORITY = 13 * 8 + 5  # facility: log audit; severity: notice
_NAME_CHARS = 255
_EVENT_CHARS = 32
_CHUNK = 4096
_INT_BYTES = 4


class _Head(msgspec.Struct):
    at: int = 0
    event: str = "-"


_head = msgspec.json.Decoder(_Head)


class Receiver(NamedTuple):
    """Where it listens: a host and a port, or the path of a local socket. `host` is "" for the latter."""

    host: str = ""
    port: int = 0
    path: Path = Path("/dev/log")
    tls: bool = False


def message(line: Line, max_bytes: int = MESSAGE_BYTES) -> bytes:
    """RFC 5424, with the stored bytes as its text. SinkError when that is too long: it is never cut."""
    try:
        head = _head.decode(line.body)
        when = iso(head.at) if head.at else "-"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, ValueError, OSError):
        head, when = _Head(), "-"  # a line that cannot be read is a line all the same
    event = _printable(head.event, _EVENT_CHARS)
    name = _printable(socket.gethostname(), _NAME_CHARS)
    made = f"<{_PRIORITY}>1 {when} {name} hitl-fsm {os.getpid()} {event} - ".encode() + line.body
    if len(made) > max_bytes:
        msg = f"line {line.seq} of the record is a message of {len(made)} bytes, and {max_bytes} are the most"
        raise SinkError(msg, help="raise max_bytes of the sink, and the receiver's own limit")
    return made


def _printable(text: str, most: int) -> str:
    """As the header of a message must be: no spaces, nothing but ASCII."""
    kept = "".join(char for char in text if "!" <= char <= "~")
    return kept[:most] or "-"


def send(receiver: Receiver, lines: Sequence[Line], max_bytes: int = MESSAGE_BYTES) -> None:
    """Blocks until they are taken; OSError or SinkError when they may not be."""
    messages = [message(line, max_bytes) for line in lines]
    if receiver.host:
        _by_connection(receiver, b"".join(b"%d %b" % (len(one), one) for one in messages))
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
        deadline = time.monotonic() + SEND_S
        local.settimeout(SEND_S)
        local.connect(str(receiver.path))
        for one in messages:
            local.settimeout(_left(deadline))
            local.send(one)


def _by_connection(receiver: Receiver, data: bytes) -> None:
    deadline = time.monotonic() + SEND_S
    with socket.create_connection((receiver.host, receiver.port), timeout=SEND_S) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not receiver.tls:
            _send_all(plain, data, deadline)
            _require_open(plain)
            plain.shutdown(socket.SHUT_WR)
            _until_closed(plain, deadline)
            _require_arrived(plain)
            return
        context = ssl.create_default_context()
        with context.wrap_socket(plain, server_hostname=receiver.host) as secret:
            _send_all(secret, data, deadline)
            _require_open(secret)
            secret.settimeout(_left(deadline))
            with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):  # it closed in order, without a last word
                secret.unwrap()
            _require_arrived(secret)


def _send_all(open_socket: socket.socket, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        open_socket.settimeout(_left(deadline))
        view = view[open_socket.send(view[: 64 * _CHUNK]) :]


def _until_closed(open_socket: socket.socket, deadline: float) -> None:
    """The receiver's own end; what it says is not read for anything."""
    while True:
        open_socket.settimeout(_left(deadline))
        if not open_socket.recv(_CHUNK):
            return


def _require_open(open_socket: socket.socket) -> None:
    """Before our own end: who has closed by now did not wait for it."""
    if sys.platform == "linux":
        poll = select.poll()
        poll.register(open_socket, select.POLLRDHUP)
        if poll.poll(0):
            raise _closed_early()


def _require_arrived(open_socket: socket.socket) -> None:
    """After the receiver's end: its host had all of ours by then, or it closed while that was on its way."""
    if sys.platform == "linux":
        unacknowledged = fcntl.ioctl(open_socket, termios.TIOCOUTQ, bytes(_INT_BYTES))
        if any(unacknowledged) or open_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise _closed_early()


def _closed_early() -> SinkError:
    return SinkError(
        "the receiver closed the connection before it had read the lines",
        help="look at its own log: too many connections, perhaps, or a balancer with nobody behind it",
    )


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
