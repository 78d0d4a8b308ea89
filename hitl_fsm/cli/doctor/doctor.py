"""`doctor`: whether everything is in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from hitl_fsm.cli.doctor.check import Check
from hitl_fsm.cli.doctor.checks import all_checks
from hitl_fsm.cli.output import json_document, say, show
from hitl_fsm.cli.page import Grid, Lines, Page

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

EXIT_PROBLEMS = 1


def doctor(ctx: typer.Context) -> None:
    """Check this installation, the store, the policies and the application.

    It changes nothing. Exit 1 when there is a problem; each one names its remedy.
    JSON: {"ok", "checks": [{"topic", "outcome": "ok" | "note" | "problem", "told", "remedy"}]}.
    """
    session: Session = ctx.obj
    checks = list(all_checks(session))
    problems = [check for check in checks if check.outcome == "problem"]
    if session.json:
        json_document({"ok": not problems, "checks": checks})
    else:
        show(session, _page(checks))
        told = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "everything is in place"
        say(session, told)
    if problems:
        raise typer.Exit(EXIT_PROBLEMS)


def _page(checks: list[Check]) -> Page:
    remedies = tuple(f"{check.topic}: {check.remedy}" for check in checks if check.remedy)
    found = Grid(("what", "", "found"), tuple((check.topic, check.outcome, check.told) for check in checks))
    return Page((found, Lines("what to do", remedies)) if remedies else (found,))
