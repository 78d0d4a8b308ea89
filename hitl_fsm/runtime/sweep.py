"""Firing what is due. A timer only says that it may be time; the run's own log says whether it is (law 12).

Any number of sweepers may run, anywhere: a claim keeps them from the same work, and the commit of the event, which
deletes the timer, makes it fire once. A timer that is not as the run's log has it is corrected, and fires nothing.
"""

from __future__ import annotations

from hitl_fsm.errors import Fenced, HitlError, RunNotFound
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import TIMER
from hitl_fsm.model.timer import Timer
from hitl_fsm.runtime.outside import apply
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import correct_timer, load

_EVENTS: dict[str, type[events.RequirementTimedOut | events.RequirementReminded]] = {
    "expiry": events.RequirementTimedOut,
    "reminder": events.RequirementReminded,
}

SWEEP_PAGE = 100
"""Timers that a sweeper claims at once."""
FIRE_ATTEMPTS = 16
"""Tries of one timer whose run moves meanwhile; then the next sweep takes it."""


async def sweep(parts: Parts) -> tuple[Timer, ...]:
    """Fire every timer that is due by the engine's clock and that no live sweeper holds; those that took effect."""
    fired: list[Timer] = []
    while claimed := await parts.store.claim_timers(parts.clock.now(), parts.worker, limit=SWEEP_PAGE):
        for timer in claimed:
            try:
                if await _fire(parts, timer):
                    fired.append(timer)
            except HitlError as error:  # one damaged run must not hold up all others; its claim ends by itself
                parts.log("timer_failed", level="error", run=timer.run_id, about=timer.about, error=str(error))
        if len(claimed) < SWEEP_PAGE:
            break
    return tuple(fired)


async def _fire(parts: Parts, timer: Timer) -> bool:
    """Whether it was this timer that did it; an answer that came before it stands."""
    for _ in range(FIRE_ATTEMPTS):
        try:
            loaded = await load(parts, timer.run_id)
        except RunNotFound:
            return False
        run, now = loaded.run, parts.clock.now()
        try:
            if await correct_timer(parts, loaded, timer):
                parts.log("timer_corrected", level="warning", run=run.run_id, about=timer.about)
                return False
            if now < timer.due_at:  # the clock was put back since it was claimed
                return False
            event = _EVENTS[timer.kind](timer.about)
            await apply(parts, loaded, event, TIMER, {})
        except Fenced:
            continue
        return True
    return False
