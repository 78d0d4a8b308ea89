"""`show`: one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.answers.handed import dispatch_page, dispatch_row, handed
from hitl_fsm.cli.answers.present import present
from hitl_fsm.cli.answers.viewing import tell_viewed
from hitl_fsm.cli.output import show as show_page
from hitl_fsm.cli.reading import read_requirement

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session


def show(
    ctx: typer.Context, requirement: Annotated[str, typer.Argument(metavar="REQ", help="As `inbox` lists it.")]
) -> None:
    """Show one question: the exact action, why it is asked, who may answer, how far its route has come.

    That you looked is on the record first; where that cannot be written, nothing is shown.

    JSON: one document of schemas/presentation.schema.json, with "dispatch" beside what stands there: null, or
    {"route", "state", "attempts", "detail"}, how far an open call's route has come.
    """
    session: Session = ctx.obj
    found, run = read_requirement(session, requirement)
    tell_viewed(session, found, run)
    way = handed(session, found)
    present(session, found, run, beside={"dispatch": dispatch_row(way)})
    if way is not None and not session.json:
        show_page(session, dispatch_page(way))
