"""What votes come to: who takes which seat, one person once, and nothing by order, advice or a level of before."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from runs import PureRun, gated

from hitl_fsm.core.votes import (
    free_seats,
    level_of,
    next_level,
    patience_of,
    reject_quorum_of,
    tally,
    votes_of,
    ways_of,
)
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Abstain, Advise, Approve, Reject, Vote
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Gate, Patience, Seat

ROLES = ("role:a", "role:b", "role:c")
NEXT, LAST = Escalation(("role:cfo",), 5, quorum=2), Escalation(("role:ceo",))
RISES = Patience(escalate=(NEXT, LAST))


def vote(name: str, *named: str, answer: Any = None, level: int = 0, **who: Any) -> Vote:
    return Vote(answer or Approve(), Actor(name, **who), 5, "d", level, named)


(ASKED,) = PureRun(gated()).asked()


def asked(gate: Gate, *votes: Vote, escalated: int = 0) -> Requirement:
    return replace(ASKED, question=gate, votes=votes, escalated=escalated)


def seats_of(way: tuple[Seat, ...]) -> list[Seat]:
    return [seat for seat in way for _ in range(seat.count)]


def may_sit(seat: Seat, one: Vote, way: tuple[Seat, ...]) -> bool:
    return any(name in seat.of for name in one.named) or (len(way) == 1 and one.named == ())


def most(way: tuple[Seat, ...], votes: list[Vote]) -> int:
    """How many seats can be taken, by trying each order of the people."""
    seats = seats_of(way)
    people: list[Vote | None] = [*votes, *([None] * len(seats))]
    return max(
        sum(one is not None and may_sit(seat, one, way) for seat, one in zip(seats, order, strict=False))
        for order in permutations(people, len(seats))
    )


SEATS = st.builds(
    Seat, st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True).map(tuple), st.integers(1, 2)
)
WAYS = st.lists(SEATS, min_size=1, max_size=2).map(tuple)
NAMED = st.lists(st.lists(st.sampled_from(ROLES), max_size=3, unique=True), max_size=4)


def people(named: list[list[str]]) -> list[Vote]:
    return [vote(f"p{number}", *names) for number, names in enumerate(named)]


@settings(deadline=None, max_examples=50)
@given(WAYS, NAMED)
def test_as_many_seats_are_taken_as_can_be(way: tuple[Seat, ...], named: list[list[str]]) -> None:
    votes = people(named)
    free = free_seats(way, votes)
    assert len(seats_of(way)) - len(free) == most(way, votes)
    assert not Counter(free) - Counter(seats_of(way)), "a free seat is one of those there are"


def test_who_sits_makes_room_where_another_seat_is_free() -> None:
    a, b, c = (Seat((role,)) for role in ROLES)
    able, picky = vote("able", "role:a", "role:b"), vote("picky", "role:a")
    assert free_seats((a, b), [able, picky]) == []
    assert free_seats((a, b, c), [able, picky]) == [c]
    assert free_seats((a, b, c), [vote("x", "role:a", "role:b"), vote("y", "role:a", "role:c"), picky]) == []
    assert free_seats((a, b), [picky, vote("other", "role:a")]) == [b]


def test_a_seat_for_two_needs_two_people_and_what_is_left_is_told() -> None:
    two = Seat(("role:a",), 2)
    assert free_seats((two,), [vote("x", "role:a")]) == [two]
    assert free_seats((two,), []) == [two, two]
    assert free_seats((two,), [vote("x", "role:a"), vote("y", "role:a"), vote("z", "role:a")]) == []


def test_who_gave_no_name_sits_only_where_all_seats_are_alike() -> None:
    a, b = Seat(("role:a",)), Seat(("role:b",))
    assert free_seats((a,), [vote("x")]) == []
    assert free_seats((a, b), [vote("x"), vote("y")]) == [a, b]
    assert free_seats((a,), [vote("x", "role:b")]) == [a]


def test_one_person_sits_once_under_any_id_and_as_whom_somebody_else_speaks() -> None:
    two = Seat(("role:a",), 2)
    again = vote("m2", "role:a", person="maria")
    deputy = vote("frank", "role:a", on_behalf_of="maria")
    for votes in ([vote("maria", "role:a"), again], [vote("maria", "role:a"), deputy], [deputy, again]):
        assert free_seats((two,), votes) == [two]
    assert free_seats((two,), [again, vote("frank", "role:a")]) == []
    assert free_seats((Seat(("role:a",), 3),), [again, deputy, vote("frank", "role:a")]) == [Seat(("role:a",), 3)]


# -- tally

ANSWERS = st.lists(st.sampled_from(["yes", "no", "abstain", "advice"]), max_size=5)
SAID = {"yes": Approve(), "no": Reject(), "abstain": Abstain(), "advice": Advise("approve")}


@settings(deadline=None, max_examples=40)
@given(WAYS, WAYS, NAMED, ANSWERS, st.integers(1, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_votes_does_not_matter(
    way: tuple[Seat, ...], other: tuple[Seat, ...], named: list[list[str]], said: list[str], no: int, mix: Any
) -> None:
    votes = [replace(one, answer=SAID[word]) for one, word in zip(people(named), said, strict=False)]
    gate = Approval(ROLES, ways=(way, other), reject_quorum=no)
    shuffled = list(votes)
    mix.shuffle(shuffled)
    assert tally(asked(gate, *votes)) == tally(asked(gate, *shuffled))


@settings(deadline=None, max_examples=40)
@given(WAYS, NAMED, ANSWERS, st.lists(st.sampled_from(ROLES), max_size=3, unique=True))
def test_a_yes_more_takes_no_approval_away_and_a_no_never_adds_one(
    way: tuple[Seat, ...], named: list[list[str]], said: list[str], more: list[str]
) -> None:
    votes = [replace(one, answer=SAID[word]) for one, word in zip(people(named), said, strict=False)]
    gate = Approval(ROLES, ways=(way,), reject_quorum=2)
    rank = {"rejected": 0, "open": 1, "approved": 2}
    before = rank[tally(asked(gate, *votes))]
    assert rank[tally(asked(gate, *votes, vote("new", *more)))] >= before
    assert rank[tally(asked(gate, *votes, vote("new", *more, answer=Reject())))] <= before
    for nothing in (Abstain(), Advise("approve"), Advise("reject")):
        assert rank[tally(asked(gate, *votes, vote("new", *more, answer=nothing)))] == before


def test_the_first_of_two_leaves_it_open_and_one_no_ends_it() -> None:
    gate = Approval(("role:a",), quorum=2)
    x, y, no = vote("x", "role:a"), vote("y", "role:a"), vote("z", "role:a", answer=Reject())
    assert [tally(asked(gate, *votes)) for votes in ((), (x,), (x, y), (no,), (x, y, no))] == [
        "open", "open", "approved", "rejected", "rejected",
    ]  # fmt: skip
    two = replace(gate, reject_quorum=2)
    other = vote("w", "role:a", answer=Reject())
    assert [tally(asked(two, *votes)) for votes in ((no,), (x, no), (x, y, no), (x, y, no, other))] == [
        "open", "open", "approved", "rejected",
    ]  # fmt: skip


def test_nobody_is_no_yes_even_where_nobody_is_needed() -> None:
    gate = Approval(("role:a",), ways=((),))
    assert tally(asked(gate)) == "open"
    assert tally(asked(gate, vote("x", answer=Abstain()))) == "open"
    assert tally(asked(gate, vote("x"))) == "approved"


def test_any_way_is_enough_and_each_needs_all_its_seats() -> None:
    gate = Approval(ROLES, ways=((Seat(("role:a",)), Seat(("role:b",))), (Seat(("role:c",)),)))
    assert tally(asked(gate, vote("x", "role:a"))) == "open"
    assert tally(asked(gate, vote("x", "role:a"), vote("y", "role:b"))) == "approved"
    assert tally(asked(gate, vote("x", "role:c"))) == "approved"


# -- levels


def test_after_an_escalation_the_next_ones_are_asked_and_only_their_votes_count() -> None:
    gate = Approval(("role:a",), quorum=3, reject_quorum=3, patience=RISES)
    levels = [asked(gate, escalated=number) for number in range(3)]
    assert [level_of(one) for one in levels] == [None, NEXT, LAST]
    assert [next_level(one) for one in levels] == [NEXT, LAST, None]
    assert [reject_quorum_of(one) for one in levels] == [3, 1, 1]
    assert [ways_of(one) for one in levels] == [
        ((Seat(("role:a",), 3),),), ((Seat(("role:cfo",), 2),),), ((Seat(("role:ceo",)),),),
    ]  # fmt: skip
    old, new = vote("x", "role:cfo"), vote("y", "role:cfo", level=1)
    later, advice = vote("z", "role:cfo", level=2), vote("bot", answer=Advise("approve"), level=1)
    risen = asked(gate, old, new, later, advice, escalated=1)
    assert votes_of(risen) == (new,)
    assert tally(risen) == "open"
    assert tally(replace(risen, votes=(*risen.votes, vote("w", "role:cfo", level=1)))) == "approved"
    assert tally(replace(risen, votes=(new, vote("w", level=1, answer=Reject())))) == "rejected"


def test_a_question_that_is_no_approval_needs_one_person_and_one_no() -> None:
    for gate in (Confirm(), External("x")):
        one = asked(gate)
        assert (ways_of(one), reject_quorum_of(one), level_of(one), next_level(one)) == (((Seat(()),),), 1, None, None)
    assert patience_of(Confirm(patience=RISES)) == RISES
    assert next_level(asked(Confirm(patience=RISES))) == NEXT
    assert patience_of(Confirm()) == patience_of(OutcomeUnknown()) == Patience()
    assert tally(asked(Confirm(), vote("x"))) == "approved"
