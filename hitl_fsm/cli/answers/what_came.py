"""In words, what an answer came to: the question's state says it, not the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hitl_fsm.cli.answers.standing import standing
from hitl_fsm.model.states import RequirementState

if TYPE_CHECKING:
    from hitl_fsm.model.requirement import Requirement
    from hitl_fsm.model.run import Run

CLOSED = {
    "approve": "approved",
    "reject": "rejected",
    "provide": "filled in",
    "report": "what it came to is recorded",
    "respond": "this result goes on instead; the call does not run",
    "happened": "recorded: it happened, with this result",
    "not_happened": "recorded: it did not happen; it will run when the run is continued",
    "accept": "the result goes on",
    "edit_result": "another result goes on instead",
    "retry": "recorded: it will run again, through its gates, when the run is continued",
    "give_up": "recorded: nobody knows; given up on, it will not run",
    "break_glass": "approved by one person alone, in an emergency; somebody else has to review that",
}
ANYWAY = {
    "advise": "advice recorded; those who decide see it, and it does not count",
    "abstain": "recorded: neither yes nor no",
    "withdraw": "the vote is taken back, as if it had not been given",
    "revoke": "the approval is taken back; the question is asked again",
}
"""What these come to, whether or not the question is open."""


def what_came(kind: str, then: Requirement | None, run: Run) -> str:
    """`then` is the question as the answer left it; None where it is not of the present turn any more."""
    if kind in ANYWAY:
        return ANYWAY[kind] + (_still(then) if kind in {"abstain", "withdraw"} else "")
    if then is not None and then.state is RequirementState.OPEN:
        return f"vote recorded{_still(then)}"
    if then is not None and then.state is RequirementState.SUPERSEDED:
        again = [one.requirement_id for one in run.open_requirements if one.call_id == then.call_id]
        if again:
            return f"recorded; what it is now is asked again: {', '.join(again)}"
    if then is not None and then.state is RequirementState.REJECTED and kind not in {"reject", "respond", "give_up"}:
        return "recorded; the votes come to a rejection"
    return CLOSED[kind]


def _still(then: Requirement | None) -> str:
    """`; one more of role finance needed`; `; 2 more must say no to end it`."""
    found = None if then is None or then.state is not RequirementState.OPEN else standing(then)
    if found is None:
        return ""
    no_left = f"; {found.no_needed - found.no} more no would end it" if found.no else ""
    return f"; {found.missing} needed{no_left}"
