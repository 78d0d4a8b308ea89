"""Second copies of the record as an application, or a setting, names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from hitl_fsm.adapters.notify.webhook import checked_url, shown_url
from hitl_fsm.adapters.routes.given import secret_name
from hitl_fsm.adapters.sinks import http, syslog
from hitl_fsm.adapters.sinks.aside import Aside
from hitl_fsm.adapters.sinks.file import AppendOnly
from hitl_fsm.errors import SettingsError
from hitl_fsm.ports_out import Line, Sink

FORMS = "file:///path, syslog+tcp://host:port, syslog+tls://host:port, syslog+unix:///dev/log or https://host/path"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_SYSLOG = {"syslog+tcp": False, "syslog+tls": True}
_PORTS = {"syslog+tcp": 601, "syslog+tls": 6514}
_LEAST_BYTES = 480  # of a message that every receiver must take (RFC 5424, 6.1)


class File:
    """A file beside the store, or on another disk: `File("/var/log/hitl/record.jsonl")`.

    Each line is written as it is stored, and is on the disk before what it tells of goes on. Made with mode 0600; it
    may be rotated. A link, and a file that others may write, are refused.
    """

    def __init__(self, path: str | Path, *, name: str = "file", from_start: bool = False) -> None:
        self.name = checked_name(name)
        self.from_start = from_start
        self._path = Path(path).absolute()
        if self._path.is_dir() or "\0" in str(path):
            msg = f"{self._path} is no file's name"
            raise SettingsError(msg, help="name a file in it")
        self._file = AppendOnly(self._path)
        self._aside = Aside(str(self._path))

    async def write(self, lines: Sequence[Line]) -> None:
        """See `ports_out.Sink`."""
        await self._aside.do(lambda: self._file.append(lines))

    def __repr__(self) -> str:
        return f"File({str(self._path)!r}, name={self.name!r})"


class Syslog:
    """A syslog receiver: `Syslog("syslog+tls://logs.example.com:6514")`, `syslog+tcp://…`, `syslog+unix:///dev/log`.

    RFC 5424 messages, each with one stored line; one of more than `max_bytes` is never cut: it is an error.
    """

    def __init__(
        self, url: str, *, name: str = "syslog", from_start: bool = False, max_bytes: int = syslog.MESSAGE_BYTES
    ) -> None:
        self.name = checked_name(name)
        self.from_start = from_start
        self._receiver = _receiver(url)
        if not isinstance(max_bytes, int) or max_bytes < _LEAST_BYTES:
            msg = f"max_bytes is {max_bytes!r}"
            raise SettingsError(msg, help=f"it is a number of bytes, {_LEAST_BYTES} or more")
        self._max_bytes = max_bytes
        self._url = url
        self._aside = Aside(f"the syslog receiver at {url}")

    async def write(self, lines: Sequence[Line]) -> None:
        """See `ports_out.Sink`."""
        await self._aside.do(lambda: syslog.send(self._receiver, lines, self._max_bytes))

    def __repr__(self) -> str:
        return f"Syslog({self._url!r}, name={self.name!r})"


class HTTP:
    """An HTTP receiver: `HTTP("https://logs.example.com/hitl", bearer="env:LOG_TOKEN")`.

    The stored lines as NDJSON; only 2xx counts. `bearer` names the variable with a token, `secret` the one with a key
    (`whsec_…`) by which each message is signed as Standard Webhooks say. The URL is https, but on this machine.
    """

    def __init__(
        self, url: str, *, name: str = "http", from_start: bool = False, bearer: str = "", secret: str = ""
    ) -> None:
        self.name = checked_name(name)
        self.from_start = from_start
        self._receiver = http.Receiver(
            checked_url(url, "receiver"),
            secret_name(bearer, "the token of a receiver") if bearer else "",
            secret_name(secret, "the key of a receiver") if secret else "",
        )

    async def write(self, lines: Sequence[Line]) -> None:
        """See `ports_out.Sink`."""
        await http.post(self._receiver, lines)

    def __repr__(self) -> str:
        return f"HTTP({shown_url(self._receiver.url)!r}, name={self.name!r})"


def checked_name(name: object) -> str:
    """A copy's name stands in the store. SettingsError for what cannot be one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        msg = f"{name!r} cannot be the name of a second copy"
        raise SettingsError(msg, help="at most 31 lower-case letters, digits, `-` and `_`, a letter or digit first")
    return name


def _receiver(url: str) -> syslog.Receiver:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except (ValueError, TypeError, AttributeError):
        raise _none(url) from None
    if parts.scheme == "syslog+unix" and not parts.netloc and parts.path:
        return syslog.Receiver(path=Path(unquote(parts.path)))
    if parts.scheme not in _SYSLOG or not host or parts.path not in {"", "/"} or parts.username or parts.password:
        raise _none(url)
    return syslog.Receiver(host, port or _PORTS[parts.scheme], tls=_SYSLOG[parts.scheme])


def _none(url: object) -> SettingsError:
    told = url.partition(":")[0] if isinstance(url, str) else type(url).__name__  # the rest may hold a secret
    msg = f"{told!r} is not the URL of a second copy"
    return SettingsError(msg, help=f"it is {FORMS}, with #name=…&from=start&bearer=env:NAME where that is wanted")


def sinks_of(text: str) -> tuple[Sink, ...]:
    """Those of a setting: URLs with spaces between. SettingsError for one that names nothing."""
    return tuple(_sink_of(url) for url in text.split())


def _sink_of(text: str) -> Sink:
    """What follows a `#` says how: `name`, `from=start`, and for HTTP `bearer` and `secret`, for syslog `max_bytes`."""
    url, _, said = text.partition("#")
    given = dict(parse_qsl(said, keep_blank_values=True))
    scheme = url.partition(":")[0]
    kinds: dict[str, tuple[str, set[str]]] = {
        "file": ("file", set()),
        "https": ("http", {"bearer", "secret"}),
        "http": ("http", {"bearer", "secret"}),
    }
    kind, own = kinds.get(scheme, ("syslog", {"max_bytes"}))
    unknown = sorted(set(given) - {"name", "from"} - own)
    if unknown or given.get("from", "start") != "start" or not given.get("max_bytes", "1").isdecimal():
        msg = f"a second copy ({scheme}) has an option that is none: {unknown[0] if unknown else said}"
        raise SettingsError(msg, help="known are name, from=start, bearer and secret (https), max_bytes (syslog)")
    name, from_start = given.get("name", kind), "from" in given
    if kind == "http":
        return HTTP(
            url, name=name, from_start=from_start, bearer=given.get("bearer", ""), secret=given.get("secret", "")
        )
    if kind == "file":
        parts = urlsplit(url)
        if parts.netloc or not parts.path.startswith("/"):
            raise _none(url)
        return File(unquote(parts.path), name=name, from_start=from_start)
    return Syslog(url, name=name, from_start=from_start, max_bytes=int(given.get("max_bytes", syslog.MESSAGE_BYTES)))
