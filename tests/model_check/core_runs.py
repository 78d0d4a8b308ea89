"""The run of the model is the real one: each of its steps is `decide` of `hitl_fsm.core`, nothing is drawn again.

What would make the states endless is rubbed out: versions (the model keeps who has seen the last one), and times, of
which only "already past" and "still to come" are left, since all that the core does with a time is to compare it.
"""

from __future__ import annotations

from functools import cache

import msgspec

from hitl_fsm.core.decide import decide, due
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.effect import Effect
from hitl_fsm.model.event import Entry, Event
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Verdict

NOW = 0
PAST = 0
TO_COME = 1

Key = bytes
"""A run, encoded: the part of a state that can be compared and hashed."""

PERSON = Actor(id="ann", roles=("finance",))
_decoder = msgspec.json.Decoder(Run)


def first_steps(*, idempotent: bool, expires: bool) -> tuple[Entry, Entry]:
    """A run begins, and its model asks for one payment, which needs an approval."""
    gate = Approval(("role:finance",), expires_ms=TO_COME - NOW if expires else None)
    verdict = Verdict("gated", gates=(gate,), policy_digest="p")
    created = events.RunCreated("run_1", "agent", "payer", "go", Actor(id="alice"))
    pay = events.ProposedCall("1.0", "c1", "pay", {"to": "bob"}, idempotent=idempotent)
    asked = events.ModelReplied("", (pay,))
    return Entry(1, NOW, PERSON, created), Entry(2, NOW, PERSON, asked, {"1.0": verdict})


def paused_run(*, idempotent: bool, expires: bool) -> Key:
    """It waits for the approval."""
    begin, asked = first_steps(idempotent=idempotent, expires=expires)
    return _key(decide(decide(None, begin).run, asked).run)


@cache
def look(key: Key) -> Run:
    return _decoder.decode(key)


@cache
def effects_due(key: Key) -> tuple[Effect, ...]:
    return due(look(key))


@cache
def happened(key: Key, name: str, attempt: int = 0) -> Key | None:
    """The run after that event; None where the core refuses it (law 11)."""
    run = look(key)
    try:
        return _key(decide(run, Entry(run.version + 1, NOW, PERSON, event_named(run, name, attempt))).run)
    except IllegalTransition:
        return None


def event_named(run: Run, name: str, attempt: int = 0, to_come: int = TO_COME) -> Event:
    if name in ANSWERS:
        question = run.open_requirements[0]
        return events.AnswerRecorded(question.requirement_id, ANSWERS[name], question.digest)
    if name == "timed out":
        return events.RequirementTimedOut(run.open_requirements[0].requirement_id)
    call_id = run.calls[0].call_id
    return {
        "started": events.CallsStarted((call_id,)),
        "returned": events.CallReturned(call_id, "paid"),
        "lost, and dead": events.CallLost(call_id, PAST),
        "lost, and perhaps alive": events.CallLost(call_id, to_come),
        "late: paid": events.LateResult(call_id, attempt, "paid"),
        "late: not begun": events.LateResult(call_id, attempt, begun=False),
        "said": events.ModelReplied("the end"),
        "cancelled": events.RunCancelled(),
    }[name]


ANSWERS: dict[str, answers.Answer] = {
    "approve": answers.Approve(),
    "reject": answers.Reject(),
    "it happened": answers.Happened("paid"),
    "it did not happen": answers.NotHappened(),
    "give up": answers.GiveUp(),
}


def is_outcome(question: Requirement) -> bool:
    return isinstance(question.question, OutcomeUnknown)


@cache
def time_passed(key: Key) -> Key:
    """Whatever was to come has come."""
    run = look(key)
    questions = tuple(
        msgspec.structs.replace(
            question, expires_at=None if question.expires_at is None else PAST, answerable_from=None
        )
        for question in run.requirements
    )
    calls = tuple(msgspec.structs.replace(call, acting_until=PAST) for call in run.calls)
    return _key(msgspec.structs.replace(run, requirements=questions, calls=calls))


def _key(run: Run) -> Key:
    return msgspec.json.encode(msgspec.structs.replace(run, version=0, active_ms=0, active_since=None))
