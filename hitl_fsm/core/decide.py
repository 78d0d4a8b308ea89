"""The pure step: (run, entry) -> (next run, what to do, what to record, what the model will read).

Total over the events: an event that does not fit the state is one IllegalTransition and nothing else (law 11).
Nothing here knows a clock, a store or a model; time and identity come with the entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hitl_fsm.audit.canonical import asked_digest
from hitl_fsm.core import asked, ballot, below, facts, late, review, start
from hitl_fsm.core.draft import RAN_BEFORE, REJECTED_BEFORE, VOID, Draft, denial, without_effect
from hitl_fsm.core.frames import WAITS, calls_of, due, turn_of
from hitl_fsm.core.gates import form_arguments, pending, reviewed_digest, startable
from hitl_fsm.core.settling import answered, settle
from hitl_fsm.core.substitute import keep_back, substitute
from hitl_fsm.core.tally import active_at, active_since, spent
from hitl_fsm.core.votes import votes_of
from hitl_fsm.errors import IllegalTransition
from hitl_fsm.model import answer as answers
from hitl_fsm.model import event as events
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.effect import Effect
from hitl_fsm.model.event import Entry
from hitl_fsm.model.grant import Grant, GrantUse
from hitl_fsm.model.message import Message, ToolCall
from hitl_fsm.model.override import Override
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING, CallState, CallTrigger, RequirementTrigger, RunTrigger
from hitl_fsm.model.verdict import Approval, Review, UserInput
from hitl_fsm.policy.join import gate_key


class Step(msgspec.Struct, frozen=True):
    """What one event leads to. `messages` are what it adds to the conversation with the model."""

    run: Run
    effects: tuple[Effect, ...]
    records: tuple[Record, ...]
    messages: tuple[Message, ...]
    grants: tuple[Grant, ...] = ()
    grant_uses: tuple[GrantUse, ...] = ()
    overrides: tuple[Override, ...] = ()


SAID_LIMIT = 4_000
"""Characters of a model's own words that are shown beside the calls that it asks for."""
_NOT_BEGUN = frozenset({CallState.PROPOSED, CallState.GATED, CallState.AUTHORISED})


def decide(run: Run | None, entry: Entry) -> Step:
    """Apply one event to a run (None: the event creates it)."""
    draft = apply(run, entry, telling=True)
    beside = (tuple(draft.grants), tuple(draft.grant_uses), tuple(draft.overrides))
    return Step(draft.run, due(draft.run), tuple(draft.records), tuple(draft.messages), *beside)


def apply(run: Run | None, entry: Entry, *, telling: bool) -> Draft:
    """The state and the messages of `decide`; its records only when `telling`. A replay needs no more."""
    event = entry.event
    if run is None:
        if not isinstance(event, events.RunCreated):
            msg = "the first event of a run is run_created"
            raise IllegalTransition(msg, help="the log of this run is damaged; `hitl-fsm audit verify` tells more")
        draft = _create(entry, event, telling=telling)
    else:
        draft = Draft(run, entry, telling=telling)
        _HANDLERS[type(event)](draft, event)
        draft.hand_over_results()
        start.follow(draft)
    time = 0 if run is None else active_at(run, entry.at)
    draft.set_run(version=entry.seq, active_ms=time, active_since=active_since(run, draft.run, entry.at))
    return draft


def _create(entry: Entry, event: events.RunCreated, *, telling: bool) -> Draft:
    run = Run(
        run_id=event.run_id,
        kind=event.kind,
        name=event.name,
        user=event.user,
        created_at=entry.at,
        policy_digest=event.policy_digest,
        context=event.context,
        session=event.session,
        turn=0 if event.forked is None else event.forked.turn,
        salt=event.salt,
        digests=event.digests,
        rejected=() if event.forked is None else event.forked.rejected,
        begun_by=() if event.forked is None else entry.by.persons,
    )
    draft = Draft(run, entry, telling=telling)
    draft.record("run_created", facts.created, event)
    start.begin(draft, event)
    start.follow(draft)
    return draft


