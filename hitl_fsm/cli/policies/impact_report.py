"""What `impact` found, in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hitl_fsm.cli.output import json_document, line, say, show
from hitl_fsm.cli.page import Page
from hitl_fsm.cli.policies import changes
from hitl_fsm.cli.policies.changes import Shown, blocks, counted, in_short, many
from hitl_fsm.model.instant import iso
from hitl_fsm.policy.compare import CHANGES, Change
from hitl_fsm.policy.sensitive import masked

if TYPE_CHECKING:
    from hitl_fsm.cli.session import Session
    from hitl_fsm.runtime.policies.impact import Impact, Seen, Weighed

_STATES = {"open": "is still open", "resolved": "was answered", "rejected": "was rejected"}


def tell(session: Session, found: Impact, since: int, limit: int) -> None:
    """The changes to stdout, what could not be judged again to stderr."""
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
    return f" since {iso(since)}" if since else ""


def not_told(seen: Seen) -> list[str]:
    """A line for each thing that nobody can judge again."""
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
