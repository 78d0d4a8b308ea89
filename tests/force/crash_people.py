"""What people do about the run of `crash_votes`: one thing at a time, by what they see, whoever died before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hitl_fsm import Engine, RunHandle
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import GrantTerms
from hitl_fsm.model.event import Entry
from hitl_fsm.model.states import CallState
from hitl_fsm.runtime.handles import RequirementHandle

Given = Callable[[str, str, str], None]
"""Is told of each answer that was taken: about which question, whose, and which."""
Effect = tuple[str, str, float]
"""Of a tool, for a call, with which amount."""
EDITED = {"amount": 7}


def act(engine: Engine, run: RunHandle, effects: list[Effect], given: Given) -> bool:
    """Whether somebody found something to do, and did it."""
    entries = engine.runs.events(run.run_id)
    for override in engine.overrides.list():
        engine.overrides.review(override.requirement_id, by="otto", finding="it was right")
        return True
    if _told(run, effects, given) or _taken_back(run, entries, given):
        return True
    return any(_answered(engine, run, one, entries, given) for one in run.active_requirements)


def _taken_back(run: RunHandle, entries: Sequence[Entry], given: Given) -> bool:
    """Frank thinks better of it, once, when all is answered and nothing has begun."""
    if any(isinstance(entry.event, events.ApprovalRevoked) for entry in entries) or run.is_paused:
        return False
    for one in run.requirements:
        waits = run.value.call(one.tool.call_id).state is CallState.AUTHORISED
        if one.tool.tool_name == "ship" and waits:
            one.revoke(by="frank", note="I was wrong")
            given(one.id, "frank", "revoke")
            return True
    return False


def _answered(engine: Engine, run: RunHandle, one: RequirementHandle, entries: Sequence[Entry], given: Given) -> bool:
    name, question = one.tool.tool_name, one.value
    voted = {vote.by.id for vote in question.votes}
    match name:
        case "pay":
            return _paid(one, voted, given)
        case "ship":
            revoked = any(isinstance(entry.event, events.ApprovalRevoked) for entry in entries)
            others = any(other.tool.tool_name == "pay" for other in run.active_requirements)
            return not others and _yes(one, "maria" if revoked else "frank", given)
        case "buy":
            one.confirm(by="frank", grant=GrantTerms())
            given(one.id, "frank", "approve")
            return True
        case "unlock":
            return _unlocked(one, voted, entries, given)
        case "wire":
            return question.escalated > 0 and _yes(one, "carla", given)
        case _:
            return _found_out(engine, one, given)


def _told(run: RunHandle, effects: list[Effect], given: Given) -> bool:
    """Of a call whose worker died, what the witness knows."""
    for one in run.active_requirements:
        if one.is_outcome_unknown:
            acted = [name for name, call_id, _ in effects if call_id == one.tool.call_id]
            if acted:
                one.it_happened(f"{acted[0]} done", by="otto")
            else:
                one.it_did_not_happen(by="otto")
            given(one.id, "otto", "happened" if acted else "not_happened")
            return True
    return False


def _yes(one: RequirementHandle, by: str, given: Given) -> bool:
    one.confirm(by=by)
    given(one.id, by, "approve")
    return True


def _paid(one: RequirementHandle, voted: set[str], given: Given) -> bool:
    """Maria says yes, Frank makes it another amount, Maria and Otto say yes to that."""
    if not one.value.editors and "maria" in voted:
        one.confirm(by="frank", args=EDITED)
        given(one.id, "frank", "approve")
        return True
    return _yes(one, "otto" if "maria" in voted else "maria", given)


def _unlocked(one: RequirementHandle, voted: set[str], entries: Sequence[Entry], given: Given) -> bool:
    """Frank says yes, takes it back, and says it again; then Nina does not wait for a second one."""
    if "frank" not in voted:
        return _yes(one, "frank", given)
    if not any(isinstance(entry.event, events.VoteWithdrawn) for entry in entries):
        one.withdraw(by="frank")
        given(one.id, "frank", "withdraw")
    else:
        one.break_glass(by="nina", note="the ship leaves")
        given(one.id, "nina", "break_glass")
    return True


def _found_out(engine: Engine, one: RequirementHandle, given: Given) -> bool:
    """A person reports what the system did, where nobody else will."""
    handed = engine.routes.of(one.id)
    if handed is None or handed.state not in {"unknown", "dead"}:
        return False
    one.set_external_execution_result("a person looked", by="otto")
    given(one.id, "otto", "report")
    return True
