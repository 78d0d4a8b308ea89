"""What the store and the policies know of a call that is a reason to look twice at it."""

from __future__ import annotations

from hitl_fsm.core.frames import place_of
from hitl_fsm.core.suspicion import Before, flags_of
from hitl_fsm.model.call import Call
from hitl_fsm.model.flag import Flag
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RequirementState
from hitl_fsm.policy.thresholds import thresholds
from hitl_fsm.runtime.parts import Parts

LATELY_MS = 3_600_000
"""How far back the same agent's questions are similar ones lately."""
BEFORE_MAX = 50
"""Earlier questions of an agent that a new one is compared with."""

_REFUSED = frozenset({RequirementState.REJECTED, RequirementState.EXPIRED})


async def flags_for(parts: Parts, run: Run, call: Call) -> tuple[Flag, ...]:
    """The flags of a question about `call`, as of now."""
    if call.args is None:
        return ()
    agent = place_of(run, frame_of(call.call_id)).agent
    since = parts.clock.now() - LATELY_MS
    before = [
        Before(one.args, one.opened_at >= since, one.state in _REFUSED)
        for one in await parts.store.asked_before(agent or run.name, limit=BEFORE_MAX)
        if one.tool == call.tool and (one.run_id, one.call_id) != (run.run_id, call.call_id)
    ]
    limits = thresholds(parts.policies, call.tool, agent)
    return flags_of(call.args, call.said, sensitive=call.sensitive, limits=limits, before=before)
