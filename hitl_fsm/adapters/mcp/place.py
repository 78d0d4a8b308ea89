"""Where an MCP server is: a command of this machine, or a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from hitl_fsm.errors import SettingsError

Protocol = Literal["auto", "legacy"]
"""`auto`: the newest that both know. `legacy`: one from before 2026-07-28, in which a server may ask during a call."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process that speaks over its own stdin and stdout.

    It gets `env` beside a few harmless variables (PATH, HOME, …), nothing else of this process's environment.
    """

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    protocol: Protocol = "auto"

    def __str__(self) -> str:
        return self.command


@dataclass(frozen=True, slots=True)
class Address:
    """A server that others run. Headers are sent with every request, and never shown."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    protocol: Protocol = "auto"

    def __str__(self) -> str:
        found = urlsplit(self.url)
        return f"{found.scheme}://{found.netloc.rpartition('@')[2]}{found.path}"  # no password, no token of the query


Place = Command | Address


def command(
    name: str, args: Sequence[str], env: Mapping[str, str] | None, cwd: str | None, protocol: Protocol
) -> Command:
    """SettingsError for what no process can be started with."""
    if isinstance(args, str):
        msg = "the arguments of an MCP server's command are one text"
        raise SettingsError(msg, help=f"give a list: args=[{args!r}]")
    texts = [name, *args, *(env or {}), *(env or {}).values()]
    if not name or not all(isinstance(text, str) and "\0" not in text for text in texts):
        msg = "an MCP server's command, arguments and environment must be texts"
        raise SettingsError(msg, help='as in MCPServer.stdio("files", "python", ["server.py"])')
    return Command(name, tuple(args), dict(env or {}), cwd, _known(protocol))


def address(url: str, headers: Mapping[str, str] | None, protocol: Protocol) -> Address:
    """SettingsError for what is no http(s) URL."""
    try:
        found = urlsplit(url)
        usable = found.scheme in {"http", "https"} and bool(found.hostname)
    except (ValueError, AttributeError, TypeError):
        usable = False
    if not usable:
        msg = "an MCP server's address must be an http or https URL"
        raise SettingsError(msg, help='as in MCPServer.http("files", "https://tools.example.com/mcp")')
    return Address(url, dict(headers or {}), _known(protocol))


def _known(protocol: Protocol) -> Protocol:
    if protocol not in get_args(Protocol):
        msg = f"protocol is {protocol!r}"
        raise SettingsError(msg, help="it is auto or legacy")
    return protocol
