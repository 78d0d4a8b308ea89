"""`audit readers`: who reads the record, and a reader that nobody has any more."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.record.retiring import Reader


class What(StrEnum):
    """What is done with the readers."""

    LIST = "list"
    RETIRE = "retire"


def readers(
    ctx: typer.Context,
    what: Annotated[What, typer.Argument(help="List them, or retire one that nobody has any more.")] = What.LIST,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="To retire: as the list has it.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="To retire: why; kept on the record.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="To retire: do not ask first.")] = False,
    as_: As = None,
) -> None:
    """List who reads the record, the slowest first, or retire a reader that nobody has any more.

    What a reader has not read is not pruned. With --app the list tells which of them the application has, and one that
    it has is not retired. A channel's notices that wait go with it; calls that wait for a route stay.

    JSON lines: {"name", "kind", "seq", "behind", "here"}; `here` is null where no application is named. Retiring:
    {"name", "seq", "notices"}.
    """
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    if what is What.RETIRE:
        _retire(session, name, reason, as_, yes=yes)
        return
    if name is not None:
        msg = "the list is of all readers"
        raise typer.BadParameter(msg, param_hint="NAME")
    found = session.engine().audit.readers()
    if session.json:
        for one in found:
            json_line({**one._asdict(), "here": _here(session, one)})
    elif found:
        show(session, Page((Grid(("reader", "is", "read up to", "behind", "here"), _cells(session, found)),)))
    else:
        say(session, "nobody reads the record yet")


def _here(session: Session, one: Reader) -> bool | None:
    """An engine without an application has no channels: of those it cannot tell."""
    return True if one.here else False if session.app_loaded else None


def _cells(session: Session, found: Any) -> tuple[tuple[str, ...], ...]:
    words = {True: "yes", False: "no", None: "?"}
    return tuple((one.name, one.kind, str(one.seq), str(one.behind), words[_here(session, one)]) for one in found)


def _retire(session: Session, name: str | None, reason: str | None, as_: str | None, *, yes: bool) -> None:
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.audit.erase import confirm  # noqa: PLC0415 - as above
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    if name is None or reason is None:
        msg = "name the reader, and say why: retire NAME --reason WHY"
        raise typer.BadParameter(msg)
    by = typist(session, as_)
    if not yes:
        unseen = "" if session.app_loaded else ", though no application is named that could still have it"
        confirm(f"retire the reader {name} of the record, and drop what waits to be sent by it{unseen}")
    retired = session.engine().audit.retire_reader(name, by=by, reason=reason)
    if session.json:
        json_document(retired._asdict())
    else:
        line(visible(f"{retired.name} is retired: it had read up to line {retired.seq}{_unsent(retired.notices)}"))


def _unsent(notices: int) -> str:
    return f"; notices that are not sent: {notices}" if notices else ""
