"""Open questions as a list shows them, whichever surface does: a table, JSON lines, a full screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hitl_fsm.cli.answers.standing import as_document, short, standing
from hitl_fsm.cli.output import json_line, say, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from hitl_fsm.cli.session import Session
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.ports import Store

FLAG = "!"
CHANGED = "policy changed"
NOTHING = "nothing waits for a person"


class Listed(NamedTuple):
    """One question as lists have it; `policy_changed`: the policies of now ask for more than it was raised by."""

    requirement: Requirement
    policy_changed: bool


class Source(NamedTuple):
    """Where a list comes from, and which questions it shows; each look takes them anew. `nothing` is said of none."""

    store: Store
    look: Callable[[], list[Listed]]
    nothing: str = NOTHING


def tell(session: Session, found: list[Listed], nothing: str = NOTHING) -> None:
    """The whole list, as the options ask for it; `nothing` is said of an empty one."""
    if session.json:
        for one in found:
            json_line(row(one))
        return
    if not found:
        say(session, nothing)
        return
    _show(session, found)
    say(session, f"{len(found)} open; `hitl-fsm show REQ` tells all of one")


def row(listed: Listed) -> dict[str, Any]:
    """One open question in a list."""
    from hitl_fsm.model.instant import iso  # noqa: PLC0415 - JSON only

    requirement = listed.requirement
    return {
        "id": requirement.requirement_id,
        "run": requirement.run_id,
        "kind": requirement.kind,
        "severity": requirement.severity,
        "agent": requirement.agent,
        "user": requirement.user,
        "tool": requirement.tool,
        "args": shown_args(requirement),
        "digest": requirement.digest,
        "stage": requirement.stage,
        "stages": requirement.stages,
        "opened_at": iso(requirement.opened_at),
        "expires_at": None if requirement.expires_at is None else iso(requirement.expires_at),
        "path": requirement.path,
        "votes": as_document(standing(requirement)),
        "flags": [flag.kind for flag in requirement.flags],
        "policy_changed": listed.policy_changed,
    }


def shown_args(requirement: Requirement) -> dict[str, Any]:
    """Its arguments, with a mask for what nobody is shown."""
    from hitl_fsm.policy.sensitive import masked  # noqa: PLC0415 - not for --help

    args: dict[str, Any] = masked(requirement.args, requirement.sensitive)
    return args


def marks(listed: Listed) -> str:
    """What is to be noticed of one, on its line: `1/2 ! policy changed`."""
    flags = FLAG if listed.requirement.flags else ""
    changed = CHANGED if listed.policy_changed else ""
    return " ".join(mark for mark in (short(standing(listed.requirement)), flags, changed) if mark)


def cells(listed: Listed, now: int) -> tuple[str, ...]:
    """Its line in the table; `HEAD` are the columns."""
    from hitl_fsm.cli.answers.present import one_line  # noqa: PLC0415 - text only
    from hitl_fsm.cli.when import relative  # noqa: PLC0415 - as above
    from hitl_fsm.model.paths import way  # noqa: PLC0415 - as above

    one = listed.requirement
    return (
        one.requirement_id,
        one.kind,
        one.severity,
        f"{one.tool} {one_line(shown_args(one))}",
        f"{way(one.path) if len(one.path) > 1 else one.agent} for {one.user}",
        relative(one.opened_at, now),
        "never" if one.expires_at is None else relative(one.expires_at, now),
        marks(listed),
    )


HEAD = ("id", "kind", "severity", "action", "agent", "opened", "expires", "marks")


def _show(session: Session, found: list[Listed]) -> None:
    from hitl_fsm.cli.page import Grid, Page  # noqa: PLC0415 - text only
    from hitl_fsm.cli.when import now_ms  # noqa: PLC0415 - as above

    now = now_ms()
    rows = tuple(cells(one, now) for one in found)
    any_marks = any(line[-1] for line in rows)
    width = len(HEAD) if any_marks else len(HEAD) - 1
    show(session, Page((Grid(HEAD[:width], tuple(line[:width] for line in rows)),)))