def _model_replied(draft: Draft, event: events.ModelReplied) -> None:
    run, frame = draft.run, event.frame
    below.require_idle(draft, frame, "take a model's reply")
    draft.require(not (event.calls and event.refused), "refuse an answer that asks for calls")
    turn = turn_of(run, frame) + 1
    below.require_named(draft, frame, turn, event.calls)
    draft.record("model_replied", facts.replied, event, turn)
    calls = tuple(ToolCall(p.provider_id, p.tool, p.raw) for p in event.calls)
    said = Message("assistant", event.text, calls, echo=event.echo, origin=event.origin, frame=frame)
    draft.messages.append(said)
    draft.set_run(**spent(run, frame, event.usage))
    if event.calls:
        below.take_turn(draft, frame, turn)
        words = {"said": event.text[:SAID_LIMIT], "said_cut": max(0, len(event.text) - SAID_LIMIT)}
        for proposed in event.calls:
            draft.propose(proposed, **words)
        settle(draft, judged=frozenset(proposed.call_id for proposed in event.calls))
    elif event.refused:
        below.take_turn(draft, frame, turn)
        draft.messages.append(Message(role="user", content=event.refused, frame=frame, refused=True))
    elif frame:
        call = below.leave(draft, frame)
        draft.finish(call, event.text if event.value is None else event.value)
        settle(draft)
    else:
        draft.set_run(turn=turn, output=event.text, result=event.value)
        draft.fire(RunTrigger.FINISHED)


def _model_failed(draft: Draft, event: events.ModelFailed) -> None:
    below.require_idle(draft, event.frame, "lose a model")
    draft.record("model_failed", facts.model_failed, event.error, event.frame)
    if event.frame:
        below.change(draft, event.frame, error=event.error)
        settle(draft)
        return
    draft.set_run(error=event.error)
    draft.fire(RunTrigger.ERRORED, {"error": event.error})


def _run_stopped(draft: Draft, event: events.RunStopped) -> None:
    if event.frame:
        below.require_idle(draft, event.frame, "be stopped")
        unknown = any(call.given_up for call in calls_of(draft.run, event.frame))  # so is what it was to come to
        draft.fail(draft.replace(below.leave(draft, event.frame), given_up=unknown), event.error)
        settle(draft)
        return
    draft.set_run(error=event.error)
    draft.fire(RunTrigger.ERRORED, {"error": event.error})


def _calls_started(draft: Draft, event: events.CallsStarted) -> None:
    draft.require(draft.run.state in RUN_ADVANCING, "start a call")
    for call_id in event.call_ids:
        call = draft.call(call_id)
        if call.state is CallState.EXECUTING:
            draft.require(call.idempotent and call.below is None, f"start {call_id} again")
        else:
            beside = calls_of(draft.before, frame_of(call_id))
            draft.require(call_id in startable(beside), f"start {call_id}")
        begun = {"attempt": call.attempt + 1, "worker": event.worker, "started_at": draft.entry.at}
        started = draft.move(call, CallTrigger.STARTED, acting_until=0, **begun)
        draft.record("call_started", call=call_id, tool=call.tool, digest=call.digest, attempt=started.attempt)
        if started.below is not None:
            below.enter(draft, started, started.below)
    settle(draft)


def _call_returned(draft: Draft, event: events.CallReturned) -> None:
    draft.finish(draft.running(event.call_id), event.result)
    settle(draft)


def _call_raised(draft: Draft, event: events.CallRaised) -> None:
    draft.fail(draft.running(event.call_id), event.error)
    settle(draft)


def _call_lost(draft: Draft, event: events.CallLost) -> None:
    call = draft.move(draft.running(event.call_id), CallTrigger.LOST, acting_until=event.acting_until)
    draft.record("call_lost", call=call.call_id, tool=call.tool, digest=call.digest, attempt=call.attempt)
    settle(draft)


