"""What is found out of a start that ended otherwise than by its tool: too late, or before it began."""

from __future__ import annotations

from hitl_fsm.core import facts
from hitl_fsm.core.draft import Draft
from hitl_fsm.core.settling import answered, settle
from hitl_fsm.model import event as events
from hitl_fsm.model.states import CallState, CallTrigger, RequirementTrigger, RunState

NO_RESULT = frozenset({CallState.EXECUTING, CallState.OUTCOME_UNKNOWN})
"""A call that began and of which nobody knows yet what became of it."""


def not_begun(draft: Draft, event: events.CallNotBegun) -> None:
    """Its intent is on disk, and nothing followed: it may begin another time. That start does not count as a try.

    Nobody is asked what became of it, but where an earlier start of the same call is in the dark.
    """
    call = draft.running(event.call_id)
    draft.record("call_not_begun", facts.not_begun, call, event.why)
    if draft.run.state is RunState.CANCELLED:
        draft.fail(call, "It was not begun.")
    elif call.idempotent and call.attempt - call.sent_back > 1:
        draft.move(call, CallTrigger.LOST)
    else:
        draft.authorise(draft.replace(call, sent_back=call.sent_back + 1), CallTrigger.SETTLED)
    settle(draft)


def result(draft: Draft, event: events.LateResult) -> None:
    """The late worker knows what nobody else knew; where somebody has said already, its word is only kept."""
    call = next((c for c in draft.run.calls if c.call_id == event.call_id), None)
    # One key, one effect: of an idempotent call the success of any attempt is the result, unless it was sent back.
    repeated = call is not None and call.idempotent and event.begun and not event.error
    same = call is not None and (call.attempt == event.attempt or (repeated and event.attempt > call.sent_back))
    unknown = call is not None and same and call.state in NO_RESULT and call.below is None
    draft.record("late_result", facts.late, event, taken=unknown)
    if call is None or not unknown:
        return
    opened = [r for r in draft.run.open_requirements if r.call_id == call.call_id]
    for requirement in opened:
        draft.close(requirement, RequirementTrigger.SUPERSEDED, None)
    if event.begun and event.error is None:
        draft.finish(call, event.result)
    elif event.begun or call.state is CallState.EXECUTING:
        draft.fail(call, event.error or "It was not begun.")
    else:
        draft.authorise(call, CallTrigger.SETTLED)
    if opened:
        answered(draft, voided=False)
    else:
        settle(draft)
