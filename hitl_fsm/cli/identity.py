"""Who types (law 13): the user of the operating system, never a name from the command line alone.

`--as NAME` speaks as somebody else. It is for the owner of the store's file, who could write to it anyway; the record
says who really typed: `authenticated_by` is then `os:<uid> as NAME`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.errors import NotAuthorised
from hitl_fsm.model.actor import Actor

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Speak as NAME. Only the owner of the store's file may; the record then says `os:<uid> as NAME`.",
    ),
]


def login() -> str:
    """The name of the operating system's user; the number, where it has no name."""
    import pwd  # noqa: PLC0415 - not for --help

    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def typist(session: Session, name: str | None = None) -> Actor:
    """The actor of this process, or `name`, with the roles that the application's lookup gives.

    Raises NotAuthorised when this user may not speak as `name`.
    """
    uid, own = os.geteuid(), login()
    credential = f"os:{uid}"
    if name is not None and name != own:
        _check_owner(session, uid, name)
        credential = f"os:{uid} as {name}"
    wanted = name or own
    if not session.app_loaded:
        return Actor(id=wanted, authenticated_by=credential)
    found = session.engine().actor(wanted, Actor(id=wanted))
    return Actor(id=found.id, roles=found.roles, kind=found.kind, authenticated_by=credential)


def _check_owner(session: Session, uid: int, name: str) -> None:
    path = session.store_path()
    if path is None or not Path(path).exists():
        return  # in memory, or about to be made by this process
    owner = Path(path).stat().st_uid
    if owner != uid:
        msg = f"only the owner of {path} (uid {owner}) may speak as {name}; this is uid {uid}"
        raise NotAuthorised(msg, help=f"leave the name out: you are {login()}")