def _answer_recorded(draft: Draft, event: events.AnswerRecorded) -> None:
    requirement = draft.requirement(event.requirement_id)
    timely = event.worker_gone or draft.entry.at >= (requirement.answerable_from or 0)
    draft.require(timely, "learn what happened to a call that may act")
    if isinstance(event.answer, answers.Advise):
        ballot.advise(draft, requirement, event)
        return
    call = draft.call(requirement.call_id)
    if event.args is not None:
        draft.require(call.call_id in draft.entry.verdicts, "take arguments that nobody judged")
        call = draft.edit(call, event.args, draft.entry.verdicts[call.call_id])
    if isinstance(requirement.question, Approval):
        edited = event.args is not None
        voted = ballot.recast(draft, requirement, call, event) if edited else ballot.cast(draft, requirement, event)
        if voted is None:
            return
        requirement = voted
    resolution = answers.Resolution(event.answer, draft.entry.by, draft.entry.at, event.digest, event.presented)
    refused = isinstance(event.answer, answers.NO)
    trigger = RequirementTrigger.REFUSED if refused else RequirementTrigger.ANSWERED
    draft.close(requirement, trigger, resolution)
    if refused and not isinstance(requirement.question, Review):  # that call did run; its result was rejected
        no = asked_digest(requirement.tool, requirement.args)
        draft.set_run(refused=tuple(dict.fromkeys((*draft.run.refused, no))))
    if isinstance(requirement.question, OutcomeUnknown):
        _settle_unknown(draft, call, event.answer)
    elif isinstance(requirement.question, Review):
        draft.require(requirement.digest == reviewed_digest(draft.run, call), "review another result")
        review.answer(draft, call, requirement.question, event.answer)
    elif isinstance(event.answer, answers.Respond):
        substitute(draft, call, event.answer.result)
    elif refused:
        draft.deny(call, _no(call, requirement, draft.entry.by.id, event.answer.note))
    else:
        _pass_gate(draft, call, requirement, event)
    edited = event.args is not None
    answered(draft, voided=edited and bool(pending(draft.call(call.call_id))))


def _no(call: Call, requirement: Requirement, by: str, note: str | None) -> str:
    """What the model is told of a no. To a question of its own nothing was to be executed."""
    why = f": {note}" if note else ""
    if not call.dynamic:
        return f"Rejected by {by}{why}. It was not executed."
    if isinstance(requirement.question, UserInput):
        return f"{by} declined to answer{why}."
    return f"Rejected by {by}{why}. There is no answer."


def _settle_unknown(draft: Draft, call: Call, answer: answers.Answer) -> None:
    draft.require(not isinstance(answer, answers.NO), "say no to what may have happened")
    if isinstance(answer, answers.Happened):
        draft.finish(call, answer.result)
    elif isinstance(answer, answers.NotHappened):
        draft.authorise(call, CallTrigger.SETTLED)
    else:
        lost = draft.replace(call, given_up=True)
        draft.fail(lost, "Whether this call took effect is not known. Do not assume either, and do not repeat it.")


def _pass_gate(draft: Draft, call: Call, requirement: Requirement, event: events.AnswerRecorded) -> None:
    key = gate_key(requirement.question)  # type: ignore[arg-type]  # the outcome question was handled before
    answers_now = {**call.answers, **extras(requirement, call, event.answer)}
    yes = (vote.by for vote in votes_of(requirement) if isinstance(vote.answer, answers.Approve))
    people = dict.fromkeys(one for actor in (*yes, draft.entry.by) for one in actor.persons)
    told = asked.told(call, requirement, event.answer)
    left = event.args is not None and _is_left_behind(call, requirement)
    passed = (*call.passed, Pass(key, VOID if left else call.digest, tuple(people)))
    if not left:
        ballot.remember(draft, requirement, call, event)
    call = draft.replace(call, passed=passed, answers=answers_now, told=told)
    if isinstance(event.answer, answers.Report) and event.answer.error is not None:
        draft.fail(call, event.answer.error)
    elif isinstance(event.answer, answers.Report):
        draft.finish(call, event.answer.result)
    elif call.verdict.outcome == "deny":
        draft.deny(call, denial(call.verdict))
    elif draft.was_rejected(call):
        draft.deny(call, REJECTED_BEFORE)
    elif not pending(call):
        draft.authorise(call)


def _is_left_behind(call: Call, requirement: Requirement) -> bool:
    """Whether an edit took the action out of what several people are asked about: one alone has not passed that."""
    return isinstance(requirement.question, Approval) and requirement.question not in pending(call)


def extras(requirement: Requirement, call: Call, answer: answers.Answer) -> dict[str, Any]:
    """A form's values that are no arguments of the tool."""
    if not isinstance(answer, answers.Provide) or _is_tools_own(requirement):
        return {}
    own = form_arguments(requirement.question, call.parameters)
    return {name: value for name, value in answer.values.items() if name not in own}


def _is_tools_own(requirement: Requirement) -> bool:
    return isinstance(requirement.question, UserInput) and bool(requirement.question.asker)


