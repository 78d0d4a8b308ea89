"""`impact`: policies that are not in force yet, held against what was judged."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_fsm.cli.policies.changes import SHOWN

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session

EXIT_LOOSENED = 1


class Default(StrEnum):
    """The engine's word on what no policy covers."""

    DENY = "deny"
    CONFIRM = "confirm"


Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="A day, an instant, or how long ago: 2026-10-01, 90d, 12h, 30m."),
]
AllowLoosening = Annotated[
    bool, typer.Option("--allow-loosening", help="Exit 0 although something is asked for less, or otherwise.")
]
DefaultWord = Annotated[
    Default | None,
    typer.Option("--default", help="The engine's word on what no policy covers; without it, that of then, else deny."),
]
Limit = Annotated[int, typer.Option(min=0, help="Actions that are shown of each kind of change; all are counted.")]


def impact(
    ctx: typer.Context,
    policies: Annotated[
        list[str] | None, typer.Argument(metavar="NEW_POLICIES…", help="The policies that might come into force.")
    ] = None,
    since: Since = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Instead: what the shadow policies of then would have done, by rule.")
    ] = False,
    allow_loosening: AllowLoosening = False,
    default: DefaultWord = None,
    limit: Limit = SHOWN,
) -> None:
    """Hold new policies against every action that the store's runs were judged by.

    Loosened verdicts come first, then those that changed, then those that are tightened. Exit 1 when anything that was
    asked for would be asked for less, or otherwise, unless that is allowed. Nothing is written.
    JSON: {"since", "safe", "actions", "runs", "counts", "more", "fewer", "against", "not_told": {"never_judged",
    "lost", "unreadable", "forgotten"}, "unreadable": [{"run", "error"}], "changes": [{"change", "run", "call", "tool",
    "at", "occasion", "user", "agent", "decided", "became", "args", "old", "new", "differences"}]}; with --shadow also
    "shadowed", "untold", "rules".
    """
    session: Session = ctx.obj
    if shadow:
        if policies:
            msg = "--shadow tells of policies that are in force as `mode: shadow`; it takes no others"
            raise typer.BadParameter(msg, param_hint="--shadow")
        from hitl_fsm.cli.policies.impact_shadow import tell_shadow  # noqa: PLC0415 - only then

        tell_shadow(session, _since(since), limit)
        return
    if not policies:
        msg = "name the policies that might come into force, or --shadow"
        raise typer.BadParameter(msg, param_hint="NEW_POLICIES")
    from hitl_fsm.cli.policies.impact_report import tell  # noqa: PLC0415 - as it is used
    from hitl_fsm.connect import load_policies  # noqa: PLC0415 - with pydantic
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.policies.impact import impact as measure  # noqa: PLC0415 - as it is used

    from_when = _since(since)
    new, store = load_policies(policies), session.open_store()
    found = run_sync(measure(store, new, since=from_when, default=default.value if default else None))
    tell(session, found, from_when, limit)
    if not found.is_safe and not allow_loosening:
        raise typer.Exit(EXIT_LOOSENED)


def _since(text: str | None) -> int:
    from hitl_fsm.cli.since import since_ms  # noqa: PLC0415 - as it is used

    return 0 if text is None else since_ms(text)
