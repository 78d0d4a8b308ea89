"""`overrides`: gates that one person passed alone, and the look at them that is still owed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.answers.identity import As
from hitl_fsm.cli.lazy import SharedOptions, plain_app

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.override import Override
    from hitl_fsm.ports import Store

PAGE = 1_000
"""Rows asked of the store at once."""

app = plain_app(cls=SharedOptions, help="List and review gates that one person passed alone, in an emergency.")


@app.command("list")
def list_overrides(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Those too that were reviewed.")] = False,
) -> None:
    """List gates that one person passed alone and that nobody has looked at yet, oldest first.

    JSON lines: {"requirement", "run", "state", "tool", "digest", "by", "at", "reason", "reviewed_by", "reviewed_at",
    "finding"}; `state` is open or reviewed.
    """
    from hitl_fsm.cli.output import json_line, say, show  # noqa: PLC0415 - as it is used

    session: Session = ctx.obj
    found = all_overrides(session.open_store(), reviewed=all_)
    if session.json:
        for one in found:
            json_line(override_values(one))
        return
    if not found:
        say(session, "nothing is to be reviewed")
        return
    show(session, _table(found))
    say(session, "`hitl-fsm show REQ` shows the action; `hitl-fsm overrides review REQ --finding TEXT` closes it")


@app.command("review")
def review_override(
    ctx: typer.Context,
    requirement: Annotated[str, typer.Argument(metavar="REQ", help="As `overrides list` lists it.")],
    finding: Annotated[str, typer.Option(help="What came of looking at it; kept on the record.")],
    as_: As = None,
) -> None:
    """Say what came of looking at it, once. Another person does than who passed the gate.

    JSON: as a line of `overrides list`.
    """
    from hitl_fsm.cli.answers.identity import typist  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line  # noqa: PLC0415 - as above
    from hitl_fsm.model.visible import visible  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    by = typist(session, as_)
    reviewed = session.engine().overrides.review(requirement, by=by, finding=finding)
    if session.json:
        json_document(override_values(reviewed))
    else:
        line(visible(f"{reviewed.requirement_id} is reviewed"))


def all_overrides(store: Store, *, reviewed: bool = False) -> list[Override]:
    """All that are open; or all that there are."""
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as it is used

    found: list[Override] = []
    while True:
        after = found[-1].requirement_id if found else ""
        page = run_sync(store.overrides(state=None if reviewed else "open", after=after, limit=PAGE))
        found += page
        if len(page) < PAGE:
            return found


def override_values(one: Override) -> dict[str, Any]:
    """One as `--format json` prints it."""
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only

    return {
        "requirement": one.requirement_id,
        "run": one.run_id,
        "state": "open" if one.reviewed_by is None else "reviewed",
        "tool": one.tool,
        "digest": one.digest,
        "by": one.by.id,
        "at": iso(one.at),
        "reason": one.reason,
        "reviewed_by": None if one.reviewed_by is None else one.reviewed_by.id,
        "reviewed_at": None if one.reviewed_at is None else iso(one.reviewed_at),
        "finding": one.finding,
    }


def _table(found: list[Override]) -> Any:
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - text only
    from hitl_fsm.cli.when import now_ms, stamp  # noqa: PLC0415 - as above

    now = now_ms()
    cells = tuple(
        (
            one.requirement_id,
            one.tool,
            one.by.signature,
            stamp(one.at, now),
            one.reason,
            "" if one.reviewed_by is None else f"{one.reviewed_by.signature}: {one.finding}",
        )
        for one in found
    )
    return Page((Grid(("question", "tool", "passed alone by", "when", "because", "reviewed by"), cells),))
