"""Who is first: tasks, threads, stores and processes on one version of one run. One database, several stores."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import msgspec
import pytest
from kinds import Kind, all_at_once, spawn, whole
from steps import ALICE, ME, OTHER, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Fenced, HitlError, RunBusy, StoreError
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import Store

RACERS = 6


async def paused(store: Store, run_id: str = "r1") -> Story:
    story = Story(run_id)
    await store.commit(story.create())
    await store.commit(story.pause())
    return story


async def test_law02_many_tasks_on_one_version_have_one_winner(store: Store) -> None:
    answer = (await paused(store)).answer()
    outcomes = await asyncio.gather(*(store.commit(answer) for _ in range(20)), return_exceptions=True)
    assert [o for o in outcomes if not isinstance(o, Fenced)] == [1]
    assert await whole(store) == 3


async def test_many_tasks_on_many_runs_all_win(store: Store) -> None:
    async def one(number: int) -> None:
        for commit in Story(f"r{number}").all():
            await store.commit(commit)

    await asyncio.gather(*(one(number) for number in range(50)))
    assert Counter(row.state for row in await store.runs()) == {"done": 50}
    assert await whole(store) == 300


async def test_steps_of_one_run_that_wait_together_are_done_in_their_order(store: Store) -> None:
    outcomes = await asyncio.gather(*(store.commit(commit) for commit in Story().all()))
    assert outcomes == [1, 1, 1, 2, 2, 2]
    assert await whole(store) == 6


async def test_law02_two_stores_on_one_version_have_one_winner_each_round(shared: Kind) -> None:
    stores = [shared.open() for _ in range(4)]
    rounds = 25
    for number in range(rounds):
        answer = (await paused(stores[number % 4], f"r{number}")).answer()
        outcomes = await asyncio.gather(*(store.commit(answer) for store in stores), return_exceptions=True)
        assert sorted(map(str, map(type, outcomes))) == sorted([str(int), *[str(Fenced)] * 3])
    assert await whole(stores[0]) == 3 * rounds
    for store in stores:
        await store.close()


async def test_stores_that_create_one_run_at_once_have_one_winner(shared: Kind) -> None:
    stores = [shared.open() for _ in range(4)]
    await asyncio.gather(*(store.append([]) for store in stores))
    for number in range(25):
        create = Story(f"r{number}").create()
        outcomes = await asyncio.gather(*(store.commit(create) for store in stores), return_exceptions=True)
        kinds = Counter(type(outcome) for outcome in outcomes)
        assert kinds == {int: 1, Fenced: 3}, outcomes
    assert await whole(stores[0]) == 25
    for store in stores:
        await store.close()


async def test_stores_that_write_many_runs_in_opposite_orders_all_finish(shared: Kind) -> None:
    """Each takes all runs in one batch: without one order of locks, these would wait for each other for ever."""
    stores = [shared.open() for _ in range(3)]
    stories = [await paused(stores[0], f"r{number:02}") for number in range(20)]
    answers = [story.answer() for story in stories]

    async def all_of(store: Store, *, backwards: bool) -> list[object]:
        steps = answers[::-1] if backwards else answers
        return list(await asyncio.gather(*(store.commit(step) for step in steps), return_exceptions=True))

    results = await asyncio.gather(*(all_of(store, backwards=bool(n % 2)) for n, store in enumerate(stores)))
    outcomes = Counter(type(outcome) for result in results for outcome in result)
    assert outcomes == {int: 20, Fenced: 40}
    assert await whole(stores[0]) == 60
    for store in stores:
        await store.close()


async def test_law10_records_of_several_stores_make_one_chain(shared: Kind) -> None:
    stores = [shared.open() for _ in range(4)]

    async def views(store: Store, by: int) -> None:
        for number in range(30):
            await store.append([Record("viewed", T0, ALICE, data={"by": by, "number": number})] * 2)

    await asyncio.gather(*(views(store, by) for by, store in enumerate(stores)))
    assert await whole(stores[0]) == 240
    for store in stores:
        await store.close()


async def test_a_policy_set_is_kept_once_by_several_stores(shared: Kind) -> None:
    stores = [shared.open() for _ in range(4)]
    record = Record("policies_activated", T0, ALICE)
    for number in range(10):
        kept = await asyncio.gather(*(store.save_policies(f"d{number}", "text", record) for store in stores))
        assert sorted(kept) == [False, False, False, True]
    assert await whole(stores[0]) == 10
    for store in stores:
        await store.close()


async def test_one_of_two_stores_claims_a_run(shared: Kind) -> None:
    one, other = shared.open(), shared.open()
    for number in range(20):
        story = await paused(one, f"r{number}")
        await one.commit(story.answer())
        take = story.step(None, RunState.CONTINUING, "take")
        takes = (take, msgspec.structs.replace(take, owner=OTHER))
        claims = zip((one, other), takes, strict=True)
        outcomes = await asyncio.gather(*(store.commit(step) for store, step in claims), return_exceptions=True)
        assert Counter(type(outcome) for outcome in outcomes) == {int: 1, RunBusy: 1}, outcomes
        stored = await other.load(f"r{number}")
        assert stored is not None
        assert stored.owner == (ME if isinstance(outcomes[0], int) else OTHER)
    await one.close()
    await other.close()


async def test_sweepers_of_several_stores_never_claim_the_same_timer(shared: Kind) -> None:
    stores = [shared.open() for _ in range(4)]
    for number in range(40):
        story = Story(f"r{number:02}")
        await stores[0].commit(story.create())
        timer = Timer(story.run.run_id, f"{story.run.run_id}-1", "expiry", T0 + number)
        await stores[0].commit(msgspec.structs.replace(story.pause(), timers=(timer,)))

    async def sweep(store: Store, name: str) -> list[Timer]:
        return [timer for _ in range(10) for timer in await store.claim_timers(T0 + 99, name, limit=2)]

    shares = await asyncio.gather(*(sweep(store, f"{ME}{n}") for n, store in enumerate(stores)))
    claimed = [timer for share in shares for timer in share]
    assert len(claimed) == len(set(claimed)) == 40
    for store in stores:
        await store.close()


async def test_law02_threads_with_stores_of_their_own_have_one_winner(shared: Kind) -> None:
    store = shared.open()
    answer = (await paused(store)).answer()
    outcomes: list[object] = []
    gate = threading.Barrier(RACERS)

    async def race() -> None:
        mine = shared.open()
        await mine.load("r1")
        gate.wait()
        try:
            outcomes.append(await mine.commit(answer))
        except HitlError as error:
            outcomes.append(type(error))
        await mine.close()

    threads = [threading.Thread(target=lambda: asyncio.run(race())) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert sorted(map(str, outcomes)) == sorted(["1", *[str(Fenced)] * (RACERS - 1)])
    assert await whole(store) == 3
    await store.close()


RACE = """
import asyncio
from steps import Story
from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import HitlError
async def main():
    story = Story(); story.create(); story.pause(); answer = story.answer()
    store = open_store(sys.argv[1])
    await store.load("r1")
    print("ready", flush=True); sys.stdin.readline()
    try:
        print(await store.commit(answer))
    except HitlError as error:
        print(error.code)
    for number in range(10):
        await store.commit(Story(f"r{sys.argv[2]}-{number}").create())
    await store.close()
