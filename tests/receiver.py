"""A desk that is told by HTTP: a real server on loopback that does to each message what the test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec

from moments import HUNG_S

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBkZXNrLCAzMiBieXRlcyBsb25nLi4="


class Message(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.json["data"]
        return data


class Desk:
    """`answers` are the statuses of the next messages; then it is `usual`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[Message] = []
        self.answers: list[int] = []
        self.usual = 204
        self.headers: dict[str, str] = {}
        self.body = b""
        self.hang_s = 0.0
        self.let_go = threading.Event()
        self.cut_off = threading.Event()
        """Somebody did not read to the end what it answered."""

    @property
    def events(self) -> list[str]:
        return [one.json["type"] for one in self.messages]


@contextmanager
def desk() -> Iterator[Desk]:
    """Open until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: told))
    server.daemon_threads = True
    told = Desk(f"http://127.0.0.1:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(of: Callable[[], Desk]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = of()
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.messages.append(Message(self.path, headers, body))
            if told.hang_s:
                told.let_go.wait(told.hang_s)
            self.send_response(told.answers.pop(0) if told.answers else told.usual)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(told.body)))
            self.end_headers()
            try:
                for start in range(0, len(told.body), 65_536):
                    self.wfile.write(told.body[start : start + 65_536])
            except OSError:
                told.cut_off.set()

        def do_GET(self) -> None:
            of().messages.append(Message("GET " + self.path, {}, b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Nothing."""

    return Handler


def wait_for(true: Callable[[], bool]) -> None:
    """Until it is so."""
    deadline = time.monotonic() + HUNG_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
