"""`delegate`: let somebody else answer with one's own roles, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.delegation import Delegation

_MOMENT = "2026-12-31|2026-12-31T18:00:00Z"


def delegate(
    ctx: typer.Context,
    to: Annotated[str | None, typer.Argument(metavar="[TO]", help="Who may speak for you.")] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE", help="Only this role of yours; may stand several times."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar=_MOMENT, help="Until when; a day (UTC) is included. At most 90 days."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar=_MOMENT, help="From when on; now without it.")] = None,
    note: Annotated[str, typer.Option(help="Kept on the record.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="List what holds, or will, of everybody.")] = False,
    end: Annotated[str | None, typer.Option("--end", metavar="ID", help="End this one; only who gave it may.")] = None,
    as_: As = None,
) -> None:
    """Let somebody else answer with your roles, for a while.

    Whoever takes it answers with `--as for:YOU`: with your roles of that moment, and nothing else. Neither of you
    counts beside the other then, and it cannot be passed on. Delegations in roles files are not listed here.

    JSON: {"id", "from", "to", "roles", "since", "until", "state", "note"}; a list of them with --list.
    """
    session: Session = ctx.obj
    if sum((to is not None, list_, end is not None)) != 1:
        msg = "name who may speak for you, or give --list or --end ID"
        raise typer.BadParameter(msg, param_hint="TO")
    if list_:
        _list(session)
    elif end is not None:
        _end(session, end, as_)
    else:
        if until is None:
            msg = "a delegation has an end: --until 2026-12-31"
            raise typer.BadParameter(msg, param_hint="--until")
        _add(session, str(to), as_, {"roles": role or (), "until": until, "since": since, "note": note})


def _add(session: Session, to: str, as_: str | None, terms: dict[str, Any]) -> None:
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line, say  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    by = typist(session, as_)
    made = session.engine().delegations.add(to, by=by, **terms)
    if session.json:
        json_document(_document(made, "active"))
        return
    line(visible(f"{made.delegation_id}: {_words(made)}"))
    say(session, visible(f"{made.taker} answers with `--as for:{made.giver}`; --end {made.delegation_id} ends it"))


def _end(session: Session, delegation_id: str, as_: str | None) -> None:
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    ended = session.engine().delegations.end(delegation_id, by=typist(session, as_))
    if session.json:
        json_document(_document(ended, "ended"))
        return
    line(visible(f"{ended.delegation_id}: ended; {ended.taker} speaks for {ended.giver} by it no more"))


def _list(session: Session) -> None:
    from hitl_fsm.cli.output import json_document, line, say  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    rows = session.engine().delegations.list()
    if session.json:
        json_document([_document(row.delegation, row.state) for row in rows])
        return
    for row in rows:
        line(visible(f"{row.delegation.delegation_id}: {_words(row.delegation)}"))
    if not rows:
        say(session, "nobody has delegated anything that still holds")


def _words(made: Delegation) -> str:
    from hitl_fsm.cli.when import stamp  # noqa: PLC0415 - as it is used

    roles = f"with {', '.join(made.roles)}" if made.roles else "with all roles"
    times = f"from {stamp(made.since or 0)} to {stamp(made.until or 0)}"
    note = f"; {made.note}" if made.note else ""
    return f"{made.taker} may speak for {made.giver} {roles}, {times}{note}"


def _document(made: Delegation, state: str) -> dict[str, Any]:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as it is used

    return {
        "id": made.delegation_id,
        "from": made.giver,
        "to": made.taker,
        "roles": list(made.roles),
        "since": None if made.since is None else iso(made.since),
        "until": None if made.until is None else iso(made.until),
        "state": state,
        "note": made.note,
    }
