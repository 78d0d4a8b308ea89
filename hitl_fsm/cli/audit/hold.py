"""`audit hold`: what must not be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As
from hitl_fsm.cli.lazy import SharedOptions, plain_app

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.hold import Hold, HoldRow
    from hitl_fsm.runtime.engine import Engine

app = plain_app(cls=SharedOptions, help="Place, release and list legal holds: what must not be forgotten.")


@app.command("place")
def place_hold(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept on the record.")],
    subject: Annotated[str | None, typer.Option("--subject", metavar="WHO", help="Of this person.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Of this run.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Of everything there is.")] = False,
    as_: As = None,
) -> None:
    """From now on nothing of it is erased, forgotten or pruned, until the hold is released.

    JSON: as a line of `audit hold list`.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line, warn  # noqa: PLC0415 - as above
    from hitl_fsm.model.hold import HoldRow  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    if (subject is not None) + (run is not None) + all_ != 1:
        msg = "name one: --subject WHO, --run RUN or --all"
        raise typer.BadParameter(msg)
    engine = session.engine()
    hold = engine.audit.hold.place(by=typist(session, as_), reason=reason, subject=subject, run=run)
    if session.json:
        json_document(_values(HoldRow(hold, "active")))
    else:
        line(visible(f"{hold.hold_id} holds {_covers(hold.kind, hold.about)}"))
    if not _covers_now(engine, hold):
        warn("nothing that is there is covered by it: is the id written as `hitl-fsm runs list` has it?")


def _covers_now(engine: Engine, hold: Hold) -> bool:
    """Whether a run that is there is held. One that is placed for what is to come holds that, too."""
    from hitl_fsm.errors import RunNotFound  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    if hold.kind == "subject":
        return bool(run_sync(engine.store.runs_about(hold.about)))
    try:
        return hold.kind == "all" or bool(engine.runs.get(hold.about))
    except RunNotFound:
        return False


@app.command("release")
def release_hold(
    ctx: typer.Context,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="As `audit hold list` lists it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept on the record.")],
    as_: As = None,
) -> None:
    """What the hold covered may be erased, forgotten and pruned again.

    JSON: as a line of `audit hold list`.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.hold import HoldRow  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    released = session.engine().audit.hold.release(hold, by=typist(session, as_), reason=reason)
    if session.json:
        json_document(_values(HoldRow(released, "released")))
    else:
        line(visible(f"{released.hold_id} is released: it held {_covers(released.kind, released.about)}"))


@app.command("list")
def list_holds(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Those too that were released.")] = False,
) -> None:
    """List legal holds, oldest first.

    JSON lines: {"hold", "kind", "about", "state", "by", "at", "reason"}; `kind` is subject, run or all.
    """
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    found = session.engine().audit.hold.list(released=all_)
    if session.json:
        for row in found:
            json_line(_values(row))
    elif found:
        show(session, Page((Grid(("hold", "covers", "state", "placed by", "when", "because"), _cells(found)),)))
    else:
        say(session, "there are no holds")


def _cells(found: Any) -> tuple[tuple[str, ...], ...]:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - text only

    return tuple(
        (
            row.hold.hold_id,
            _covers(row.hold.kind, row.hold.about),
            row.state,
            row.hold.by.signature,
            iso(row.hold.at),
            row.hold.reason,
        )
        for row in found
    )


def _covers(kind: str, about: str) -> str:
    return "everything" if kind == "all" else about if kind == "run" else f"what is about {about}"


def _values(row: HoldRow) -> dict[str, Any]:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only

    hold = row.hold
    return {
        "hold": hold.hold_id,
        "kind": hold.kind,
        "about": hold.about,
        "state": row.state,
        "by": hold.by.id,
        "at": iso(hold.at),
        "reason": hold.reason,
    }
