"""`validate --watch`: the same check whenever a file changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

import typer

from hitl_fsm.cli.output import json_line, say
from hitl_fsm.cli.policies.changes import many
from hitl_fsm.cli.policies.checking import Format, Request, look_at, tell
from hitl_fsm.cli.watching import differing, snapshot, wait_for_change
from hitl_fsm.policy.formats.data import as_object

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

STREAMED = (Format.TEXT, Format.CONCISE, Format.JSON)
NAMES_TOLD = 5
"""Changed files that are named in one line."""


def keep_looking(session: Session, request: Request, chosen: Format) -> NoReturn:
    """Until Ctrl-C (KeyboardInterrupt). As JSON, each check is one line."""
    if chosen not in STREAMED:
        msg = f"--watch prints {', '.join(STREAMED)}, not {chosen.value}"
        raise typer.BadParameter(msg, param_hint="--format")
    beside: frozenset[str] = frozenset()
    before = snapshot(request.paths)
    while True:
        look = look_at(request)
        if chosen is Format.JSON:
            json_line(as_object(look.report))
        else:
            tell(session, look.report, chosen)
        beside |= look.beside
        # What the check came upon is new to us and no change; what else changed meanwhile is one.
        before = {**snapshot((), beside), **before}
        say(session, f"watching {many(len(before), 'file', 'files')}; Ctrl-C ends")
        after = wait_for_change(before, partial(snapshot, request.paths, beside))
        names = differing(before, after)
        more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
        say(session, f"changed: {', '.join(names[:NAMES_TOLD])}{more}")
        before = after
