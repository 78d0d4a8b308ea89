"""After a change: whom to ask next, or whether the run goes on."""

from __future__ import annotations

from hitl_fsm.core.draft import Draft
from hitl_fsm.core.frames import WAITS, can_go_on
from hitl_fsm.core.opening import open_gates, spare_people
from hitl_fsm.core.votes import votes_of
from hitl_fsm.model.states import RUN_ADVANCING, CallState, RequirementState, RunTrigger
from hitl_fsm.policy.join import gate_key


def ask(draft: Draft, *, judged: frozenset[str] = frozenset()) -> None:
    """See `open_gates`; what needs nobody is passed or denied first."""
    spare_people(draft)
    open_gates(draft, judged)


def settle(draft: Draft, *, judged: frozenset[str] = frozenset()) -> None:
    """After something ended: pause if nothing in the tree can go on and somebody must be asked."""
    if draft.run.state not in RUN_ADVANCING or can_go_on(draft.run):
        return
    calls = draft.run.calls
    spare_people(draft)
    if draft.run.calls is not calls and can_go_on(draft.run):
        return
    open_gates(draft, judged)
    if draft.run.open_requirements:
        draft.fire(RunTrigger.GATE_RAISED)
    elif not any(call.state in WAITS for call in draft.run.calls):
        _fail_for_frames(draft)


def _fail_for_frames(draft: Draft) -> None:
    """All that is left waits for a model that failed: so has the run, until somebody wants it to go on."""
    errors = [f"{frame.kind} {frame.name}: {frame.error}" for frame in draft.run.frames if frame.error is not None]
    if errors:
        draft.set_run(error="; ".join(errors))
        draft.fire(RunTrigger.ERRORED, {"error": draft.run.error})


def answered(draft: Draft, *, voided: bool) -> None:
    """After a question was closed: ask the next one, or let the run go on."""
    draft.fire(RunTrigger.ANSWER_RECORDED)
    ask(draft)
    if not draft.run.open_requirements:
        draft.fire(RunTrigger.GATES_CLOSED)
        settle(draft)  # perhaps all that is left waits for a model that failed
    elif voided and not any_answer_holds(draft):
        draft.fire(RunTrigger.ANSWER_VOIDED)


def any_answer_holds(draft: Draft) -> bool:
    """Whether some answer of this pause still counts for something."""
    run = draft.run
    waiting = {call.call_id for call in run.calls if call.state is CallState.GATED}
    closed = {r.call_id for r in run.requirements if r.state is not RequirementState.OPEN}
    if closed - waiting or any(votes_of(one) for one in run.open_requirements):
        return True
    return any(
        gate_key(gate) in {p.gate for p in call.passed if p.digest == call.digest}
        for call in run.calls
        for gate in call.verdict.gates
    )
