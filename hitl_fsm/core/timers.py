"""Which timers a run has: read off its state, so that setting and clearing them cannot be forgotten."""

from __future__ import annotations

from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer


def timers_of(run: Run) -> tuple[Timer, ...]:
    """What is to happen to the run by itself, as it stands now."""
    return tuple(
        Timer(run.run_id, requirement.requirement_id, "expiry", requirement.expires_at)
        for requirement in run.open_requirements
        if requirement.expires_at is not None
    )
