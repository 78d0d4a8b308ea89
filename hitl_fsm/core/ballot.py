"""Votes on a question that several people may answer: cast, changed by an edit, taken back, overruled by time."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from hitl_fsm.core import facts
from hitl_fsm.core.draft import Draft
from hitl_fsm.core.gates import pending
from hitl_fsm.core.grants import made
from hitl_fsm.core.opening import open_one, timed
from hitl_fsm.core.settling import answered, any_answer_holds, ask, settle
from hitl_fsm.core.votes import level_of, next_level, tally, votes_of
from hitl_fsm.model import answer as answers
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Vote
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import AnswerRecorded, ApprovalRevoked, RequirementReminded, VoteWithdrawn
from hitl_fsm.model.override import Override
from hitl_fsm.model.requirement import Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import (
    RUN_ADVANCING,
    RUN_WAITING,
    CallState,
    CallTrigger,
    RequirementState,
    RequirementTrigger,
    RunState,
    RunTrigger,
)
from hitl_fsm.model.verdict import Approval, Confirm, Gate
from hitl_fsm.policy.join import gate_key


def advise(draft: Draft, requirement: Requirement, event: AnswerRecorded) -> None:
    """Shown to those who decide; it counts for nothing, and the run does not move."""
    _require_open(draft, requirement)
    _keep(draft, requirement, event, "requirement_advised")


def cast(draft: Draft, requirement: Requirement, event: AnswerRecorded) -> Requirement | None:
    """The question with this vote, where it decides it; None where the question stays open."""
    _require_open(draft, requirement)
    selves = set(draft.entry.by.persons)
    fresh = not any(selves & set(vote.by.persons) for vote in votes_of(requirement))
    draft.require(fresh, "take a second vote of one person")
    if isinstance(event.answer, answers.BreakGlass):
        _override(draft, requirement, event.answer)
        return requirement
    if isinstance(event.answer, answers.Respond):
        return requirement
    voted = _with_vote(draft, requirement, event)
    if tally(voted) != "open":
        return voted if requirement.votes else requirement
    _keep(draft, requirement, event, "requirement_voted")
    answered(draft, voided=False)
    return None


def recast(draft: Draft, requirement: Requirement, call: Call, event: AnswerRecorded) -> Requirement | None:
    """After an edit, which made it another action, and voids what others said of it. None: the question is asked again.

    It is answered where who changed it is enough for a yes, or where nobody is to be asked about what it is now.
    """
    question = requirement.question
    advice = tuple(one for one in requirement.votes if isinstance(one.answer, answers.Advise))
    alone = replace(requirement, votes=advice)
    gate = next((one for one in pending(call) if one == question), None)
    if not isinstance(gate, Approval) or call.verdict.outcome == "deny" or draft.was_rejected(call):
        return alone
    counts = "editor" not in gate.excluded
    vote = replace(_vote(draft, requirement, event), digest=call.digest)
    votes = (vote,) if counts else ()
    if counts and tally(replace(requirement, votes=votes)) == "approved":
        return alone
    draft.record("requirement_voted", facts.voted, requirement, vote, counts=counts)
    draft.close(requirement, RequirementTrigger.SUPERSEDED, None)
    if pending(call)[0] == gate:
        _raise_to(draft, open_one(draft, call, gate, votes), requirement.escalated)
    answered(draft, voided=True)
    return None


def _raise_to(draft: Draft, requirement: Requirement, level: int) -> None:
    """An edit does not bring a question back to those whose time was over."""
    if level:
        risen = replace(requirement, escalated=level)
        now = level_of(risen)
        draft.update(timed(draft, risen, None if now is None else now.expires_ms))


def remember(draft: Draft, requirement: Requirement, call: Call, event: AnswerRecorded) -> None:
    """The grant that everybody who said yes wanted, where the policy offers one."""
    question = requirement.question
    if not isinstance(question, Approval | Confirm) or question.grant is None:
        return
    if not isinstance(event.answer, answers.Approve) or event.answer.grant is None:
        return
    yes = [vote for vote in votes_of(requirement) if isinstance(vote.answer, answers.Approve)]
    votes = yes or [_vote(draft, requirement, event)]
    grant = made(requirement, call, draft.run, question, votes, draft.entry.at)
    if grant is not None:
        draft.grants.append(grant)
        draft.record("grant_made", facts.granted, grant)


def withdraw(draft: Draft, event: VoteWithdrawn) -> None:
    """The question is as if this person had not answered."""
    requirement = draft.requirement(event.requirement_id)
    _require_open(draft, requirement)
    own = given_by(draft.entry.by, requirement)
    draft.require(bool(own), "take back a vote that nobody gave")
    draft.update(replace(requirement, votes=tuple(vote for vote in requirement.votes if vote not in own)))
    draft.record("requirement_vote_withdrawn", facts.taken_back, requirement, event.note)
    _reopened(draft)


def given_by(actor: Actor, requirement: Requirement) -> list[Vote]:
    """The votes that somebody may take back: the own, and those that were given in the own name.

    What the other said oneself, who stands in for somebody does not take back.
    """
    return [vote for vote in votes_of(requirement) if actor.persons[0] in vote.by.persons]


def revoke(draft: Draft, event: ApprovalRevoked) -> None:
    """A yes is taken back before the action begins: its gate is asked about again, and so is what came after it."""
    requirement = draft.requirement(event.requirement_id)
    call = draft.call(requirement.call_id)
    given = revocable(draft.run, requirement, call)
    draft.require(bool(given), "have that answer taken back")
    draft.require(bool(set(draft.entry.by.persons) & set(given)), "have an answer taken back that another person gave")
    gates = _with_later(call, requirement.question)
    for one in draft.run.requirements:
        alike = one.call_id == call.call_id and one.question in gates
        if one == requirement or (alike and revocable(draft.run, one, call)):
            draft.close(one, RequirementTrigger.REVOKED, one.resolution)
        elif one.state is RequirementState.OPEN and _comes_later(call, one, requirement.question):
            draft.close(one, RequirementTrigger.SUPERSEDED, None)
    keys = set(map(gate_key, gates))
    call = draft.replace(call, passed=tuple(one for one in call.passed if one.gate not in keys))
    if call.state is CallState.AUTHORISED:
        draft.move(call, CallTrigger.GATED)
    draft.record("approval_revoked", facts.taken_back, requirement, event.note)
    if draft.run.state in RUN_ADVANCING:
        settle(draft)
    elif draft.run.state in RUN_WAITING:  # one that failed asks when it goes on
        ask(draft)
        _reopened(draft)


def _with_later(call: Call, question: Question) -> list[Gate]:
    """The gate, and those after it that people say yes to: they did so knowing that this one was passed."""
    gates = call.verdict.gates
    after = gates[gates.index(question) + 1 :] if question in gates else ()
    return [question, *(one for one in after if isinstance(one, Approval | Confirm))]  # type: ignore[list-item]  # only a gate is revocable


def _comes_later(call: Call, one: Requirement, question: Question) -> bool:
    """Whether it is about the same call, and not asked before that question is answered: a stage, a form, a route."""
    gates = call.verdict.gates
    return one.call_id == call.call_id and question in gates and one.question in gates[gates.index(question) + 1 :]


def revocable(run: Run, requirement: Requirement, call: Call) -> tuple[str, ...]:
    """Who may still take this yes back: those who gave it, while what it allowed has not begun. Empty: nobody may."""
    question = requirement.question
    if requirement.state is not RequirementState.RESOLVED or not isinstance(question, Approval | Confirm):
        return ()
    if call.state not in {CallState.GATED, CallState.AUTHORISED} or call.asked:
        return ()
    alike = [one for one in run.requirements if one.call_id == call.call_id and one.question == question]
    if alike[-1] is not requirement and alike[-1] != requirement:  # it was asked again since
        return ()
    key = gate_key(question)
    given = (one.by for one in call.passed if one.gate == key and one.digest == call.digest)
    return tuple(dict.fromkeys(person for people in given for person in people))


def remind(draft: Draft, event: RequirementReminded) -> None:
    """Those who may answer are told again, once for all times that are over; nothing else changes."""
    requirement = draft.requirement(event.requirement_id)
    _require_open(draft, requirement)
    over = sum(at <= draft.entry.at for at in requirement.remind_at)
    draft.require(over > requirement.reminded, "be reminded before its time")
    reminded = replace(requirement, reminded=over)
    draft.update(reminded)
    draft.record("requirement_reminded", facts.reminded, reminded)


def escalate(draft: Draft, requirement: Requirement) -> bool:
    """Ask the next ones; False where there are none. What was answered until then does not count any more."""
    level = next_level(requirement)
    if level is None:
        return False
    risen = replace(requirement, escalated=requirement.escalated + 1)
    draft.update(timed(draft, risen, level.expires_ms), RequirementTrigger.ESCALATED)
    draft.record("requirement_escalated", facts.escalated, requirement, level)
    _reopened(draft)
    return True


def _reopened(draft: Draft) -> None:
    """Where nothing that was answered in this pause holds any more, the run is as it was before."""
    if draft.run.state is RunState.RESOLVING and not any_answer_holds(draft):
        draft.fire(RunTrigger.ANSWER_VOIDED)


def _require_open(draft: Draft, requirement: Requirement) -> None:
    draft.require(requirement.state is RequirementState.OPEN, "take a vote on what is closed")


def _vote(draft: Draft, requirement: Requirement, event: AnswerRecorded) -> answers.Vote:
    return answers.Vote(
        event.answer,  # type: ignore[arg-type]  # what fits a question with votes
        draft.entry.by,
        draft.entry.at,
        event.digest,
        requirement.escalated,
        event.named,
        event.presented,
    )


def _with_vote(draft: Draft, requirement: Requirement, event: AnswerRecorded) -> Requirement:
    return replace(requirement, votes=(*requirement.votes, _vote(draft, requirement, event)))


def _keep(draft: Draft, requirement: Requirement, event: AnswerRecorded, record: str) -> None:
    voted = _with_vote(draft, requirement, event)
    draft.update(voted)
    draft.record(record, facts.voted, voted, voted.votes[-1])


def _override(draft: Draft, requirement: Requirement, answer: answers.BreakGlass) -> None:
    by, at = draft.entry.by, draft.entry.at
    about: dict[str, Any] = {"requirement_id": requirement.requirement_id, "run_id": requirement.run_id}
    done = Override(**about, tool=requirement.tool, digest=requirement.digest, by=by, at=at, reason=answer.note or "")
    draft.overrides.append(done)
    draft.record("break_glass", facts.overridden, done)
