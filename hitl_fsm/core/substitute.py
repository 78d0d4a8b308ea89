"""What becomes of a result that a person gave instead of a call, which then never runs."""

from __future__ import annotations

from typing import Any

from hitl_fsm.core import facts
from hitl_fsm.core.draft import RAN, REQUIREMENTS_PER_RUN, TOO_MANY, Draft
from hitl_fsm.core.gates import may_substitute, reviews
from hitl_fsm.model.call import Call
from hitl_fsm.model.states import CallTrigger


def substitute(draft: Draft, call: Call, result: Any) -> None:
    """End the call with this result, as finally as by a no. Where results are looked at first, so is this one."""
    draft.require(may_substitute(call), "take a result instead of an answer to its question")
    if not reviews(draft.run, call):
        draft.move(call, CallTrigger.SUBSTITUTED, result=result, substituted=True)
        draft.record("call_substituted", facts.succeeded, call, result)
        return
    held = draft.move(call, CallTrigger.HELD, held=result, substituted=True)
    draft.record("call_held", facts.held, held, substituted=True)
    if draft.run.requirement_count >= REQUIREMENTS_PER_RUN:
        keep_back(draft, held, TOO_MANY)


def release(draft: Draft, call: Call) -> None:
    """Let a reviewed result go on, as what it is."""
    if not call.substituted:
        draft.release(call)
        return
    draft.move(call, CallTrigger.SUBSTITUTED, result=call.held, held=None)
    draft.record("call_substituted", facts.succeeded, call, call.held)


def keep_back(draft: Draft, call: Call, why: str) -> None:
    """Keep a held result back for good; the model reads why, and whether the call ran."""
    if call.substituted:
        draft.deny(draft.replace(call, held=None), f"{why} It was not executed.")
    else:
        draft.withhold(call, f"{why} {RAN}")
