"""What the wire servers share: the steps of a script, what was received, and the HTTP around both."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class Asks:
    """A tool call; `raw` is argument text that need not be JSON (on wires that carry arguments as text)."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    raw: str | None = None
    signature: str | None = None

    @property
    def text(self) -> str:
        return json.dumps(self.args) if self.raw is None else self.raw


@dataclass(frozen=True)
class Says:
    """A whole reply. `finish` is in OpenAI's words: None (the usual one), `length`."""

    text: str = ""
    calls: tuple[Asks, ...] = ()
    thinking: str | None = None
    signature: str | None = None
    finish: str | None = None


@dataclass(frozen=True)
class Fails:
    """An error reply with this HTTP code and message."""

    code: int
    message: str = "no"
    kind: str | None = None


@dataclass(frozen=True)
class BreaksOff:
    """Some text, then the connection is cut, or (`cleanly`) the body ends before the reply does."""

    text: str = "half a sen"
    cleanly: bool = False


Step = Says | Fails | BreaksOff


@dataclass(frozen=True)
class Turn:
    """One message as the server understood it, the same on every wire. `calls` and `results` are
    (id, name, arguments) and (id, content)."""

    role: str
    text: str = ""
    calls: tuple[tuple[str, str, object], ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """One request as the server understood it."""

    system: str
    turns: tuple[Turn, ...]
    tools: dict[str, dict[str, Any]]
    stream: bool


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


class Wire:
    """A scripted server. Each subclass reads and writes one format; a request that the real provider would refuse
    is noted in `problems` and answered with 400."""

    model: ClassVar[str]
    raw_arguments: ClassVar[bool] = True
    raw_arguments_streamed: ClassVar[bool] = True
    base_path: ClassVar[str] = ""
    content_type: ClassVar[str] = "text/event-stream"

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self.steps = list(steps)
        self.seen: list[Seen] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.problems: list[str] = []
        self.unread = 0
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Say nothing."""

            def do_POST(self) -> None:
                wire.serve(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.base_path}"

    @property
    def options(self) -> dict[str, Any]:
        return {"api_base": self.api_base, "api_key": "test-key-not-secret-0123"}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What a format defines.
    def read(self, body: dict[str, Any], path: str) -> Seen:
        raise NotImplementedError

    def whole(self, says: Says) -> dict[str, Any]:
        raise NotImplementedError

    def pieces(self, says: Says) -> Iterator[str]:
        """The stream, framed as it stands on the wire."""
        raise NotImplementedError

    def beginning(self, text: str) -> Iterator[str]:
        """The stream's first pieces, up to that text and no further."""
        raise NotImplementedError

    def error(self, fails: Fails) -> dict[str, Any]:
        return {"error": {"message": fails.message, "type": fails.kind or "error", "code": fails.kind}}

    def aside(self, path: str) -> dict[str, Any] | None:
        """The answer to a request that is no chat, where the client makes such."""
        return None

    # The HTTP.
    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        aside = self.aside(handler.path)
        if aside is not None:
            self._json(handler, 200, aside)
            return
        self.bodies.append(body)
        self.headers.append(dict(handler.headers.items()))
        try:
            seen = self.read(body, handler.path)
        except (KeyError, TypeError, ValueError, AssertionError) as error:
            self.problems.append(f"{type(error).__name__}: {error}")
            self._json(handler, 400, self.error(Fails(400, f"bad request: {error}")))
            return
        self.seen.append(seen)
        if not self.steps:
            self.problems.append("one request too many")
            self._json(handler, 400, self.error(Fails(400, "the script is over")))
            return
        step = self.steps.pop(0)
        if isinstance(step, Fails):
            self._json(handler, step.code, self.error(step))
        elif isinstance(step, Says) and not seen.stream:
            self._json(handler, 200, self.whole(step))
        elif isinstance(step, Says):
            self._stream(handler, self.pieces(step), end=True)
        elif seen.stream:
            self._stream(handler, self.beginning(step.text), end=step.cleanly)
        else:
            handler.send_response(200)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"half')
            handler.close_connection = True

    def _json(self, handler: BaseHTTPRequestHandler, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        handler.send_response(code)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _stream(self, handler: BaseHTTPRequestHandler, pieces: Iterator[str], *, end: bool) -> None:
        handler.send_response(200)
        handler.send_header("content-type", self.content_type)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        try:
            for piece in pieces:
                data = piece.encode()
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                handler.wfile.flush()
            if end:
                handler.wfile.write(b"0\r\n\r\n")
            else:
                handler.close_connection = True
        except OSError:
            self.unread += 1


def cut(text: str, size: int = 7) -> list[str]:
    """Pieces of at most that many characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def sse(data: dict[str, Any], event: str | None = None) -> str:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data)}\n\n"


def require(condition: object, problem: str) -> None:
    """What the provider would refuse."""
    if not condition:
        raise AssertionError(problem)


def only(keys: Iterator[str] | dict[str, Any], allowed: set[str], where: str) -> None:
    unknown = sorted(set(keys) - allowed)
    require(not unknown, f"{where} has unknown keys {unknown}")
