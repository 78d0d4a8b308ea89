"""A wire between a client and its PostgreSQL that can be cut at a COMMIT: before it arrives, or before the answer."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from pathlib import Path
from typing import Literal

from moments import HUNG_S
from postgres import Server

Cut = Literal["before", "after", "at once"]
_SOCKET = ".s.PGSQL.5432"
_CHUNK = 65536
_QUERY = b"COMMIT\0"  # at the end of the client's message
_ANSWER = b"COMMIT\0"  # in the server's `CommandComplete`


class Proxy:
    """`cuts` are what befalls the next COMMITs, one each; then they pass.

    `before`: it never arrives. `after`: it is done, and the answer lost. `at once`: it arrives, and the client is cut
    off without waiting for what becomes of it.
    """

    def __init__(self, server: Server) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hitl-px-"))
        self.cuts: list[Cut] = []
        self.commits = 0
        self._target = str(server.folder / _SOCKET)
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / _SOCKET))
        self._listener.listen()
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def url(self, url: str, server: Server) -> str:
        """The server's URL, by way of this wire."""
        return url.replace(str(server.folder), str(self.folder))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            _hang_up(*pair)
        for thread in self._threads:
            thread.join(HUNG_S)
        for pair in self._pairs:
            for end in pair:
                end.close()
        shutil.rmtree(self.folder)

    def _begin(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._target)
            except OSError:
                client.close()
                server.close()
                continue
            self._pairs.append((client, server))
            self._begin(self._to_server, client, server)
            self._begin(self._to_client, client, server)

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                cut = self._next_cut("before", "at once") if data.endswith(_QUERY) else None
                if cut != "before":
                    server.sendall(data)
                if cut is not None:
                    _hang_up(client)
                    if cut == "before":
                        break
        _hang_up(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                if _ANSWER in data:
                    self.commits += 1
                    if self._next_cut("after"):
                        break
                client.sendall(data)
        _hang_up(client, server)

    def _next_cut(self, *kinds: Cut) -> Cut | None:
        with self._lock:
            return self.cuts.pop(0) if self.cuts and self.cuts[0] in kinds else None


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
