"""`impact --shadow`: what policies in `mode: shadow` would have done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hitl_fsm.cli.output import json_document, line, say, show
from hitl_fsm.cli.page import Grid, Page
from hitl_fsm.cli.policies.changes import blocks, counted, in_short, many
from hitl_fsm.cli.policies.impact_report import as_object, not_told, shown
from hitl_fsm.model.instant import iso
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.policies.impact import ShadowReport, shadow_report

if TYPE_CHECKING:
    from hitl_fsm.cli.policies.changes import Shown
    from hitl_fsm.cli.session import Session
    from hitl_fsm.policy.compare import Change

HEAD = ("rule", "would have asked", "times", "in force was", "people said", "first", "last", "place")


def tell_shadow(session: Session, since: int, limit: int) -> None:
    """The rules, then the changes. Shadow policies loosen nothing, so the exit code is 0."""
    found = run_sync(shadow_report(session.open_store(), since))
    if session.json:
        json_document(_object(found, since, limit))
        return
    seen = found.impact.seen
    actions = many(seen.actions, "action", "actions")
    line(f"shadow policies had a word on {found.actions} of {actions} in {many(seen.runs, 'run', 'runs')}")
    if found.rules:
        head = in_short(found.impact.more, found.impact.fewer, found.impact.counts)
        line(f"had they been enforced: {head}; {counted(found.impact.counts)}")
        line("")
        listed: dict[Change, list[Shown]] = {
            change: [shown(one) for one in several[:limit]] for change, several in found.impact.listed.items()
        }
        show(session, Page((Grid(HEAD, _rows(found)), *blocks(listed, found.impact.counts, limit))))
    if found.untold:
        say(session, f"of {many(found.untold, 'action', 'actions')} the log does not tell what that would come to")
    say(session, *not_told(seen))


def _rows(found: ShadowReport) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            f"{key.policy}/{key.rule}",
            key.effect,
            str(told.count),
            _tally(told.in_force),
            _tally(told.people),
            iso(told.first),
            iso(told.last),
            f"{key.file}:{key.line}",
        )
        for key, told in sorted(found.rules.items())
    )


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))


def _object(found: ShadowReport, since: int, limit: int) -> dict[str, Any]:
    return {
        **as_object(found.impact, since, limit),
        "shadowed": found.actions,
        "untold": found.untold,
        "rules": [
            {
                "policy": key.policy,
                "rule": key.rule,
                "effect": key.effect,
                "file": key.file,
                "line": key.line,
                "count": told.count,
                "first": iso(told.first),
                "last": iso(told.last),
                "in_force": dict(told.in_force),
                "people": dict(told.people),
            }
            for key, told in sorted(found.rules.items())
        ],
    }
