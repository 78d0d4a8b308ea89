"""Which gates of a call are still to pass, and which calls of a turn may start."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.audit.canonical import review_digest
from hitl_fsm.core.facts import content_digest
from hitl_fsm.model.asked import Asked
from hitl_fsm.model.call import Call
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CALL_ENDED, CallState
from hitl_fsm.model.verdict import Approval, Batch, External, Gate, Review, UserInput
from hitl_fsm.policy.join import BATCHES, gate_key

SALTED_REVIEWS = "2"
"""Made in this way (`Run.digests`), without the run's salt nobody can try what a result was."""


def form_arguments(question: object, parameters: Sequence[str]) -> frozenset[str]:
    """The tool's arguments that a form asks for; empty for any other question. A model's values there never count."""
    if not isinstance(question, UserInput) or question.asker:
        return frozenset()
    return frozenset(parameters) & frozenset(question.schema.get("properties", {}))


def pending(call: Call) -> tuple[Gate, ...]:
    """The gates before the call that are not passed as it stands: a pass of other arguments does not count (law 5)."""
    if not call.verdict.gates and not call.asked:
        return ()
    passed = {p.gate: p for p in call.passed if p.digest == call.digest}
    earlier: set[str] = set()
    left: list[Gate] = []
    for gate in (*call.verdict.gates, *(asked_gate(call.tool, one) for one in call.asked)):
        if isinstance(gate, Review):
            continue
        found = passed.get(gate_key(gate))
        if found is None or (_is_for_others(gate) and not earlier.isdisjoint(found.by)):
            left.append(gate)
        if found is not None:
            earlier.update(found.by)
    return tuple(left)


def _is_for_others(gate: Gate) -> bool:
    """Whether nobody who passed a gate before it counts: also where that one was put before it afterwards."""
    return isinstance(gate, Approval) and "previous_approver" in gate.excluded


def is_unasked(call: Call) -> bool:
    """Whether it may begin as it stands without a person's word."""
    answered = any(one.digest == call.digest for one in call.passed)
    return not answered and all(isinstance(gate, External) for gate in pending(call))


def place_of(call: Call, gate: Gate) -> tuple[int, int]:
    """Which of how many it is among all gates of the call, from 1. One that is asked again has its old place."""
    before = (gate for gate in call.verdict.gates if not isinstance(gate, Review))
    after = (gate for gate in call.verdict.gates if isinstance(gate, Review))
    gates = (*before, *(asked_gate(call.tool, one) for one in call.asked), *after)
    return gates.index(gate) + 1, len(gates)


def asked_gate(tool: str, asked: Asked) -> UserInput:
    """What a tool asks, as a form for the run's own user: who asks comes first, and is not the tool's to say."""
    text = f"{tool} asks: {asked.message}"
    if asked.said:
        text += f" (It was told to let go until then, and said: {asked.said})"
    return UserInput({**asked.schema, "description": text}, asker=tool)


def reviews(run: Run, call: Call) -> tuple[Review, ...]:
    """The reviews that its result has not passed: one of another result, or of another execution, does not count."""
    found = tuple(gate for gate in call.verdict.gates if isinstance(gate, Review))
    if not found:
        return ()
    digest = reviewed_digest(run, call)
    passed = {p.gate for p in call.passed if p.digest == digest}
    return tuple(gate for gate in found if gate_key(gate) not in passed)


def reviewed_digest(run: Run, call: Call) -> str:
    """What a review of the held result is bound to."""
    salt = run.salt if run.digests == SALTED_REVIEWS else ""
    return review_digest(call.digest, call.retries + 1, content_digest(call.held), salt=salt)


def batch_of(calls: Sequence[Call]) -> Batch:
    """The strictest batch rule among the calls of one turn."""
    rules: list[Batch] = [call.verdict.batch for call in calls]
    return max(rules, key=BATCHES.index) if rules else "in_order"


def startable(calls: Sequence[Call]) -> tuple[str, ...]:
    """Ids of the calls that may start now (law 7).

    `run_ungated`: every authorised one, together. `in_order` and `hold_all`: one after the other in the model's order,
    never past one that is open; `hold_all` starts none while any is open. Calls that runs below carry out go together:
    they act only by calls of their own, each of which is judged.
    """
    ready = tuple(call.call_id for call in calls if call.state is CallState.AUTHORISED)
    if not ready:
        return ()
    batch = batch_of(calls)
    if batch == "run_ungated":
        return ready
    if batch == "hold_all" and any(call.state is CallState.GATED for call in calls):
        return ()
    together: list[str] = []
    for call in calls:
        if call.state in CALL_ENDED:
            continue
        if call.below is None:
            alone = call.state is CallState.AUTHORISED and _is_first(call, calls)
            return (call.call_id,) if alone else tuple(together)
        if call.state is CallState.AUTHORISED:
            together.append(call.call_id)
        elif call.state is not CallState.EXECUTING:
            break
    return tuple(together)


def _is_first(call: Call, calls: Sequence[Call]) -> bool:
    """Whether all calls before it have ended."""
    return next(one for one in calls if one.state not in CALL_ENDED) is call


def may_substitute(call: Call) -> bool:
    """Whether a person may give a result instead: not to a question of the agent, nor to one of a tool that has begun.

    These are answered, or refused.
    """
    return not call.dynamic and not call.asked
