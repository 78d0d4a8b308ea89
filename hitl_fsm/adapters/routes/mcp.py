"""A tool of an MCP server carries the call out."""

from __future__ import annotations

import asyncio
from typing import Protocol

from hitl_fsm.adapters.routes.given import seconds
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.dispatch import Handover, Outcome, Unknown

TIMEOUT_S = 60.0
"""Seconds that a tool has, unless the application says otherwise."""


class Server(Protocol):
    """`hitl_fsm.MCPServer` is one."""

    async def carried_out(self, tool: str, handover: Handover) -> Outcome:
        """Call a tool of it once, and say what is known of what became of that."""
        ...


class MCP:
    """`MCP(server, "transfer")`: the call's arguments go to that tool of the server as they are.

    Without `tool` it is the one with the name of the call's own. The server reads the idempotency key in the request's
    metadata; `idempotent` says that it heeds it. What the server asks of people is answered by nobody: it is refused.
    """

    def __init__(
        self, server: Server, tool: str | None = None, *, timeout: str | float = TIMEOUT_S, idempotent: bool = False
    ) -> None:
        if not callable(getattr(server, "carried_out", None)):
            msg = f"{type(server).__name__} is no MCP server"
            raise SettingsError(msg, help='as in MCP(MCPServer.stdio("bank", "bank-mcp"), "transfer")')
        self.idempotent = idempotent
        self._server = server
        self._tool = tool
        self._timeout_s = seconds(timeout, "the timeout of an MCP route")

    def __repr__(self) -> str:
        return f"<mcp {self._tool or 'tool'} of {self._server!r}>"

    async def hand_over(self, handover: Handover) -> Outcome:
        """See `ports_out.Route`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._server.carried_out(self._tool or handover.tool, handover)
        except TimeoutError:
            return Unknown(f"the tool did not end within {self._timeout_s:g} s")
