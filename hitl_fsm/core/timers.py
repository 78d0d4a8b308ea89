"""Which timers a run has: read off its state, so that setting and clearing them cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer


def timers_of(run: Run) -> tuple[Timer, ...]:
    """What is to happen to the run by itself, as it stands now."""
    return tuple(timer for requirement in run.open_requirements for timer in _timers(requirement))


def _timers(requirement: Requirement) -> Iterator[Timer]:
    run_id, about = requirement.run_id, requirement.requirement_id
    if requirement.expires_at is not None:
        yield Timer(run_id, about, "expiry", requirement.expires_at)
    if requirement.reminded < len(requirement.remind_at):
        yield Timer(run_id, about, "reminder", requirement.remind_at[requirement.reminded])
