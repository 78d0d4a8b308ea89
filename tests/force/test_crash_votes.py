"""Laws 2, 3, 10 and 12 of approvals: a process that dies at any write leaves votes, grants, timers and notices whole.

Others bring the run to its end: no effect twice, no vote lost or doubled, no grant used without being counted, nothing
handed out twice that cannot be, no notice under two ids.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from crash_checks import wrong_with
from crash_votes import Play
from kill_databases import Database
from kill_stores import clocked_store

from dying import memory
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.testing import FrozenClock
from share import some_of

pytest_plugins = ["kill_fixtures"]

EACH = {"sqlite": 37, "postgres": 79}
"""Of so many deaths one is tried always; `pytest -m slow` tries all."""
Played = Callable[..., list[str]]


@cache
def unharmed() -> Play:
    clock = FrozenClock()
    play = Play(memory(clock), clock)
    assert play.to_the_end() == []
    return play


@pytest.fixture
def played(database: Database, tmp_path: Path) -> Played:
    """What is wrong after a death at that write, the next process' death at its own, and so on."""

    def play_(*after: int, heard: bool) -> list[str]:
        clock = FrozenClock()
        in_memory = database.name == "sqlite"
        store = memory(clock) if in_memory else clocked_store(database.fresh(tmp_path), clock.now)
        play = Play(store, clock, *after, heard=heard)
        try:
            wrong = [*play.to_the_end(), *wrong_with(play, unharmed())]
        finally:
            run_sync(store.close())
        return [f"after write {after}, {heard=}: {one}" for one in wrong]

    return play_


def deaths(*, heard: bool) -> range:
    return range(0 if heard else 1, len(unharmed().disk.writes))


def test_law03_nobody_dies_and_every_approval_holds(played: Played) -> None:
    assert played(heard=True) == []
    play = unharmed()
    assert [(name, amount) for name, _, amount in play.effects] == [
        *(("pay", 7), ("ship", 1), ("buy", 10), ("buy", 20), ("buy", 30), ("unlock", 3), ("wire", 6)),
    ]
    kinds = set(play.disk.writes)
    assert {
        "advance",
        "claim_deliveries",
        "claim_dispatch",
        "settle_delivery",
        "claim_timers",
        "close_override",
    } < kinds
    assert len(play.disk.writes) > 120


@pytest.mark.parametrize("heard", [True, False])
def test_law03_approvals_outlive_a_death_at_a_write(played: Played, database: Database, heard: bool) -> None:
    each = EACH[database.name]
    some = [after for after in deaths(heard=heard) if after % each == (each // 2 if heard else 0)]
    assert [one for after in some for one in played(after, heard=heard)] == []


@pytest.mark.slow
@pytest.mark.parametrize("heard", [True, False])
def test_law03_approvals_outlive_a_death_at_each_write(played: Played, heard: bool) -> None:
    assert [one for after in some_of(deaths(heard=heard)) for one in played(after, heard=heard)] == []


@pytest.mark.slow
@pytest.mark.parametrize("heard", [True, False])
def test_law03_approvals_outlive_a_second_death_while_recovering(played: Played, heard: bool) -> None:
    first, then = range(1, len(unharmed().disk.writes), 5), (1, 2, 3, 5, 8)
    assert [one for after in some_of(first) for again in then for one in played(after, again, 2, heard=heard)] == []
