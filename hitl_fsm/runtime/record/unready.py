"""Why a run cannot be forgotten yet: what is missing, and the command that brings it about."""

from __future__ import annotations

from hitl_fsm.errors import HitlError
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.runtime.pages import PAGE
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.prune import current

_OVER = frozenset({RunState.DONE, RunState.CANCELLED})
_OPEN_END = frozenset({CallState.EXECUTING, CallState.OUTCOME_UNKNOWN})


async def missing(parts: Parts, run_id: str) -> str:
    """In a few words, as it stands now."""
    try:
        run = await current(parts, run_id)
    except HitlError:  # somebody forgot it meanwhile, or altered it
        return run_id
    if run.state not in _OVER:
        return f"{run_id} is {run.state.value} (`hitl-fsm runs cancel {run_id}`)"
    unknown = [call.tool for call in run.calls if call.state in _OPEN_END]
    if unknown:
        return f"{run_id} has a call of {unknown[0]} whose end nobody knows (`hitl-fsm runs show {run_id}`)"
    return await _unreviewed(parts, run_id)


async def _unreviewed(parts: Parts, run_id: str) -> str:
    after = ""
    while page := await parts.store.overrides(after=after, limit=PAGE):
        for override in page:
            if override.run_id == run_id:
                one = override.requirement_id
                told = f"`hitl-fsm overrides review {one} --finding TEXT`"
                return f"nobody has looked at {one} of {run_id}, which {override.by.id} passed alone ({told})"
        after = page[-1].requirement_id
    return run_id
