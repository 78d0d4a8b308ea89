"""MCP servers of the tests as processes: `mcp_server.py` over stdio, or over HTTP on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hitl_fsm import MCPServer

PROGRAM = Path(__file__).with_name("mcp_server.py")
UP_S = 120.0


@dataclass
class Servers:
    """`shared` ones live as long as this, each `server` is another one; `witness` has what their tools really did."""

    folder: Path
    made: list[MCPServer] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kept: dict[tuple[str, str], MCPServer] = field(default_factory=dict)

    @property
    def witness(self) -> list[str]:
        file = self.folder / "witness"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def forget(self) -> None:
        """What was witnessed so far."""
        (self.folder / "witness").unlink(missing_ok=True)

    def shared(self, transport: str, protocol: str = "auto") -> MCPServer:
        """One that no test stops: to start it takes seconds."""
        key = (transport, protocol)
        if key not in self.kept:
            self.kept[key] = self.server(transport, protocol=protocol)
        return self.kept[key]

    @property
    def environment(self) -> dict[str, str]:
        return {"WITNESS": str(self.folder / "witness")}

    def server(self, transport: str, **options: Any) -> MCPServer:
        env = {**self.environment, **options.pop("env", {})}
        if transport == "stdio":
            made = MCPServer.stdio("shop", sys.executable, [str(PROGRAM), "stdio"], env=env, **options)
        else:
            made = MCPServer.http("shop", self.listening(free_port(), env), **options)
        self.made.append(made)
        return made

    def listening(self, port: int, env: dict[str, str] | None = None) -> str:
        """Start one over HTTP, and wait until it takes connections; its URL."""
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "http", str(port)],
            env={**os.environ, **(env or self.environment)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        end = time.monotonic() + UP_S
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return f"http://127.0.0.1:{port}/mcp"
        raise AssertionError("the server did not come up")

    def stop(self, *, last: bool = False) -> None:
        """The processes over HTTP, or only the last one of them."""
        for process in self.processes[-1:] if last else list(self.processes):
            process.kill()
            process.wait()
            self.processes.remove(process)

    def close(self) -> None:
        for server in self.made:
            server.close()
        self.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
