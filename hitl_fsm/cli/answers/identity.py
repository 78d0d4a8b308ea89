"""Who types (law 13): the user of the operating system, never a name from the command line alone.

Where the application has a directory that knows `os:<uid>`, that is the person; otherwise the login name is.
`--as NAME` speaks as somebody else. It is for the store's owner, who could write to it anyway: of a file its owner, of
a server's tables the role that owns them. The record says who really typed: `authenticated_by` is then `os:<uid> as
NAME`. `--as for:NAME` stays oneself, and speaks for NAME by a delegation.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from hitl_fsm.errors import NotAuthorised
from hitl_fsm.model.actor import Actor

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

FOR = "for:"
"""Before the name of somebody who is spoken for."""

As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Speak as NAME: only the store's owner may, and the record then says `os:<uid> as NAME`. `for:NAME` is "
        "you, speaking for NAME by a delegation.",
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
    """The actor of this process, or `name`, with what the application's lookup says of that one.

    `for:NAME`, alone or after a name and a space: speaking for NAME. Raises NotAuthorised when this user may not speak
    as, or for, somebody.
    """
    speaker, giver = _said(name)
    uid, own = os.geteuid(), own_identity(session)
    credential = f"os:{uid}"
    if speaker is not None and not _is_same(session, speaker, own):
        _check_owner(session, uid, speaker)
        credential = f"os:{uid} as {speaker}"
    wanted = speaker or own
    found = session.engine().actor(wanted, Actor(id=wanted)) if session.app_loaded else Actor(id=wanted)
    actor = msgspec.structs.replace(found, authenticated_by=credential)
    return actor if giver is None else session.engine().delegations.speaking(actor, giver)


def own_identity(session: Session) -> str:
    """`os:<uid>` where the application's directory knows it, otherwise the login name."""
    people = session.engine().parts.people if session.app_loaded else None
    identity = f"os:{os.geteuid()}"
    return identity if people is not None and people().knows(identity) else login()


def _said(name: str | None) -> tuple[str | None, str | None]:
    """As whom, and for whom."""
    before, found, giver = (name or "").rpartition(FOR)
    if not found or (before and not before.endswith(" ")):
        return name, None
    return before.strip() or None, giver


def _is_same(session: Session, name: str, own: str) -> bool:
    if name == own:
        return True
    person = session.engine().parts.person if session.app_loaded else None
    return person is not None and person(name) == person(own)


def _check_owner(session: Session, uid: int, name: str) -> None:
    path = session.store_path()
    if path is None:
        from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

        owner = run_sync(session.engine().store.owner())  # in memory, it is whoever uses it
        if not owner.is_user:
            msg = f"only {owner.name}, which owns the store's tables, may speak as {name}; this is {owner.user}"
            raise NotAuthorised(msg, help=f"leave the name out: you are {login()}")
        return
    if not Path(path).exists():
        return  # about to be made by this process
    owns = Path(path).stat().st_uid
    if owns != uid:
        msg = f"only the owner of {path} (uid {owns}) may speak as {name}; this is uid {uid}"
        raise NotAuthorised(msg, help=f"leave the name out: you are {login()}")
