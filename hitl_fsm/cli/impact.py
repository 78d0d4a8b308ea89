"""`impact`: policies that are not in force yet, held against what was judged."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hitl_fsm.cli.changes import SHOWN

if TYPE_CHECKING:
    from hitl_fsm.cli.changes import Shown
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.compare import Change
    from hitl_fsm.runtime.impact import Impact, Seen, Weighed

EXIT_LOOSENED = 1
_STATES = {"open": "is still open", "resolved": "was answered", "rejected": "was rejected"}


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
        from hitl_fsm.cli.impact_shadow import tell_shadow  # noqa: PLC0415 - only then

        tell_shadow(session, _since(since), limit)
        return
    if not policies:
        msg = "name the policies that might come into force, or --shadow"
        raise typer.BadParameter(msg, param_hint="NEW_POLICIES")
    from hitl_fsm.connect import load_policies  # noqa: PLC0415 - with pydantic
    from hitl_fsm.runtime.impact import impact as measure  # noqa: PLC0415 - as it is used
    from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as above

    from_when = _since(since)
    new, store = load_policies(policies), session.open_store()
    found = run_sync(measure(store, new, since=from_when, default=default.value if default else None))
    tell(session, found, from_when, limit)
    if not found.is_safe and not allow_loosening:
        raise typer.Exit(EXIT_LOOSENED)


def _since(text: str | None) -> int:
    from hitl_fsm.cli.since import since_ms  # noqa: PLC0415 - as it is used

    return 0 if text is None else since_ms(text)


def tell(session: Session, found: Impact, since: int, limit: int) -> None:
    """The changes to stdout, what could not be judged again to stderr."""
    from hitl_fsm.cli.changes import blocks, counted, in_short, many  # noqa: PLC0415 - as it is used
    from hitl_fsm.cli.output import json_document, line, say, show  # noqa: PLC0415 - as above
    from hitl_fsm.cli.page import Page  # noqa: PLC0415 - as above

    if session.json:
        json_document(as_object(found, since, limit))
        return
    seen = found.seen
    head = in_short(found.more, found.fewer, found.counts)
    line(f"had this been in force{_from(since)}: {head}")
    line(f"{many(seen.actions, 'action', 'actions')} in {many(seen.runs, 'run', 'runs')}: {counted(found.counts)}")
    if found.against:
        line(f"{many(found.against, 'action', 'actions')} that a person rejected would be asked for less, or otherwise")
    listed: dict[Change, list[Shown]] = {
        change: [shown(one) for one in several[:limit]] for change, several in found.listed.items()
    }
    page = blocks(listed, found.counts, limit)
    if page:
        line("")
        show(session, Page(tuple(page)))
    say(session, *not_told(seen))


def _from(since: int) -> str:
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as it is used

    return f" since {iso(since)}" if since else ""


def not_told(seen: Seen) -> list[str]:
    """A line for each thing that nobody can judge again."""
    from hitl_fsm.cli.changes import many  # noqa: PLC0415 - as it is used

    lines = []
    if seen.never_judged:
        calls = many(seen.never_judged, "call was", "calls were")
        lines.append(f"{calls} refused before a policy was asked: unknown tool or unreadable arguments")
    if seen.lost:
        lines.append(f"{many(seen.lost, 'action', 'actions')} cannot be judged again: the log no longer holds them")
    if seen.forgotten:
        lines.append(f"{many(seen.forgotten, 'run was', 'runs were')} forgotten; what they did is not counted")
    if seen.unreadable:
        lines.append(f"{many(seen.unreadable, 'run', 'runs')} cannot be read:")
        lines += [f"  {run_id}: {error.code} {error.message}" for run_id, error in seen.named]
    return lines


def as_object(found: Impact, since: int, limit: int) -> dict[str, Any]:
    """The whole of it as JSON."""
    from hitl_fsm.cli import changes  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above
    from hitl_fsm.policy.compare import CHANGES  # noqa: PLC0415 - as above

    seen = found.seen
    return {
        "since": iso(since) if since else None,
        "safe": found.is_safe,
        "actions": seen.actions,
        "runs": seen.runs,
        "counts": {change: found.counts[change] for change in CHANGES},
        "more": dict(found.more),
        "fewer": dict(found.fewer),
        "against": found.against,
        "not_told": {
            "never_judged": seen.never_judged,
            "lost": seen.lost,
            "unreadable": seen.unreadable,
            "forgotten": seen.forgotten,
        },
        "unreadable": [{"run": run_id, "error": f"{error.code} {error.message}"} for run_id, error in seen.named],
        "changes": [
            changes.as_object(shown(one)) for change in CHANGES for one in found.listed.get(change, [])[:limit]
        ],
    }


def shown(one: Weighed) -> Shown:
    """An action of the past with what became of it."""
    from hitl_fsm.cli.changes import Shown  # noqa: PLC0415 - as it is used
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - as above
    from hitl_fsm.policy.sensitive import masked  # noqa: PLC0415 - as above

    judged = one.judged
    action = judged.action
    args = masked(action.args, judged.sensitive)
    name = action.tool or action.step or action.agent
    origin = {
        "run": judged.run_id,
        "call": judged.call_id,
        "tool": action.tool,
        "at": iso(judged.at),
        "occasion": judged.occasion,
        "user": action.user.id,
        "agent": action.agent,
        "decided": [
            {"requirement": said.requirement_id, "kind": said.kind, "state": said.state, "by": said.by}
            for said in judged.decided
        ],
        "became": judged.became,
    }
    then = [
        f"{said.kind} {_STATES.get(said.state, said.state)}"
        f"{f' by {said.by}' if said.by else ''}{f' at {iso(said.at)}' if said.at else ''}"
        for said in judged.decided
    ]
    if judged.became:
        then.append(f"the call is {judged.became}")
    words = {"edited": ", as a person edited it", "filled_in": ", with a person's form"}
    title = f"{name}  {judged.run_id} {judged.call_id}  {iso(judged.at)}  for {action.user.id}"
    title += words.get(judged.occasion, "")
    return Shown(title, origin, args, one.old, one.new, one.comparison, tuple(then))
