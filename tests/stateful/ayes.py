"""Votes as the reference sees them: who said yes to these arguments, and after how many escalations."""

from __future__ import annotations

from hitl_fsm.model import answer as answers
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.event import AnswerRecorded
from hitl_fsm.model.requirement import Requirement
from stateful.case import Case, hold
from stateful.shop import QUORUMS, RISING, kind_of


def leaves_open(case: Case, row: Requirement, by: Actor, event: AnswerRecorded) -> bool:
    """A yes that is not enough yet. An edit makes it another action, of which nobody else has said anything."""
    if row.kind != "approval" or not isinstance(event.answer, answers.Approve):
        return False
    if event.args is not None:
        case.yes.clear()
    hold(2, by.id not in case.yes, f"{by.id} voted twice on {row.requirement_id}")
    case.yes.add(by.id)
    if len(case.yes) >= (1 if case.level else QUORUMS.get(kind_of(row.tool), 1)):
        return False
    if event.args is not None:
        case.args, case.passed = event.args, set()
    return True


def take_back(case: Case, row: Requirement, by: Actor) -> None:
    hold(13, by.id in case.yes, f"{by.id} took back a vote on {row.requirement_id} of somebody else")
    case.yes.discard(by.id)


def rises(case: Case, row: Requirement, at: int) -> bool:
    """Whether the next ones are asked now; what was said until then counts no more."""
    if row.kind != "approval" or kind_of(row.tool) not in RISING or case.level:
        return False
    case.yes, case.level, case.risen_at = set(), 1, at
    return True


def ask_anew(case: Case) -> None:
    case.yes, case.level, case.risen_at = set(), 0, 0
