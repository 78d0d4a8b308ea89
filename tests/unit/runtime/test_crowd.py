"""How often one agent may ask: counted in the store, and remembered only while that is safe."""

from __future__ import annotations

import asyncio
from typing import Any

from hitl_fsm.runtime.people.crowd import OPEN_PER_AGENT, Crowd


class Counting:
    """What a crowd asks a store: how many questions are open, and how often it was asked."""

    def __init__(self, **open_: int) -> None:
        self.open = open_
        self.asked: list[str] = []

    async def open_of(self, agent: str) -> int:
        self.asked.append(agent)
        return self.open.get(agent, 0)


def objection(crowd: Crowd, store: Any, agent: str = "a", now: int = 5_000, beside: int = 0) -> str:
    return asyncio.run(crowd.objection(store, agent, now, beside))


def test_an_agent_asks_up_to_its_limit_and_says_why_not_further() -> None:
    for open_, beside, may in ((9, 0, True), (10, 0, False), (11, 0, False), (8, 1, True), (8, 2, False)):
        told = objection(Crowd(10), Counting(a=open_), beside=beside)
        assert (told == "") == may
    assert told == "10 questions of agent a are open; people are asked no more until they are answered."
    assert objection(Crowd(), Counting(a=OPEN_PER_AGENT - 1)) == ""
    assert objection(Crowd(), Counting(a=OPEN_PER_AGENT)) != ""


def test_far_from_the_limit_a_count_holds_for_a_second_and_each_question_adds_to_it() -> None:
    crowd, store = Crowd(10), Counting(a=2)
    for _ in range(3):
        assert objection(crowd, store) == ""
    assert store.asked == ["a"], "3, 4 and 5 by then"
    assert objection(crowd, store) == ""
    assert store.asked == ["a", "a"], "half of the limit is no longer far from it"


def test_a_count_is_made_anew_when_a_second_is_over_or_the_clock_was_put_back() -> None:
    for later, times in ((5_999, 1), (6_000, 2), (4_001, 1), (4_000, 2)):
        crowd, store = Crowd(10), Counting()
        objection(crowd, store)
        objection(crowd, store, now=later)
        assert len(store.asked) == times


def test_a_count_is_of_its_moment_and_not_of_the_last_question() -> None:
    crowd, store = Crowd(100), Counting()
    for now in (5_000, 5_900, 6_100):
        objection(crowd, store, now=now)
    assert len(store.asked) == 2


def test_what_the_same_step_opens_may_bring_a_remembered_count_to_the_limit() -> None:
    crowd, store = Crowd(10), Counting()
    objection(crowd, store)
    assert objection(crowd, store, beside=8) == ""
    assert len(store.asked) == 1
    store.open["a"] = 3
    assert objection(crowd, store, beside=8) != ""
    assert len(store.asked) == 2, "counted, not assumed"


def test_the_first_count_is_made_even_at_the_beginning_of_time() -> None:
    store = Counting(a=10)
    assert objection(Crowd(10), store, now=0) != ""
    assert store.asked == ["a"]


def test_each_agent_has_its_own_count_and_few_are_remembered() -> None:
    crowd, store = Crowd(4), Counting(b=4)
    assert (objection(crowd, store, "a"), objection(crowd, store, "b") == "") == ("", False)
    for name in ("c", "d", "e"):
        objection(crowd, store, name)
    objection(crowd, store, "e")
    assert store.asked == ["a", "b", "c", "d", "e"]
    objection(crowd, store, "a")
    assert store.asked[-1] == "a", "it was forgotten with the others"


def test_a_count_of_one_agent_does_not_forget_the_others() -> None:
    crowd, store = Crowd(10), Counting()
    for name in ("a", "b", "a", "b"):
        objection(crowd, store, name)
    assert store.asked == ["a", "b"]
