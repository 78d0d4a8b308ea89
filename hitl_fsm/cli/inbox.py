"""`inbox`: what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.listing import open_requirements
from hitl_fsm.cli.output import json_line, say, show

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.requirement import Requirement


def inbox(
    ctx: typer.Context,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only those of this run.")] = None,
) -> None:
    """List the open questions of all runs, oldest first.

    JSON lines: {"id", "run", "kind", "severity", "agent", "user", "tool", "args", "digest", "stage", "stages",
    "opened_at", "expires_at", "path"}; times are RFC 3339, `expires_at` may be null; `path` leads from the run down to
    who asks.
    """
    session: Session = ctx.obj
    found = [one for one in open_requirements(session.open_store()) if run in {None, one.run_id}]
    if session.json:
        for requirement in found:
            json_line(row(requirement))
        return
    if not found:
        say(session, "nothing waits for a person")
        return
    _show(session, found)
    say(session, f"{len(found)} open; `hitl-fsm show REQ` tells all of one")


def row(requirement: Requirement) -> dict[str, Any]:
    """One open question in a list."""
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only

    return {
        "id": requirement.requirement_id,
        "run": requirement.run_id,
        "kind": requirement.kind,
        "severity": requirement.severity,
        "agent": requirement.agent,
        "user": requirement.user,
        "tool": requirement.tool,
        "args": requirement.args,
        "digest": requirement.digest,
        "stage": requirement.stage,
        "stages": requirement.stages,
        "opened_at": iso(requirement.opened_at),
        "expires_at": None if requirement.expires_at is None else iso(requirement.expires_at),
        "path": requirement.path,
    }


def _show(session: Session, found: list[Requirement]) -> None:
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - text only
    from hitl_fsm.cli.present import one_line  # noqa: PLC0415 - as above
    from hitl_fsm.cli.when import now_ms, relative  # noqa: PLC0415 - as above
    from hitl_fsm.model.paths import way  # noqa: PLC0415 - as above

    now = now_ms()
    rows = tuple(
        (
            one.requirement_id,
            one.kind,
            one.severity,
            f"{one.tool} {one_line(one.args)}",
            f"{way(one.path) if len(one.path) > 1 else one.agent} for {one.user}",
            relative(one.opened_at, now),
            "never" if one.expires_at is None else relative(one.expires_at, now),
        )
        for one in found
    )
    show(session, Page((Grid(("id", "kind", "severity", "action", "agent", "opened", "expires"), rows),)))
