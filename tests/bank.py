"""A system of somebody else's, for routes: a real HTTP server on loopback, and programs that leave a witness."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook as Signer

OUT = "whsec_" + base64.b64encode(b"out" * 12).decode()
BACK = "whsec_" + base64.b64encode(b"back" * 9).decode()
OTHER = "whsec_" + base64.b64encode(b"other" * 8).decode()


class Bank:
    """What it was sent, and what it answers: (status, body, headers), or None to say nothing at all."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: tuple[int, bytes, Mapping[str, str]] | None = (202, b"", {})
        self.delay_s = 0.0
        self.before: Any = None
        self.url = ""

    @property
    def data(self) -> list[dict[str, Any]]:
        return [json.loads(body)["data"] for _, body in self.requests]

    def returns(self, result: Any) -> None:
        self.answer = (200, json.dumps(result).encode(), {})


@contextmanager
def open_bank() -> Iterator[Bank]:
    bank = Bank()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bank.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
            if bank.before is not None:
                bank.before()
            time.sleep(bank.delay_s)
            if bank.answer is None:
                self.close_connection = True
                return
            status, said, headers = bank.answer
            self.send_response(status)
            for name, value in {"content-length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(said)
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    bank.url = f"http://127.0.0.1:{server.server_port}/pay"
    try:
        yield bank
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def signed(body: bytes, secret: str = BACK, *, message: str = "msg_1", at: float | None = None) -> dict[str, str]:
    """The headers of a callback, as the bank's own library makes them."""
    when = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    signature = Signer(secret).sign(message, when, body.decode())
    return {
        "Webhook-Id": message,
        "Webhook-Timestamp": str(int(when.timestamp())),
        "Webhook-Signature": signature,
    }


def callback(callback_id: str, **more: Any) -> bytes:
    return json.dumps({"callback_id": callback_id, **more}).encode()


def program(folder: Path, text: str) -> str:
    """A Python program; `given` is what it read, `done(x)` leaves a line as a witness."""
    head = (
        "import json, os, sys, time\n"
        "given = json.load(sys.stdin)\n"
        f"def done(x):\n    with open({str(folder / 'done')!r}, 'a') as f: f.write(str(x) + '\\n')\n"
    )
    path = folder / "program.py"
    path.write_text(head + text)
    return str(path)


def witness(folder: Path) -> list[str]:
    path = folder / "done"
    return path.read_text().splitlines() if path.exists() else []
