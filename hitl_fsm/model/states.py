"""The states and triggers of the three machines (DESIGN section 4).

The words live here so that every layer may use them; which trigger leads where is data in
`core/table.py`, and a test holds the two against each other.
"""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A state or a trigger. Hashed as the text that it is, which is several times faster than an enum's own way."""

    __hash__ = str.__hash__


class RunState(Word):
    RUNNING = "running"
    PAUSED = "paused"
    RESOLVING = "resolving"
    CONTINUING = "continuing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunTrigger(Word):
    GATE_RAISED = "gate_raised"
    ANSWER_RECORDED = "answer_recorded"
    GATES_CLOSED = "gates_closed"
    ANSWER_VOIDED = "answer_voided"
    FINISHED = "finished"
    ERRORED = "errored"
    CANCELLED = "cancelled"
    RETRIED = "retried"


class RequirementState(Word):
    OPEN = "open"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


class RequirementTrigger(Word):
    ANSWERED = "answered"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    ESCALATED = "escalated"
    REVOKED = "revoked"


class CallState(Word):
    PROPOSED = "proposed"
    GATED = "gated"
    AUTHORISED = "authorised"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DENIED = "denied"
    SKIPPED = "skipped"
    OUTCOME_UNKNOWN = "outcome_unknown"
    IN_REVIEW = "in_review"
    WITHHELD = "withheld"
    SUBSTITUTED = "substituted"


class CallTrigger(Word):
    GATED = "gated"
    AUTHORISED = "authorised"
    DENIED = "denied"
    STARTED = "started"
    RETURNED = "returned"
    RAISED = "raised"
    LOST = "lost"
    ASKED = "asked"
    SETTLED = "settled"
    SKIPPED = "skipped"
    HELD = "held"
    SENT_BACK = "sent_back"
    WITHHELD = "withheld"
    SUBSTITUTED = "substituted"


RUN_ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED})
RUN_WAITING = frozenset({RunState.PAUSED, RunState.RESOLVING})
RUN_ADVANCING = frozenset({RunState.RUNNING, RunState.CONTINUING})
CALL_ENDED = frozenset(
    {
        CallState.SUCCEEDED,
        CallState.FAILED,
        CallState.DENIED,
        CallState.SKIPPED,
        CallState.WITHHELD,
        CallState.SUBSTITUTED,
    }
)
CALL_HAS_RESULT = frozenset({CallState.SUCCEEDED, CallState.SUBSTITUTED})
"""What a caller goes on with: what it returned, or what a person gave instead."""
