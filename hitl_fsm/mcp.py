"""`MCPServer`: the tools of an MCP server as a toolset, gated like any other tool.

The session with the server lives on the engine's background loop: opened at first use, opened again when the server
died, given up when the process ends. The MCP SDK (`pip install 'hitl-fsm[mcp]'`) is imported then, not here.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from hitl_fsm.adapters.mcp import place as places
from hitl_fsm.errors import HitlError, SettingsError, ToolError, ToolLost, ToolNotBegun, ToolsUnavailable
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.dispatch import Failed as SaidFailed
from hitl_fsm.model.dispatch import Handover, NotBegun, Outcome, Refused, Returned, Unknown
from hitl_fsm.model.visible import visible
from hitl_fsm.runtime.loop import background_loop, is_in_background, run_in_background
from hitl_fsm.runtime.tools.remote import RemoteTool, ToolAsked, remote_tool
from hitl_fsm.runtime.tools.results import to_result
from hitl_fsm.runtime.tools.tool import Begin, Declaration, at_once

if TYPE_CHECKING:
    from hitl_fsm.adapters.mcp.listing import Listed
    from hitl_fsm.adapters.mcp.session import Session

__all__ = ["MCPServer"]

TIMEOUT_S = 60.0
"""Seconds that a server's tool has, unless the application says otherwise."""
STRAY_S = 300.0
"""Seconds after its time in which the answer of a call is still taken; then the server is told to let go."""
TOLD_CHARS = 2_000
"""Characters of a server's own word that an external call failed."""
CLOSED_S = 6.0
"""Seconds that giving up a session may hold up who asks for it, or the end of the process."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")


class MCPServer:
    """A server, and which of its tools an agent gets: `Agent(tools=[MCPServer.stdio("files", "npx", ["-y", …])])`.

    A tool's name is `<name>.<tool>`, so that a policy may say `tools: "files.*"`. `include` and `exclude` are names as
    the server gives them; what `include` names is all there is. Made by `stdio` or `http`.

    What the server says of a tool (read-only, idempotent, …) loosens nothing and lets nothing be tried again;
    `idempotent` names those for which the application vouches.
    """

    lazy = True
    """Its tools are asked for at first use: importing the module that names it starts no process."""

    def __init__(
        self,
        name: str,
        place: places.Place,
        *,
        include: Collection[str] | None = None,
        exclude: Collection[str] = (),
        idempotent: Collection[str] = (),
        timeout_s: float | None = TIMEOUT_S,
    ) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            msg = f"{name!r} cannot be the name of an MCP server"
            raise SettingsError(msg, help="at most 31 letters, digits, `_` and `-`, a letter first")
        for word, given in (("include", include), ("exclude", exclude), ("idempotent", idempotent)):
            if isinstance(given, str):
                msg = f"MCP server {name}: `{word}` is one text, not a list of names"
                raise SettingsError(msg, help=f"write {word}=[{given!r}]")
        self.name = name
        self.left_out: Mapping[str, str] = {}
        self._place = place
        self._include = None if include is None else frozenset(include)
        self._exclude = frozenset(exclude)
        self._idempotent = frozenset(idempotent)
        self._timeout_s = timeout_s
        self._session: Session | None = None
        self._pid = os.getpid()
        self._opening: asyncio.Lock | None = None

    @classmethod
    def stdio(
        cls,
        name: str,
        command: str,
        args: Sequence[str] = (),
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        protocol: places.Protocol = "auto",
        **options: Any,
    ) -> MCPServer:
        """A command of this machine, started at first use. `env` is added to PATH, HOME and the like.

        `protocol="legacy"` is for a server that asks people in the middle of a call, as before 2026-07-28.
        `options`: `include`, `exclude`, `idempotent`, `timeout_s` (seconds for one call; 60).
        """
        return cls(name, places.command(command, args, env, cwd, protocol), **options)

    @classmethod
    def http(
        cls,
        name: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        protocol: places.Protocol = "auto",
        **options: Any,
    ) -> MCPServer:
        """A server at a URL, over streamable HTTP. `headers` go with every request and are never shown.

        `protocol` and `options`: as for `stdio`.
        """
        return cls(name, places.address(url, headers, protocol), **options)

    def __repr__(self) -> str:
        return f"<MCP server {self.name} at {self._place}>"

    # -- a toolset

    def tools(self) -> tuple[RemoteTool, ...]:
        """What the server declares now. A tool that cannot be used is left out, and `left_out` says why.

        ToolsUnavailable when it cannot be reached; ToolError when it lacks a tool that the application names.
        """
        if is_in_background():
            msg = f"the tools of MCP server {self.name} were asked for on the engine's own event loop"
            raise ToolError(msg, help="ask from a thread: await asyncio.to_thread(server.tools)")
        session = run_in_background(self._opened())
        left_out = {visible(name): why for name, why in session.left_out.items()}
        made: list[RemoteTool] = []
        for listed in session.tools.values():
            if not self._wants(listed.name):
                continue
            try:
                made.append(self._tool(listed))
            except ToolError as error:
                left_out[visible(listed.name)] = error.message
        self.left_out = left_out
        self._check_named(session, left_out)
        return tuple(made)

    def close(self) -> None:
        """Give the session up; the next use opens another one."""
        if self._session is not None and self._pid == os.getpid():
            future = asyncio.run_coroutine_threadsafe(self._closed(), background_loop())
            with suppress(TimeoutError):
                future.result(CLOSED_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _wants(self, name: str) -> bool:
        return name not in self._exclude and (self._include is None or name in self._include)

    def _check_named(self, session: Session, left_out: Mapping[str, str]) -> None:
        """What is named must be there: an agent without a tool that it was given would fail later, and less clearly."""
        for name in sorted((self._include or frozenset()) | self._exclude | self._idempotent):
            if name in left_out and name not in self._exclude:
                msg = f"tool {name} of MCP server {self.name} cannot be used: {left_out[name]}"
                raise ToolError(msg, help="leave it out")
            if name not in session.tools and name not in left_out:
                known = ", ".join(sorted(session.tools)[:20]) or "none"
                msg = f"MCP server {self.name} has no tool {name!r}"
                raise ToolError(msg, help=visible(f"it has: {known}"))

    def _tool(self, listed: Listed) -> RemoteTool:
        declaration = Declaration(
            name=f"{self.name}.{listed.name}",
            version=listed.version,
            idempotent=listed.name in self._idempotent,
            description=listed.description,
            timeout_s=self._timeout_s,
        )

        def start(args: dict[str, Any], context: CallContext, begin: Begin) -> Future[Any]:
            work: Future[Any] = Future()
            asyncio.run_coroutine_threadsafe(self._run(listed, args, context, begin, work), background_loop())
            return work

        return remote_tool(declaration, listed.schema, start)

    # -- a route

    async def carried_out(self, tool: str, handover: Handover) -> Outcome:
        """Call a tool once for an external gate, from any event loop; see `hitl_fsm.routes.MCP`."""
        work = asyncio.run_coroutine_threadsafe(self._handed(tool, handover), background_loop())
        return await asyncio.wrap_future(work)

    async def _handed(self, tool: str, handover: Handover) -> Outcome:
        from hitl_fsm.adapters.mcp.session import Asked, Failed  # noqa: PLC0415 - with the SDK

        try:
            session = await self._opened()
        except ToolsUnavailable as error:
            return NotBegun(error.message)
        listed = session.tools.get(tool)
        if listed is None:
            return Refused(visible(f"MCP server {self.name} has no tool {tool!r} that can be used"))
        try:
            found = await session.call(listed, handover.args, handover.idempotency_key, {}, at_once)
        except (ToolNotBegun, ToolLost) as error:
            return NotBegun(error.message) if isinstance(error, ToolNotBegun) else Unknown(error.message)
        match found:
            case Asked(question):
                outcome: Outcome = Unknown(f"it asked a person first, and was told to let go: {question.message}")
            case Failed(told):
                outcome = SaidFailed(told[:TOLD_CHARS])
            case _:
                outcome = Returned(to_result(found.result))
        return outcome

    # -- on the background loop

    async def _run(
        self, listed: Listed, args: dict[str, Any], context: CallContext, begin: Begin, work: Future[Any]
    ) -> None:
        """One call into `work`. What never comes to an end is given up, and then nobody is told anything."""

        def sending() -> None:
            if not work.set_running_or_notify_cancel():
                raise _WithdrawnError
            begin()

        clock = asyncio.timeout(None if self._timeout_s is None else self._timeout_s + STRAY_S)
        try:
            async with clock:
                result = await self._call(listed, args, context, sending)
        except _WithdrawnError:
            return
        except BaseException as error:
            given_up = isinstance(error, TimeoutError) and clock.expired()
            if not given_up and not work.done() and (work.running() or work.set_running_or_notify_cancel()):
                work.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            work.set_result(result)

    async def _call(self, listed: Listed, args: dict[str, Any], context: CallContext, sending: Begin) -> Any:
        from hitl_fsm.adapters.mcp.session import Asked, Failed  # noqa: PLC0415 - with the SDK

        try:
            session = await self._opened()
        except ToolsUnavailable as error:
            raise ToolNotBegun(error.message, help=error.help) from error
        outcome = await session.call(listed, args, context.idempotency_key, context.told, sending)
        match outcome:
            case Asked(question, said):
                raise ToolAsked(question.message, question.schema, said)
            case Failed(told):
                raise ServerError(told)
            case _:
                return outcome.result

    async def _opened(self) -> Session:
        """The session, or another one where it is dead, or another process's."""
        if self._pid != os.getpid():
            self._session, self._opening, self._pid = None, None, os.getpid()
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._session is None or self._session.is_dead:
                self._session = await _new_session(self._place)
                _open.add(self)
            return self._session

    async def _closed(self) -> None:
        session, self._session = self._session, None
        _open.discard(self)
        if session is not None:
            await session.closed()


class ServerError(Exception):
    """A server's own word that a call failed."""


class _WithdrawnError(Exception):
    """Who asked for the call does not want it any more."""


async def _new_session(place: places.Place) -> Session:
    try:
        from hitl_fsm.adapters.mcp.session import Session  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        msg = f"MCP servers need the package `mcp`, version 2 ({error})"
        raise SettingsError(msg, help="pip install 'hitl-fsm[mcp]'") from error
    return await Session(place).opened()


_open: set[MCPServer] = set()


@atexit.register
def _close_all() -> None:
    """No process of ours outlives this one, and no session stays open at a server."""
    for server in tuple(_open):
        with suppress(HitlError, RuntimeError):
            server.close()
