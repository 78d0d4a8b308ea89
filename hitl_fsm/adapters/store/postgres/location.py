"""From a PostgreSQL URL to where the store is. What libpq knows in a URL means what it means to libpq."""

from __future__ import annotations

import re
from importlib import import_module
from typing import NamedTuple
from urllib.parse import quote, unquote

from hitl_fsm.adapters.store.url import POSTGRESQL, Synchronous
from hitl_fsm.errors import StoreError

FORM = "postgresql://user:password@host:5432/database, with libpq's options after `?`"

SCHEMA = "hitl_fsm"
"""The PostgreSQL schema that holds the tables, unless the URL names another (`?schema=`): an application may share its
database with the store, and neither meets the other's tables, nor its `alembic_version`."""

CONNECT_S = 10
"""How long connecting may take, unless the URL says otherwise (`?connect_timeout=`)."""

_PORTS = re.compile(r"[0-9,]*")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# A server that vanished without a word is noticed within half a minute: otherwise a commit could wait for hours.
_DEFAULTS = {
    "connect_timeout": str(CONNECT_S),
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
    "fallback_application_name": "hitl-fsm",
}


class Location(NamedTuple):
    """`parameters` are libpq's, the password among them; `shown` is what may be seen.

    `full` waits at every commit until the server has it on disk; with `normal` (`synchronous_commit = off`) a crash of
    the server may undo the last moments' commits, never half of one.
    """

    parameters: dict[str, str]
    shown: str
    schema: str
    synchronous: Synchronous


def parse(url: str) -> Location:
    """Raises StoreError for a URL that names no PostgreSQL database, and when psycopg is missing."""
    _require_psycopg()
    from psycopg import Error  # noqa: PLC0415 - optional, and 0.1 s for those who use it only
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    rest = next(url.removeprefix(prefix) for prefix in POSTGRESQL if url.startswith(prefix))
    place, ours, theirs = _split(rest)
    try:
        found = conninfo_to_dict(f"postgresql://{place}{'?' if theirs else ''}{theirs}")
    except (Error, UnicodeError):
        # libpq's own words may hold a part of the password: they are not repeated, and not chained either.
        raise _unclear() from None
    given = {name: str(value) for name, value in found.items() if value is not None}
    if _PORTS.fullmatch(given.get("port", "")) is None:
        raise _unclear()
    parameters = _DEFAULTS | given
    parameters |= {"client_encoding": "utf8"}
    return Location(parameters, _shown(parameters), _schema(ours), _synchronous(ours))


def _require_psycopg() -> None:
    try:
        import_module("psycopg")
    except ImportError as error:
        message = f"PostgreSQL needs psycopg 3, which cannot be imported: {str(error).splitlines()[0]}"
        raise StoreError(message, help="pip install 'hitl-fsm[postgres]' 'psycopg[binary]'") from error


def _split(rest: str) -> tuple[str, dict[str, str], str]:
    """The place, the options that are ours, and those that are libpq's.

    With an `@` or a `/` in a password, a part of it would be taken for host, port or database, and be shown.
    """
    login = rest.partition("/")[0].rfind("@") + 1
    place, _, query = rest[login:].partition("?")
    if "@" in place or rest.count("@", 0, login) > 1 or "\0" in rest:
        raise _unclear()
    ours: dict[str, str] = {}
    theirs: list[str] = []
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name in {"synchronous", "schema"}:
            ours[name] = unquote(value)
        else:
            theirs.append(option)
    return rest[:login] + place, ours, "&".join(theirs)


def _unclear() -> StoreError:
    message = "the store's URL is not one that PostgreSQL's client library understands"
    return StoreError(message, help=f"use {FORM}; write special characters of a password as %XX")


def _synchronous(ours: dict[str, str]) -> Synchronous:
    match ours.get("synchronous", "full"):
        case "full":
            return "full"
        case "normal":
            return "normal"
        case other:
            message = f"the store's URL has an unknown option: 'synchronous={other}'"
            raise StoreError(message, help="it is synchronous=full or synchronous=normal")


def _schema(ours: dict[str, str]) -> str:
    schema = ours.get("schema", SCHEMA)
    if _IDENTIFIER.fullmatch(schema) is None:
        message = f"the store's URL has an impossible option: 'schema={schema}'"
        raise StoreError(message, help="a schema is named in a-z, 0-9 and _, and begins with no digit")
    return schema


def _shown(parameters: dict[str, str]) -> str:
    host, user = parameters.get("host", ""), parameters.get("user", "")
    database = quote(parameters.get("dbname", user))
    if host.startswith("/"):
        return f"postgresql:///{database}?host={host}"
    login = f"{quote(user)}@" if user else ""
    port = f":{parameters['port']}" if "port" in parameters else ""
    return f"postgresql://{login}{host}{port}/{database}"
