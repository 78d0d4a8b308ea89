"""What becomes of a result that a person looks at before it goes on (the gate `review`)."""

from __future__ import annotations

from hitl_fsm.core import facts
from hitl_fsm.core.draft import REQUIREMENTS_PER_RUN, TOO_MANY, Draft, denial
from hitl_fsm.core.gates import reviewed_digest, reviews
from hitl_fsm.core.substitute import keep_back, release
from hitl_fsm.model import answer as answers
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.states import CallTrigger
from hitl_fsm.model.verdict import Review
from hitl_fsm.policy.join import gate_key


def answer(draft: Draft, call: Call, question: Review, given: answers.Answer) -> None:
    """Accepted, another result instead, refused for good, or sent back to run again."""
    match given:
        case answers.Reject(note):
            told = f": {note}" if note else ""
            keep_back(draft, call, f"Its result was rejected by {draft.entry.by.id}{told}.")
        case answers.Retry(note):
            draft.require(call.retries < question.retries and not call.substituted, f"run {call.call_id} again")
            _send_back(draft, call, note or "")
        case answers.EditResult(result):
            draft.record("result_edited", facts.edited, call, result)
            _pass(draft, draft.replace(call, held=result), question)
        case _:
            draft.require(isinstance(given, answers.Accept), "take this answer for a review")
            _pass(draft, call, question)


def judge(draft: Draft, call: Call) -> None:
    """Before a result goes on: what the policies of this moment say (law 15). A gate before the call is past."""
    draft.record("call_judged", facts.judged, call)
    if call.verdict.outcome == "deny":
        keep_back(draft, call, denial(call.verdict).removesuffix(" It was not executed."))
    elif not reviews(draft.run, call):
        release(draft, call)
    else:
        _check_count(draft, call)


def _pass(draft: Draft, call: Call, question: Review) -> None:
    """One review fewer; another result than the one that others let pass is for them to see again (law 5)."""
    passed = Pass(gate_key(question), reviewed_digest(draft.run, call), draft.entry.by.persons)
    call = draft.replace(call, passed=(*call.passed, passed))
    if reviews(draft.run, call):
        _check_count(draft, call)


def _check_count(draft: Draft, call: Call) -> None:
    """Nobody can be asked any more: fail closed."""
    if draft.run.requirement_count >= REQUIREMENTS_PER_RUN:
        keep_back(draft, call, TOO_MANY)


def _send_back(draft: Draft, call: Call, feedback: str) -> None:
    """A second execution is a second action: what was answered for the first one does not count (law 2)."""
    draft.record("call_sent_back", facts.held, call)
    again = draft.move(
        call,
        CallTrigger.SENT_BACK,
        held=None,
        passed=(),
        answers={},
        asked=(),
        told={},
        retries=call.retries + 1,
        sent_back=call.attempt,
        feedback=feedback,
    )
    draft.judge(again)