def _verdicts_revised(draft: Draft, event: events.VerdictsRevised) -> None:
    draft.require(draft.run.state in RUN_ADVANCING, "be judged again")
    before = {draft.call(call_id).verdict.policy_digest for call_id in draft.entry.verdicts}
    if event.revoked or before != {event.policy_digest}:  # a held result is judged again whether or not they changed
        revoked: dict[str, Any] = {"revoked": event.revoked} if event.revoked else {}
        draft.record("policy_changed", policies=event.policy_digest, calls=sorted(draft.entry.verdicts), **revoked)
    for call_id, verdict in draft.entry.verdicts.items():
        call = draft.call(call_id)
        begun = call.state is CallState.EXECUTING and call.below is not None
        draft.require(begun or call.state in WAITS | {CallState.AUTHORISED}, f"judge {call_id} again")
        left = tuple(one for one in call.passed if not one.grant or one.grant not in event.revoked)
        call = draft.replace(call, passed=left)
        call = draft.revise(call, verdict, event.tool_versions.get(call_id, call.tool_version))
        if begun:  # what was to come before it is past; what it comes to is still to be looked at
            draft.record("call_judged", facts.judged, call)
        elif call.state is CallState.IN_REVIEW:
            review.judge(draft, call)
        else:
            draft.judge(call)
    settle(draft, judged=frozenset(draft.entry.verdicts))


def _requirement_timed_out(draft: Draft, event: events.RequirementTimedOut) -> None:
    requirement = draft.requirement(event.requirement_id)
    draft.require(
        requirement.expires_at is not None and draft.entry.at >= requirement.expires_at, "expire before its time"
    )
    if ballot.escalate(draft, requirement):
        return
    draft.close(requirement, RequirementTrigger.TIMED_OUT, None)
    call = draft.call(requirement.call_id)
    if isinstance(requirement.question, Review):
        keep_back(draft, call, "Nobody reviewed its result in time.")
    else:
        draft.deny(call, f"Nobody answered in time.{'' if call.dynamic else ' It was not executed.'}")
    answered(draft, voided=False)


def _run_cancelled(draft: Draft, event: events.RunCancelled) -> None:
    begun = [call.call_id for call in draft.run.calls if call.state in late.NO_RESULT and call.below is None]
    draft.fire(RunTrigger.CANCELLED, {"reason": event.reason}, begun=begun or None)
    for requirement in draft.run.open_requirements:
        draft.close(requirement, RequirementTrigger.CANCELLED, None)
    for call in draft.run.calls:
        if call.state is CallState.IN_REVIEW:
            keep_back(draft, call, "The run was cancelled.")
        elif call.state in _NOT_BEGUN and call.retries:
            draft.withhold(call, f"The run was cancelled. It was not executed again. {RAN_BEFORE}")
        elif call.state in _NOT_BEGUN:
            told = without_effect(call, "The run was cancelled. It was not executed.")
            draft.move(call, CallTrigger.SKIPPED, result=told)
        elif call.state is CallState.EXECUTING and call.below is not None:  # it was no code of its own that is cut off
            draft.fail(call, "The run was cancelled.")


def _run_retried(draft: Draft, _event: events.RunRetried) -> None:
    draft.set_run(error=None, frames=tuple(msgspec.structs.replace(frame, error=None) for frame in draft.run.frames))
    draft.fire(RunTrigger.RETRIED)
    settle(draft)


def _created_twice(draft: Draft, _event: events.RunCreated) -> None:
    draft.require(False, "be created again")  # noqa: FBT003 - states the refusal


_HANDLERS: dict[type, Callable[[Draft, Any], None]] = {
    events.RunCreated: _created_twice,
    events.ModelReplied: _model_replied,
    events.ModelFailed: _model_failed,
    events.RunStopped: _run_stopped,
    events.CallsStarted: _calls_started,
    events.CallReturned: _call_returned,
    events.CallRaised: _call_raised,
    events.CallLost: _call_lost,
    events.CallAsked: asked.ask,
    events.CallNotBegun: late.not_begun,
    events.LateResult: late.result,
    events.AnswerRecorded: _answer_recorded,
    events.VerdictsRevised: _verdicts_revised,
    events.VoteWithdrawn: ballot.withdraw,
    events.ApprovalRevoked: ballot.revoke,
    events.RequirementTimedOut: _requirement_timed_out,
    events.RequirementReminded: ballot.remind,
    events.RunCancelled: _run_cancelled,
    events.RunRetried: _run_retried,
}
