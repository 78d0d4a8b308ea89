"""What the votes on a question come to, in words and in numbers."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.cli.answers.standing import as_document, short, standing
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Abstain, Advise, Approve, Reject, Vote
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, Patience, Seat

FINANCE, LEGAL, CFO = "role:finance", "role:legal", "role:cfo"


def vote(who: str, *named: str, answer: Any = None, level: int = 0) -> Vote:
    return Vote(answer or Approve(), Actor(who), 1, "d", level, named)


def asked(question: Any, *votes: Vote, escalated: int = 0) -> Requirement:
    return Requirement("req", "run", "call", "pay", {}, "d", question, 1, votes=votes, escalated=escalated)


TWO = Approval((FINANCE,), quorum=2)
BOTH = Approval((FINANCE, LEGAL), ways=((Seat((FINANCE,), 2), Seat((LEGAL,))),))
EITHER = Approval((FINANCE, CFO), ways=((Seat((CFO,)),), (Seat((FINANCE,), 2),)))
RISEN = Approval((FINANCE,), quorum=2, patience=Patience(escalate=(Escalation((CFO,)),)))
BOARD = Approval(("maria", "group:board"))
UNSURE = Advise("unsure")


@pytest.mark.parametrize(
    ("requirement", "told", "missing"),
    [
        (asked(TWO), "0/2", "2 more of role finance"),
        (asked(TWO, vote("maria", FINANCE)), "1/2", "one more of role finance"),
        (asked(TWO, vote("maria", FINANCE, answer=Advise("approve"))), "0/2", "2 more of role finance"),
        (asked(TWO, vote("maria", FINANCE, answer=Abstain())), "0/2", "2 more of role finance"),
        (asked(BOTH, vote("maria", FINANCE)), "1/3", "one more of role finance and one more of role legal"),
        (asked(EITHER, vote("maria", FINANCE)), "1/2", "one more of role cfo, or one more of role finance"),
        (asked(RISEN, vote("maria", FINANCE), vote("zoe", answer=UNSURE), escalated=1), "0/1", "one more of role cfo"),
        (asked(BOARD, vote("zoe", answer=UNSURE)), "0/1", "one more of maria or group board"),
    ],
)
def test_how_far_it_has_come_and_who_is_missing(requirement: Requirement, told: str, missing: str) -> None:
    found = standing(requirement)
    assert found is not None
    assert (short(found), found.missing) == (told, missing)


def test_noes_are_counted_where_several_are_needed() -> None:
    requirement = asked(Approval((FINANCE,), reject_quorum=2), vote("maria", FINANCE, answer=Reject()))
    found = standing(requirement)
    assert short(found) == "0/1, 1 no"
    assert as_document(found) == {"yes": 0, "needed": 1, "no": 1, "no_needed": 2, "abstained": 0, "advice": 0}


def test_a_question_that_one_answer_decides_has_no_votes() -> None:
    for question in (Confirm(), Approval((FINANCE,))):
        assert standing(asked(question)) is None
    assert (short(None), as_document(None)) == ("", None)
