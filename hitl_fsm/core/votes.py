"""Whether the votes on a question decide it. A vote of two leaves it open (law 1); advice never counts (law 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hitl_fsm.model.answer import Advise, Approve, Reject, Vote
from hitl_fsm.model.requirement import Question, Requirement
from hitl_fsm.model.verdict import Approval, Escalation, External, Patience, Seat

Tally = Literal["open", "approved", "rejected"]


def patience_of(question: Question) -> Patience:
    """How time goes on while it is open."""
    return getattr(question, "patience", None) or Patience()


def level_of(requirement: Requirement) -> Escalation | None:
    """Who is asked now, where that is not the ones who were asked first."""
    if not requirement.escalated:
        return None
    return patience_of(requirement.question).escalate[requirement.escalated - 1]


def next_level(requirement: Requirement) -> Escalation | None:
    """Who is asked when the time of the present ones is over; None: nobody, it is denied then."""
    if isinstance(requirement.question, External):
        return None
    levels = patience_of(requirement.question).escalate
    return levels[requirement.escalated] if requirement.escalated < len(levels) else None


def votes_of(requirement: Requirement) -> tuple[Vote, ...]:
    """Those of the present level, without advice."""
    level = requirement.escalated
    return tuple(vote for vote in requirement.votes if vote.level == level and not isinstance(vote.answer, Advise))


def ways_of(requirement: Requirement) -> tuple[tuple[Seat, ...], ...]:
    """What is enough for a yes: each way by itself is."""
    level = level_of(requirement)
    if level is not None:
        return ((Seat(level.of, level.quorum),),)
    question = requirement.question
    if not isinstance(question, Approval):
        return ((Seat(()),),)
    return question.ways or ((Seat(question.of, question.quorum),),)


def tally(requirement: Requirement) -> Tally:
    """What the votes come to."""
    votes = votes_of(requirement)
    no = sum(isinstance(vote.answer, Reject) for vote in votes)
    if no >= reject_quorum_of(requirement):
        return "rejected"
    yes = [vote for vote in votes if isinstance(vote.answer, Approve)]
    return "approved" if yes and any(not free_seats(way, yes) for way in ways_of(requirement)) else "open"


def reject_quorum_of(requirement: Requirement) -> int:
    """How many people must say no."""
    question = requirement.question
    return question.reject_quorum if isinstance(question, Approval) and not requirement.escalated else 1


def free_seats(way: Sequence[Seat], votes: Sequence[Vote]) -> list[Seat]:
    """The seats that stay free when as many of these people sit as can, one seat each (a maximum matching)."""
    apart: list[Vote] = []
    taken: set[str] = set()
    for vote in votes:  # who is the same person as one before, or stands in for it, does not count again
        if not taken & set(vote.by.persons):
            apart.append(vote)
            taken |= set(vote.by.persons)
    seats = [seat for seat in way for _ in range(seat.count)]
    sits: dict[int, Vote] = {}

    def find(vote: Vote, tried: set[int]) -> bool:
        for number, seat in enumerate(seats):
            if number in tried or not _may_sit(seat, vote, alone=len(way) == 1):
                continue
            tried.add(number)
            if number not in sits or find(sits[number], tried):
                sits[number] = vote
                return True
        return False

    for vote in apart:
        find(vote, set())
    return [seat for number, seat in enumerate(seats) if number not in sits]


def _may_sit(seat: Seat, vote: Vote, *, alone: bool) -> bool:
    """Whether the vote was given as one of those for whom the seat is; where all seats are alike, every voter was."""
    return bool(set(seat.of) & set(vote.named)) or (alone and not vote.named)
