"""A call whose tool asks a person in the middle: it goes back to its gates, and begins again with the answer."""

from __future__ import annotations

from typing import Any

from hitl_fsm.core import facts
from hitl_fsm.core.draft import LET_GO, REQUIREMENTS_PER_RUN, Draft
from hitl_fsm.core.gates import asked_gate
from hitl_fsm.core.settling import settle
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import Answer, Provide
from hitl_fsm.model.asked import Asked
from hitl_fsm.model.call import Call
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import CallTrigger, RunState

ASKS_PER_CALL = 20
"""Questions that one call's tool may ask people; one more, or one that was answered, and the call has failed."""


def ask(draft: Draft, event: events.CallAsked) -> None:
    """The start is over: it was told to let go. What was approved stays approved, for the same action (law 5)."""
    call, asked = draft.running(event.call_id), Asked(event.message, event.schema, event.said)
    if draft.run.state is RunState.CANCELLED:
        draft.fail(call, f"The run was cancelled. {LET_GO}")
        return
    known = any(one.key == asked.key for one in call.asked)
    if known or len(call.asked) >= ASKS_PER_CALL or draft.run.requirement_count >= REQUIREMENTS_PER_RUN:
        draft.fail(call, f"It asked people too much. Whether it did anything is not known; it said: {event.said}")
    else:
        moved = draft.move(call, CallTrigger.ASKED, asked=(*call.asked, asked), sent_back=call.attempt)
        draft.record("call_asked", facts.asked_by_tool, moved, asked)
    settle(draft)


def told(call: Call, requirement: Requirement, answer: Answer) -> dict[str, dict[str, Any]]:
    """The call's answers to its tool's own questions, with this one."""
    if not isinstance(answer, Provide):
        return call.told
    keys = [one.key for one in call.asked if asked_gate(call.tool, one) == requirement.question]
    return {**call.told, **dict.fromkeys(keys, answer.values)}
