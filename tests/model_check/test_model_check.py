"""The protocol, all interleavings: two workers, three crashes, a person, time. Safe and live; planted faults are found.

Each fault is one of the model's (`Setting.fault`), never of the product; the story that shows it is part of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from core_runs import is_outcome, look
from explore import Explorer, Move
from protocol import Fault, Protocol, Setting, World

from hitl_fsm.model.states import CallState, RequirementState, RunState

WAYS: dict[str, Setting] = {
    "a call that must not be repeated": Setting(),
    "a call that may be repeated": Setting(idempotent=True),
}
MORE_WAYS: dict[str, Setting] = {
    "with an expiry": Setting(expires=True),
    "on several hosts": Setting(same_host=False),
    "two workers that stand still": Setting(stops=2, crashes=2),
    "a call that may be repeated, on several hosts": Setting(idempotent=True, expires=True, same_host=False),
}

FAULTS: dict[Fault, tuple[Setting, str, str]] = {
    "no fence": (Setting(), "", "a run that is cancelled becomes continuing"),
    "no reconciler": (Setting(), "somebody: approve\n  worker 0: takes up the run\n  worker 0 is killed", "never ends"),
    "queue lock shared with a timer": (
        Setting(expires=True, crashes=1),
        "worker 0: takes the timer's job, and the lock\n  worker 0 is killed",
        "never ends",
    ),
    "intent after effect": (Setting(), "somebody: cancelled\n  worker 0: THE EFFECT", "had not begun before"),
    "outcome answered too early": (Setting(), "it did not happen\n  worker 0: THE EFFECT", "happens 2 times"),
    "start without looking at the lease": (Setting(), "time passes\n  worker 0: enters the tool", "happens 2 times"),
}

REACHED: dict[str, Callable[[World], bool]] = {
    "done, with one effect": lambda w: look(w.run).state is RunState.DONE and w.acted == 1,
    "done, without effect": lambda w: look(w.run).state is RunState.DONE and w.acted == 0 and w.refused,
    "cancelled while the tool runs": lambda w: (
        look(w.run).state is RunState.CANCELLED and w.acted == 0 and any(one.place == "acting" for one in w.workers)
    ),
    "both workers in the tool": lambda w: {one.place for one in w.workers} == {"acting"},
    "asked what happened, while it may still happen": lambda w: any(
        is_outcome(q) and q.answerable_from for q in look(w.run).open_requirements
    ),
    "asked twice what happened": lambda w: sum(map(is_outcome, look(w.run).requirements)) > 1,
    "answered by the late worker": lambda w: (
        look(w.run).calls[0].state is CallState.SUCCEEDED
        and any(is_outcome(q) and q.state is RequirementState.SUPERSEDED for q in look(w.run).requirements)
    ),
    "twice, after a lie": lambda w: w.lied and w.acted > 1,
}
"""What a model that proves something has to have seen."""


def explorer(setting: Setting) -> Explorer[World]:
    protocol = Protocol(setting)
    return Explorer(protocol.begin(), protocol.moves, protocol.is_end, protocol.alike)


@pytest.mark.parametrize("way", WAYS)
def test_law03_all_interleavings_are_safe_and_come_to_an_end(way: str) -> None:
    explored = explorer(WAYS[way])
    found = explored.explore()
    assert (found.safe, found.live) == ("", "")
    assert found.states > 5_000
    missed = {name for name, seen in REACHED.items() if not any(map(seen, explored.states))}
    assert missed == (set() if WAYS[way].idempotent else {"both workers in the tool"})


@pytest.mark.slow
@pytest.mark.parametrize("way", MORE_WAYS)
def test_law03_more_interleavings_are_safe_and_come_to_an_end(way: str) -> None:
    found = explorer(MORE_WAYS[way]).explore()
    assert (found.safe, found.live) == ("", "")


def test_every_fault_has_its_story() -> None:
    assert {*FAULTS, "none"} == set(get_args(Fault))


@pytest.mark.parametrize("fault", FAULTS)
def test_law03_a_planted_fault_is_found(fault: Fault) -> None:
    setting, middle, end = FAULTS[fault]
    found = explorer(setting._replace(fault=fault)).explore()
    story = found.safe or found.live
    assert story.startswith("  somebody: approve\n") or setting.expires
    assert middle in story
    assert story.rpartition("\n=> ")[2].find(end) >= 0, story


def test_law02_two_workers_without_a_fence_do_it_twice() -> None:
    """The shortest story of a missing fence is an undone cancellation; without a person who cancels it is this one."""
    protocol = Protocol(Setting(fault="no fence", crashes=0))

    def moves(world: World) -> Iterator[Move[World]]:
        for move in protocol.moves(world):
            if not move.name.endswith(("cancelled", "reject")):
                yield move if "THE EFFECT" in move.name else move._replace(wrong="")

    found = Explorer(protocol.begin(), moves, protocol.is_end).explore()
    assert "the effect happens 2 times" in found.safe


# -- the explorer itself


def count(*, to: int, circle: bool = False, pit: int = -1) -> Explorer[int]:
    """Counting up to the end, perhaps with a way back, or with a pit beside the way."""

    def moves(state: int) -> list[Move[int]]:
        onward = [Move("up", state + 1)] if 0 <= state < to else []
        back = [Move("back", 0)] if circle and 0 < state < to else []
        return [*onward, *back, *([Move("fall", -1, wanted=False)] if state == pit else [])]

    return Explorer(0, lambda state: iter(moves(state)), lambda state: state == to)


def test_the_explorer_takes_what_is_right() -> None:
    assert count(to=9).explore()[:1] == (10,)
    assert count(to=9).explore()[2:] == ("", "")


def test_the_explorer_finds_a_dead_end_and_a_circle() -> None:
    assert count(to=9, pit=2).explore().live == "  up\n  up\n  fall\n=> it never ends; all that can happen: nothing"
    assert "circles for ever" in count(to=9, circle=True).explore().live


def test_the_explorer_finds_the_shortest_way_to_what_is_wrong() -> None:
    def moves(state: int) -> list[Move[int]]:
        return [Move("one", state + 1), Move("three", state + 3, wrong="seven" if state + 3 == 7 else "")]

    found = Explorer(0, lambda state: iter(moves(state)), lambda _: False).explore()
    assert found.safe == "  one\n  three\n  three\n=> seven"
