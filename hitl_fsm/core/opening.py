"""Raising questions: whose turn it is, what is shown with it, and how long it stays open."""

from __future__ import annotations

from msgspec.structs import replace

from hitl_fsm.core import facts
from hitl_fsm.core.draft import Draft
from hitl_fsm.core.frames import frame_at, way_to_call
from hitl_fsm.core.gates import pending, place_of, reviewed_digest, reviews
from hitl_fsm.core.hours import after
from hitl_fsm.core.votes import patience_of
from hitl_fsm.model.answer import Vote
from hitl_fsm.model.call import Call, Pass
from hitl_fsm.model.circumstances import Circumstances
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.requirement import OutcomeUnknown, Question, Requirement
from hitl_fsm.model.states import CallState, RequirementState
from hitl_fsm.model.verdict import Approval, Confirm, External, Review
from hitl_fsm.policy.join import gate_key

NOTHING = Circumstances()


def open_gates(draft: Draft, judged: frozenset[str]) -> None:
    """Raise the next question of every call that waits and has none open.

    To ask an outside system is to start the call, so that waits for a verdict of this moment (law 15): those of
    `judged` have one.
    """
    asked = {r.call_id for r in draft.run.requirements if r.state is RequirementState.OPEN}
    for call in draft.run.calls:
        if call.call_id in asked:
            continue
        if call.state is CallState.OUTCOME_UNKNOWN:
            open_one(draft, call, OutcomeUnknown())
        elif call.state is CallState.GATED:
            gates = pending(call)
            if call.call_id in judged or not isinstance(gates[0], External):
                open_one(draft, call, gates[0])
        elif call.state is CallState.IN_REVIEW and (left := reviews(draft.run, call)):
            open_one(draft, call, left[0])


def open_one(draft: Draft, call: Call, question: Question, votes: tuple[Vote, ...] = ()) -> Requirement:
    """One question about a call. `votes`: of who changed the action to what it is now."""
    run, at = draft.run, draft.entry.at
    number = run.requirement_count + 1
    stage, stages = (1, 1) if isinstance(question, OutcomeUnknown) else place_of(call, question)
    unsure = isinstance(question, OutcomeUnknown) and call.acting_until > at
    frame = frame_at(run, frame_of(call.call_id))
    requirement = Requirement(
        requirement_id=f"req_{run.run_id.removeprefix('run_')}-{number:04d}",
        run_id=run.run_id,
        call_id=call.call_id,
        tool=call.tool,
        args=call.args or {},
        digest=reviewed_digest(run, call) if isinstance(question, Review) else call.digest,
        question=question,
        opened_at=at,
        user=run.user.id,
        agent=run.name if frame is None else frame.name,
        stage=stage,
        stages=stages,
        severity=call.verdict.severity,
        reasons=call.verdict.reasons,
        answerable_from=call.acting_until if unsure else None,
        execution=call.retries + 1,
        result=call.held if isinstance(question, Review) else None,
        substituted=call.substituted,
        path=way_to_call(run, call),
        votes=votes,
        said=call.said,
        said_cut=call.said_cut,
        sensitive=call.sensitive,
        proposed=call.proposed,
        editors=call.editors,
        approvers=tuple(dict.fromkeys(one for passed in call.passed for one in passed.by)),
        flags=_circumstances(draft).flags.get(call.call_id, ()),
    )
    if not isinstance(question, OutcomeUnknown):
        requirement = timed(draft, requirement, question.expires_ms)
    draft.set_run(requirements=(*run.requirements, requirement), requirement_count=number)
    draft.record("requirement_opened", facts.opened, requirement)
    return requirement


def timed(draft: Draft, requirement: Requirement, expires_ms: int | None) -> Requirement:
    """From now on: until when it is open at this level, and when people are reminded."""
    patience, now = patience_of(requirement.question), draft.entry.at
    windows = _circumstances(draft).hours.get(patience.calendar, ())
    return replace(
        requirement,
        expires_at=None if expires_ms is None else after(now, expires_ms, windows),
        remind_at=tuple(after(now, wait_ms, windows) for wait_ms in patience.reminders_ms),
        reminded=0,
    )


def spare_people(draft: Draft) -> None:
    """Before anybody is asked: gates that a grant passes, and calls that people are not to be asked about at all."""
    found = draft.entry.circumstances
    if found is None:
        return
    for call in draft.run.calls:
        if call.state is not CallState.GATED:
            continue
        if call.call_id in found.grants:
            _use_grants(draft, call, found)
        elif call.call_id in found.refused and not _is_asked(draft, call):
            draft.deny(call, f"{found.refused[call.call_id]} It was not executed.")


def _use_grants(draft: Draft, call: Call, found: Circumstances) -> None:
    """As far as the gates in their order have one each: what comes after a gate without one waits for it."""
    uses = {use.gate: use for use in found.grants[call.call_id]}
    for gate in pending(call):
        use = uses.get(gate_key(gate))
        offers = isinstance(gate, Approval | Confirm) and gate.grant is not None
        if use is None or not offers or _is_asked(draft, call) or draft.is_refused(call):
            return
        passed = Pass(use.gate, call.digest, use.by, use.grant_id)
        call = draft.replace(call, passed=(*call.passed, passed))
        draft.grant_uses.append(use)
        draft.record("grant_used", facts.granted_use, call, use, gate)
    if not pending(call):
        draft.authorise(call)


def _is_asked(draft: Draft, call: Call) -> bool:
    return any(r.call_id == call.call_id for r in draft.run.open_requirements)


def _circumstances(draft: Draft) -> Circumstances:
    return draft.entry.circumstances or NOTHING
