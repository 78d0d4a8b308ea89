"""How far the votes on a question have come, and what is still missing, in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from hitl_fsm.core.votes import free_seats, reject_quorum_of, votes_of, ways_of
from hitl_fsm.model.answer import Abstain, Advise, Approve, Reject
from hitl_fsm.model.verdict import Approval, Seat

if TYPE_CHECKING:
    from hitl_fsm.model.requirement import Requirement


class Standing(NamedTuple):
    """`yes` of `needed` seats are taken, in the way that has come furthest; `missing` says who else must say yes.

    `no` of `no_needed` people said no; `abstained` and `advice` count for nothing.
    """

    yes: int
    needed: int
    no: int
    no_needed: int
    abstained: int
    advice: int
    missing: str


def standing(requirement: Requirement) -> Standing | None:
    """Of a question that one answer decides: None, unless somebody said something already."""
    if not isinstance(requirement.question, Approval):
        return None
    votes = votes_of(requirement)
    yes = [vote for vote in votes if isinstance(vote.answer, Approve)]
    ways = [(way, free_seats(way, yes)) for way in ways_of(requirement)]
    way, free = min(ways, key=lambda one: (len(one[1]), -_seats(one[0])))
    needed = _seats(way)
    found = Standing(
        yes=needed - len(free),
        needed=needed,
        no=sum(isinstance(vote.answer, Reject) for vote in votes),
        no_needed=reject_quorum_of(requirement),
        abstained=sum(isinstance(vote.answer, Abstain) for vote in votes),
        advice=sum(isinstance(vote.answer, Advise) for vote in requirement.votes),
        missing=", or ".join(dict.fromkeys(_more(left) for _, left in ways)),
    )
    return found if votes or found.advice or needed > 1 or found.no_needed > 1 else None


def _seats(way: tuple[Seat, ...]) -> int:
    return sum(seat.count for seat in way)


def as_document(found: Standing | None) -> dict[str, Any] | None:
    """For JSON: {"yes", "needed", "no", "no_needed", "abstained", "advice"}; None where one answer decides."""
    return None if found is None else {name: getattr(found, name) for name in Standing._fields if name != "missing"}


def short(found: Standing | None) -> str:
    """For a list: `1/2`, `1/2, 1 no`."""
    if found is None:
        return ""
    told = f"{found.yes}/{found.needed}"
    return f"{told}, {found.no} no" if found.no else told


def _more(free: list[Seat]) -> str:
    """`one more of role finance`; `one more of role finance and 2 more of role legal`."""
    counted = Counter(_words(seat.of) for seat in free)
    return " and ".join(f"{'one' if count == 1 else count} more of {words}" for words, count in counted.items())


def _words(of: tuple[str, ...]) -> str:
    """`role:finance` as a person says it."""
    named = (one.removeprefix("user:").replace("role:", "role ").replace("group:", "group ") for one in of)
    return " or ".join(named) or "those who are asked"
