"""Whether the record shows that an action might begin."""

from __future__ import annotations

from hitl_fsm.adapters.questions.hearing import Way
from hitl_fsm.adapters.questions.lines import Granted
from hitl_fsm.adapters.questions.older import is_older, objection_before, said_before
from hitl_fsm.adapters.questions.shelves import AskFact, CallFact, GrantFact, RunFact

_REMEMBERED = frozenset({"approval", "confirm"})
"""Kinds of questions whose yes may be remembered."""
_OVER = frozenset({"done", "failed", "cancelled"})


def objection(run: RunFact, call: CallFact, digest: str, attempt: int) -> str:
    """Why not, before its start is taken up; empty if it does."""
    if not call.judged_seq:
        return "no policy was asked about it"
    if not (call.auth_seq or call.before):
        return "it was not authorised"
    if attempt <= call.attempts:
        return f"attempt {attempt} had begun before"
    if (call.auth_seq and call.auth_digest != digest) or call.digest != digest:
        return "another action was authorised"
    if call.outcome == "deny":
        return "the policies deny it"
    return (objection_before(call) if call.before else _not_passed(call)) or _over(run)


def handover_objection(run: RunFact, call: CallFact, gate: str, digest: str) -> str:
    """Why an outside system might not be asked to carry it out: to ask it is the start, and no other line tells."""
    if not call.judged_seq:
        return "it was handed over, and no policy was asked about it"
    if call.digest != digest or gate not in call.gates:
        return "it was handed over, and another action was judged"
    granted = {one for one, why in call.grants.values() if not why}
    for before in call.gates[: call.gates.index(gate)]:
        if before not in granted and passed(before, digest) not in call.yes:
            return f"it was handed over, and gate {before} was not passed" + _doubted(call, before)
    return _over(run)


def _doubted(call: CallFact, gate: str) -> str:
    return f": {call.doubts[gate]}" if gate in call.doubts else ""


def _over(run: RunFact) -> str:
    return f"its run was {run.state}" if run.state in _OVER else ""


def _not_passed(call: CallFact) -> str:
    """Each gate of its verdict must be passed, by people whose yes is on the record, or by a grant whose use is."""
    seen = {gate for gate, _, _ in call.passes}
    for gate in call.gates:
        if gate not in seen:
            return f"gate {gate} was not passed"
    for gate, people, grant in call.passes:
        if grant:
            why = _not_granted(call, gate, grant)
        else:
            heard = said_before(call).union(call.yes.get(passed(gate, call.digest), ()))
            said = people and heard.issuperset(people)
            missing = f"the record has no yes at gate {gate} by {', '.join(people) or 'anybody'}"
            why = "" if said else missing + _doubted(call, gate)
        if why:
            return why
    return _passed_before(call)


def _passed_before(call: CallFact) -> str:
    """Where nobody counts who passed an earlier gate, nobody must have passed both."""
    by = {gate: people for gate, people, _ in call.passes}
    earlier: set[str] = set()
    for gate in call.gates:
        both = earlier.intersection(by[gate])
        if both and gate in call.ways and "previous_approver" in Way(*call.ways[gate]).excluded:
            return f"{', '.join(sorted(both))} had passed an earlier gate, which excludes them from gate {gate}"
        earlier.update(by[gate])
    return ""


def _not_granted(call: CallFact, gate: str, grant: str) -> str:
    used = call.grants.get(grant)
    if used is None:
        return f"the record has no use of grant {grant}"
    return f"grant {grant} {used[1]}" if used[1] else "" if used[0] == gate else f"grant {grant} is for another gate"


def grant_objection(grant: GrantFact, call: CallFact, at: int) -> str:
    """Why a grant does not allow this use, which is counted already; empty if it does."""
    if grant.doubt:
        return grant.doubt
    if grant.revoked_seq:
        return "had been revoked"
    if at >= grant.until:
        return "was over"
    if grant.used > grant.uses:
        return f"is for {grant.uses} uses, and this was another one"
    return "" if grant.tool == call.tool else f"is for {grant.tool}"


def doubt_of(grant: Granted, ask: AskFact | None, seq: int) -> str:
    """Why it goes back to no yes; empty if it does. The answer that closes its question makes it: on the next line.

    An older question does not say which gate it was.
    """
    if ask is None:
        return f"goes back to {grant.requirement_id or 'a question'}, which nobody was asked"
    if ask.kind not in _REMEMBERED or grant.tool != ask.tool or not (is_older(ask.gate) or ask.gate == grant.gate):
        return f"goes back to {ask.requirement}, which asked about something else"
    if (ask.state, ask.answer, ask.closed_seq) != ("resolved", "approve", seq - 1):
        return f"goes back to {ask.requirement}, to which nobody said yes right before"
    others = [one for one in grant.voters if one not in ask.said]
    if others or not grant.voters:
        return f"goes back to {ask.requirement}, and the record has no yes to that by {', '.join(others) or 'anybody'}"
    return ""


def passed(gate: str, digest: str) -> str:
    """By which a yes at a gate, to that very action, is kept."""
    return f"{gate} {digest}"