asyncio.run(main())
"""


async def test_law02_processes_on_one_version_have_one_winner_and_nobody_meets_a_locked_database(shared: Kind) -> None:
    store = shared.open()
    await paused(store)
    racers = [spawn(RACE, shared.url, str(number)) for number in range(RACERS)]
    assert sorted(await all_at_once(racers)) == ["1", *["HF306"] * (RACERS - 1)]
    assert await whole(store) == 2 + 1 + 10 * RACERS
    await store.close()


PRESS = """
import asyncio
from steps import Story
from kinds import store_of
from hitl_fsm.errors import HitlError
async def one(store, name):
    for number in range(3):
        for commit in Story(f"r{sys.argv[2]}-{name:02}-{number}").all():
            await store.commit(commit)
    for _ in range(3):
        await store.runs(limit=5); await store.requirements(); await store.ready(); await store.health(0)
async def main():
    store = store_of(sys.argv[1])
    await store.load("r1")
    print("ready", flush=True); sys.stdin.readline()
    done = await asyncio.gather(*(one(store, name) for name in range(20)), return_exceptions=True)
    print([str(error) for error in done if error is not None])
    await store.close()
asyncio.run(main())
"""


async def test_four_processes_that_write_and_read_at_once_meet_no_error(shared: Kind) -> None:
    store = shared.open()
    assert await all_at_once([spawn(PRESS, shared.url, str(number)) for number in range(4)]) == ["[]"] * 4
    assert await whole(store) == 4 * 20 * 3 * 6
    await store.close()


# -- waiters, and the end


async def test_a_cancelled_waiter_does_not_stop_the_others(store: SqlStore) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    tasks = [asyncio.create_task(store.commit(Story(f"r{number}").create())) for number in range(5)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    assert all(isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*tasks, return_exceptions=True))
    assert await store.commit(Story("last").create()) == 1
    assert await whole(store) == len(await store.runs()) == 6
    assert complaints == []


async def test_what_waits_when_the_store_is_closed_is_done_first(shared: Kind) -> None:
    store = shared.open()
    waiting = asyncio.gather(*(store.commit(Story(f"r{number}").create()) for number in range(100)))
    await asyncio.sleep(0)
    await store.close()
    assert await waiting == [1] * 100
    with pytest.raises(StoreError, match="is closed"):
        await store.commit(Story("late").create())
    again = shared.open()
    assert await whole(again) == 100
    await again.close()


def test_one_store_serves_several_event_loops(shared: Kind) -> None:
    store = shared.open()
    for number in range(3):
        assert asyncio.run(store.commit(Story(f"r{number}").create())) == 1
        assert len(asyncio.run(store.runs())) == number + 1
    asyncio.run(store.close())
