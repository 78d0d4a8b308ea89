"""What a run took: tokens, money, time without its waits. Added up from its log, so that a replay finds the same."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from hitl_fsm.core.frames import chain
from hitl_fsm.model.message import Usage
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING

_ASKS_NOBODY = frozenset({"workflow", "branch", "callable"})
"""Kinds of runs whose replies are no model's: a plan makes them, at no price."""


def spent(run: Run, frame: str, usage: Usage) -> dict[str, Any]:
    """What a reply changes in the counts: those of the run, and of every frame down to the one whose model it was."""
    above = chain(run, frame)
    if (above[-1].kind if above else run.kind) in _ASKS_NOBODY:
        return {}
    paths = {one.path for one in above}
    frames = tuple(replace(one, usage=one.usage.plus(usage)) if one.path in paths else one for one in run.frames)
    return {"usage": run.usage.plus(usage), "frames": frames}


def active_at(run: Run, at: int) -> int:
    """Milliseconds up to `at` (ms since the epoch). A clock that was put back takes nothing away."""
    return run.active_ms if run.active_since is None else run.active_ms + max(0, at - run.active_since)


def active_since(before: Run | None, run: Run, at: int) -> int | None:
    """From when the time counts that comes after an event at `at`; None while it does not.

    It counts while the run can go on. What ends a wait comes from outside, and a worker takes the run up some time
    later, perhaps days: that time does not count either, up to the worker's first event.
    """
    waited = before is not None and before.is_paused
    return at if run.state in RUN_ADVANCING and not waited else None
