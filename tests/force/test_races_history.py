"""The history checker itself: it takes what can have happened, and refuses what cannot."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from race_history import FOREVER, OPEN, Act, Life, complaint, lives_after, tell

RESOLVED = Life("resolved", "ann")
REJECTED = Life("rejected", "bob")
EXPIRED = Life("expired")
CANCELLED = Life("cancelled", "", "cancelled")
DONE = RESOLVED._replace(ended="done")


def ann(start: int, end: int) -> Act:
    return Act("ann", "answered", start, end, RESOLVED)


def bob(start: int, end: int) -> Act:
    return Act("bob", "answered", start, end, REJECTED)


def late(start: int, end: int, told: Life) -> Act:
    return Act("late", "too late", start, end, told)


def look(start: int, end: int, told: Life) -> Act:
    return Act("eye", "looked", start, end, told)


def cancel(start: int, end: int) -> Act:
    return Act("can", "cancelled", start, end)


RIGHT: dict[str, Sequence[Act]] = {
    "nothing happened": [],
    "one answer": [ann(1, 2), look(3, 4, RESOLVED)],
    "the loser hears of the winner": [ann(1, 5), late(2, 4, RESOLVED), look(6, 7, RESOLVED)],
    "who began later wins": [late(1, 9, REJECTED), bob(2, 8), look(10, 11, REJECTED)],
    "an old look beside an answer": [ann(1, 9), look(2, 8, OPEN), look(10, 11, RESOLVED)],
    "a new look beside an answer": [ann(1, 9), look(2, 3, RESOLVED), look(10, 11, RESOLVED)],
    "cancel, then too late": [cancel(1, 2), late(3, 4, CANCELLED), look(5, 6, CANCELLED)],
    "answer, then cancel": [ann(1, 2), cancel(3, 4), look(5, 6, RESOLVED._replace(ended="cancelled"))],
    "the second cancel is told": [cancel(1, 9), Act("can2", "was over", 2, 8), look(10, 11, CANCELLED)],
    "its time ran out": [Act("tim", "perhaps expired", 1, 9), late(3, 8, EXPIRED), look(10, 11, EXPIRED)],
    "a timer that came second": [ann(1, 5), Act("tim", "perhaps expired", 2, 9), look(10, 11, RESOLVED)],
    "closed by a sweep": [Act("swp", "expired", 1, 9), late(3, 8, EXPIRED), look(10, 11, EXPIRED)],
    "an answer after its time": [Act("ann", "found expired", 1, 2), look(3, 4, EXPIRED)],
    "two answers after its time": [
        Act("ann", "found expired", 1, 5),
        Act("bob", "found expired", 1, 5),
        look(6, 7, EXPIRED),
    ],
    "finished by who went on": [ann(1, 2), Act("go", "perhaps finished", 3, 9), look(4, 9, DONE), look(10, 11, DONE)],
    "finished, then no cancel": [
        ann(1, 2),
        Act("go", "perhaps finished", 3, 9),
        Act("can", "was over", 4, 8),
        look(10, 11, DONE),
    ],
    "died while answering, and it counted": [
        Act("ann", "perhaps answered", 1, FOREVER, RESOLVED),
        look(3, 4, RESOLVED),
    ],
    "died while answering, and it did not": [Act("ann", "perhaps answered", 1, FOREVER, RESOLVED), look(3, 4, OPEN)],
    "died while answering, and it counted late": [
        Act("ann", "perhaps answered", 1, FOREVER, RESOLVED),
        look(3, 4, OPEN),
        late(5, 6, RESOLVED),
    ],
}

WRONG: dict[str, Sequence[Act]] = {
    "two winners": [ann(1, 9), bob(2, 8)],
    "two winners of one mind": [ann(1, 9), Act("amy", "answered", 2, 8, Life("resolved", "amy"))],
    "the loser hears of another winner": [ann(1, 5), late(2, 4, REJECTED)],
    "the loser hears of the right one, who said something else": [ann(1, 5), late(2, 4, Life("rejected", "ann"))],
    "too late for nobody": [late(1, 2, RESOLVED), look(3, 4, OPEN)],
    "too late before anybody began": [late(1, 2, RESOLVED), ann(3, 4)],
    "an answer is lost": [ann(1, 2), look(3, 4, OPEN)],
    "an answer is replaced": [ann(1, 2), look(3, 4, REJECTED)],
    "an answer after the cancel": [cancel(1, 2), ann(3, 4)],
    "an answer after it was seen cancelled": [cancel(1, 9), look(2, 3, CANCELLED), ann(4, 5)],
    "a stale look": [ann(1, 2), look(3, 4, OPEN), look(5, 6, RESOLVED)],
    "seen closed, then open": [ann(1, 9), look(2, 3, RESOLVED), look(4, 5, OPEN)],
    "expired, though nobody was past its time": [ann(1, 9), look(2, 8, EXPIRED)],
    "closed by two sweeps": [Act("swp", "expired", 1, 9), Act("swp2", "expired", 2, 8), look(10, 11, EXPIRED)],
    "a sweep that closed nothing": [ann(1, 2), Act("swp", "expired", 3, 4), look(5, 6, RESOLVED)],
    "a timer after the answer": [ann(1, 2), Act("tim", "perhaps expired", 3, 4), look(5, 6, EXPIRED)],
    "an answer after its time, though one was in": [ann(1, 2), Act("bob", "found expired", 3, 4)],
    "an answer after it expired": [Act("tim", "found expired", 1, 2), ann(3, 4)],
    "two cancels": [cancel(1, 9), cancel(2, 8)],
    "a cancel that left it open": [cancel(1, 2), look(3, 4, Life("open", "", "cancelled"))],
    "nothing to cancel, though it is open": [Act("can", "was over", 1, 2), look(3, 4, OPEN)],
    "finished while open": [Act("go", "perhaps finished", 1, 9), look(2, 8, Life("open", "", "done"))],
    "finished by nobody": [ann(1, 2), look(3, 4, DONE)],
    "cancelled when done": [ann(1, 2), Act("go", "perhaps finished", 3, 4), look(3, 4, DONE), cancel(5, 6)],
    "died before answering, yet it was answered": [
        look(1, 2, RESOLVED),
        Act("ann", "perhaps answered", 3, FOREVER, RESOLVED),
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_history_is_told_whole(name: str) -> None:
    assert complaint(RIGHT[name]) == ""
    assert sorted(tell(RIGHT[name]).order) == sorted(RIGHT[name])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_history_is_refused_with_what_does_not_fit(name: str) -> None:
    told = complaint(WRONG[name])
    assert "none of these fits" in told
    assert any(act.verb in told for act in WRONG[name])


def happened(dice: random.Random, count: int) -> list[Act]:
    """A life that really was: acts that take effect one after the other, and last a while around that moment."""
    life, acts = OPEN, []
    for number in range(count):
        moment = number * 10
        choice = dice.choice(("answer", "cancel", "tick", "look"))
        who = f"p{number}"
        mine = Life(dice.choice(("resolved", "rejected")), who)
        if choice == "answer":
            verb, told = ("answered", mine) if life == OPEN else ("too late", life)
        elif choice == "cancel":
            verb, told = ("was over", None) if life.ended else ("cancelled", None)
        else:
            verb, told = ("perhaps expired", None) if choice == "tick" else ("looked", life)
        act = Act(who, verb, moment - dice.randrange(40), moment + dice.randrange(40), told)
        life = dice.choice(lives_after(life, act))
        acts.append(act)
    return [*acts, look(count * 10 + 40, FOREVER, life)]


def test_whatever_really_happened_is_accepted_in_any_order_of_writing() -> None:
    dice = random.Random(20)
    for _ in range(300):
        acts = happened(dice, dice.randrange(1, 14))
        dice.shuffle(acts)
        assert complaint(acts) == ""


def test_a_planted_lie_in_what_really_happened_is_found() -> None:
    dice, found = random.Random(21), 0
    for _ in range(300):
        acts = happened(dice, dice.randrange(2, 14))
        winner = next((act for act in acts if act.verb == "answered"), None)
        if winner is None:
            continue
        found += 1
        assert complaint([*acts, Act("liar", "answered", 0, FOREVER, Life("resolved", "liar"))])
        assert complaint([act for act in acts if act is not winner])
    assert found > 100


def test_a_hundred_acts_at_once_are_told_soon() -> None:
    crowd = [late(0, 100, RESOLVED) for _ in range(60)] + [Act("tim", "perhaps expired", 0, 100) for _ in range(40)]
    assert complaint([*crowd, ann(0, 100), look(101, 102, RESOLVED)]) == ""
    assert complaint([*crowd, ann(0, 100), look(101, 102, REJECTED)])
