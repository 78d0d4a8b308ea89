"""Timers: set and deleted with the step, claimed by one sweeper at a time, lost with no sweeper."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from places import dead_owner
from steps import ME, OTHER, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Fenced
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import LEASE_MS, Commit

LATER = T0 + 10_000_000


def timer(run_id: str = "r1", due_at: int = LATER, about: str = "") -> Timer:
    return Timer(run_id, about or f"{run_id}-1", "expiry", due_at)


def timed(commit: Commit, *timers: Timer, over: Sequence[Timer] = ()) -> Commit:
    return msgspec.structs.replace(commit, timers=timers, timers_over=tuple(over))


async def paused(store: SqlStore, run_id: str, due_at: int) -> Story:
    """A run that waits, with a timer."""
    story = Story(run_id)
    await store.commit(story.create())
    await store.commit(timed(story.pause(), timer(run_id, due_at)))
    return story


async def test_a_timer_comes_and_goes_with_its_step(store: SqlStore) -> None:
    assert await store.next_timer() is None
    assert await store.claim_timers(LATER, ME) == []
    story = await paused(store, "r1", LATER)
    assert await store.next_timer() == LATER
    await store.commit(timed(story.answer(), over=[timer()]))
    assert await store.next_timer() is None
    await store.commit(timed(story.start(), over=[timer()]))  # whether or not it is still there
    assert await store.claim_timers(LATER, ME) == []


async def test_law10_a_step_that_did_not_happen_leaves_its_timers_alone(store: SqlStore) -> None:
    story = await paused(store, "r1", LATER)
    wrong = msgspec.structs.replace(story.answer(), fence=9)
    with pytest.raises(Fenced):
        await store.commit(timed(wrong, timer(about="r1-2", due_at=1), over=[timer()]))
    assert await store.next_timer() == LATER


async def test_only_what_is_due_is_claimed_earliest_first(store: SqlStore) -> None:
    for number, due_at in enumerate([LATER + 3, LATER + 1, LATER + 2, LATER + 9]):
        await paused(store, f"r{number}", due_at)
    assert await store.claim_timers(LATER, ME) == []
    assert await store.claim_timers(LATER + 3, ME, limit=0) == []
    assert [one.due_at for one in await store.claim_timers(LATER + 3, ME, limit=2)] == [LATER + 1, LATER + 2]
    assert await store.claim_timers(LATER + 3, ME) == [timer("r0", LATER + 3)]
    assert await store.claim_timers(LATER + 3, OTHER) == []
    assert await store.next_timer() == LATER + 1  # whoever holds it


async def test_a_claim_ends_by_the_databases_clock(store: SqlStore) -> None:
    await paused(store, "r1", LATER)
    store._clock = lambda _: T0
    assert await store.claim_timers(LATER, ME) == [timer()]
    store._clock = lambda _: T0 + LEASE_MS - 1
    assert await store.claim_timers(LATER, OTHER) == []
    assert await store.claim_timers(LATER, ME) == []  # a second sweep of the same worker is another one
    store._clock = lambda _: T0 + LEASE_MS
    assert await store.claim_timers(LATER, OTHER) == [timer()]


async def test_the_claim_of_a_dead_sweeper_ends_at_once(store: SqlStore) -> None:
    await paused(store, "r1", LATER)
    await paused(store, "r2", LATER)
    assert len(await store.claim_timers(LATER, dead_owner(), limit=1)) == 1
    assert await store.claim_timers(LATER, ME) == [timer("r1"), timer("r2")]


async def test_a_timer_that_is_set_anew_is_due_at_the_new_time_and_nobodys(store: SqlStore) -> None:
    story = await paused(store, "r1", LATER)
    assert await store.claim_timers(LATER, ME) == [timer()]
    await store.commit(timed(story.answer(), timer(due_at=LATER - 5)))
    assert await store.claim_timers(LATER, OTHER) == [timer(due_at=LATER - 5)]


async def test_sweepers_that_claim_at_once_share_the_timers(store: SqlStore) -> None:
    for number in range(30):
        await paused(store, f"r{number:02}", LATER + number)
    shares = await asyncio.gather(*(store.claim_timers(LATER + 99, f"{ME}{n}", limit=7) for n in range(8)))
    claimed = [one for share in shares for one in share]
    assert len(claimed) == len(set(claimed)) == 30
