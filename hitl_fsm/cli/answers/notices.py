"""`notices`: what people and machines were told, and trying again what could not be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from hitl_fsm.cli.answers.identity import As
from hitl_fsm.cli.lazy import SharedOptions, plain_app
from hitl_fsm.errors import SettingsError

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.delivery import Delivery

PAGE = 1_000
"""Rows asked of the store at once, and listed at most."""

app = plain_app(cls=SharedOptions, help="List what people were told, and try again what could not be told.")


@app.command("list")
def list_notices(
    ctx: typer.Context,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help="waiting, sending, sent, dropped, dead; or all.")
    ] = "dead",
    requirement: Annotated[str | None, typer.Option("--about", metavar="REQ", help="Only of this question.")] = None,
) -> None:
    """List notices that were given up, or those in another state; a thousand at most.

    `dropped` is what it was too late for: the question was closed before it could be told. What was told is on the
    record (`notice_sent`), what could not be, too (`notice_failed`).

    JSON lines: {"notice", "channel", "requirement", "run", "event", "state", "attempts", "due_at", "who"}.
    """
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.delivery import DeliveryState  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    if state not in {*get_args(DeliveryState), "all"}:
        msg = f"there is no state {state!r} of a notice"
        raise SettingsError(msg, help="waiting, sending, sent, dropped, dead, or all")
    wanted: Any = None if state == "all" else state
    store = session.open_store()
    found = run_sync(store.deliveries(kind="notice", state=wanted, about=requirement, limit=PAGE))
    if session.json:
        for one in found:
            json_line(notice_values(one))
        return
    if not found:
        say(session, "no notice was given up" if state == "dead" else "there is no such notice")
        return
    show(session, _table(found))
    if len(found) == PAGE:
        say(session, f"these are {PAGE}; there may be more: --about REQ lists those of one question")
    if any(one.state == "dead" for one in found):
        say(session, "`hitl-fsm notices retry NOTICE` has one sent again, by whoever has its channel")


@app.command("retry")
def retry_notice(
    ctx: typer.Context,
    notice: Annotated[str, typer.Argument(metavar="NOTICE", help="As `notices list` lists it.")],
    as_: As = None,
) -> None:
    """Have a notice that was given up sent again; a worker that has its channel does so.

    JSON: {"notice", "state"}.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    session.engine().notices.retry(notice, by=typist(session, as_))
    if session.json:
        json_document({"notice": notice, "state": "waiting"})
    else:
        line(visible(f"{notice} waits to be sent"))


def notice_values(one: Delivery) -> dict[str, Any]:
    """One as `--format json` prints it."""
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only

    return {
        "notice": one.delivery_id,
        "channel": one.target,
        "requirement": one.about,
        "run": one.run_id,
        "event": one.content.get("event"),
        "state": one.state,
        "attempts": one.attempts,
        "due_at": iso(one.due_at),
        "who": one.content.get("who"),
    }


def _table(found: Any) -> Any:
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - text only

    cells = tuple(
        (
            one.delivery_id,
            one.target,
            str(one.content.get("event", "")),
            str(one.content.get("who", "")),
            one.state,
            str(one.attempts),
        )
        for one in found
    )
    return Page((Grid(("notice", "channel", "what", "for", "state", "attempts"), cells),))
