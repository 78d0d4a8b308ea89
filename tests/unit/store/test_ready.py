"""What could go on, what nobody takes up, what can be forgotten, and what is counted."""

from __future__ import annotations

import time

import msgspec
import pytest
from places import dead_owner
from steps import ALICE, ME, OTHER, T0, Story

from hitl_fsm.adapters.store.retention import FORGET_LIMIT
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import RecordError, StoreError
from hitl_fsm.model.event import RunCancelled
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import OutcomeUnknown
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import LEASE_MS

FORGOTTEN = Record("runs_forgotten", T0, ALICE, data={"runs": 1})


async def at(store: SqlStore, run_id: str, steps: int, owner: str = ME) -> Story:
    """A run after so many of its steps."""
    story = Story(run_id, owner)
    for step in (story.create, story.pause, story.answer, story.start, story.result, story.done)[:steps]:
        await store.commit(step())
    return story


async def ids(store: SqlStore, after: str = "", limit: int = 100) -> list[str]:
    return [row.run_id for row in await store.ready(after=after, limit=limit)]


# -- ready


async def test_a_run_is_ready_once_it_is_answered_and_while_nobody_holds_it(store: SqlStore) -> None:
    story = Story()
    seen = []
    for commit in story.all():
        await store.commit(commit)
        seen.append(await ids(store))
    assert seen == [[], [], ["r1"], [], [], []]


async def test_a_run_whose_worker_is_gone_is_ready_and_names_it(store: SqlStore) -> None:
    store._clock = lambda _: T0
    await at(store, "r1", 1)
    await at(store, "r2", 4, OTHER)
    dead = dead_owner()
    await at(store, "r3", 1, dead)
    assert [(row.run_id, row.owner, row.leased_until) for row in await store.ready()] == [("r3", dead, T0 + LEASE_MS)]
    store._clock = lambda _: T0 + LEASE_MS
    assert [(row.run_id, row.owner) for row in await store.ready()] == [("r1", ME), ("r2", OTHER), ("r3", dead)]


async def test_what_is_ready_comes_in_pages_oldest_first(store: SqlStore) -> None:
    for number in range(9):
        await at(store, f"r{number}", 1 if number % 3 == 0 else 3)  # every third one is held
    assert await ids(store, limit=2) == ["r1", "r2"]
    assert await ids(store, after="r2", limit=3) == ["r4", "r5", "r7"]
    assert await ids(store, after="r7") == ["r8"]
    assert await ids(store, limit=0) == []


async def test_a_list_tells_who_holds_a_run(store: SqlStore) -> None:
    store._clock = lambda _: T0
    await at(store, "r1", 1)
    await at(store, "r2", 2)
    assert [(row.run_id, row.owner, row.leased_until) for row in await store.runs()] == [
        ("r2", "", 0),
        ("r1", ME, T0 + LEASE_MS),
    ]
    assert [row.run_id for row in await store.runs(state="running")] == ["r1"]


# -- retention


async def rows_of(store: SqlStore, run_id: str) -> int:
    tables = ("run", "event", "call", "requirement", "timer")
    counts = [f"(SELECT count(*) FROM {table} WHERE run_id = '{run_id}')" for table in tables]
    row = await store._write(lambda connection: connection.execute(f"SELECT {' + '.join(counts)}").fetchone())
    return int(row[0])


async def test_forgetting_takes_everything_but_the_record(store: SqlStore) -> None:
    story = Story()
    for commit in story.all():
        await store.commit(msgspec.structs.replace(commit, timers=(Timer("r1", "r1-1", "expiry", 1),)))
    await at(store, "r2", 6)
    lines = await store.records()
    others = await rows_of(store, "r2")
    assert await store.forget(["r1", "r1"], FORGOTTEN) == 1
    assert await store.load("r1") is None
    assert await rows_of(store, "r1") == 0
    assert await rows_of(store, "r2") == others
    assert (await store.records())[:-1] == lines
    report = verify(await store.records(), Head(*await store.head()))
    assert report.intact
    assert report.count - sum(b'"event":"key_added"' in line.body for line in lines) == 13


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
async def test_law10_one_run_that_has_not_ended_keeps_all(store: SqlStore, steps: int) -> None:
    await at(store, "r1", 6)
    await at(store, "r2", steps)
    before = await store.records()
    for asked in (["r1", "r2"], ["r2"], ["r1", "r9"], ["r9"], []):
        assert await store.forget(asked, FORGOTTEN) == 0
    assert await store.load("r1") is not None
    assert await store.records() == before


async def test_a_failed_run_can_be_retried_and_is_kept(store: SqlStore) -> None:
    step = Story().create()
    await store.commit(msgspec.structs.replace(step, run=msgspec.structs.replace(step.run, state=RunState.FAILED)))
    assert await store.forget(["r1"], FORGOTTEN) == 0
    assert await store.ended(before=T0 * 2) == []


async def test_law10_without_its_record_nothing_is_forgotten(store: SqlStore) -> None:
    await at(store, "r1", 6)
    with pytest.raises(RecordError):
        await store.forget(["r1"], Record("x", T0, ALICE, data={"x": object()}))
    assert await store.load("r1") is not None


async def test_what_is_forgotten_at_once_is_bounded(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="too many to forget at once") as caught:
        await store.forget([f"r{number}" for number in range(FORGET_LIMIT + 1)], FORGOTTEN)
    assert str(FORGET_LIMIT) in str(caught.value.help)
    assert await store.forget([f"r{number}" for number in range(FORGET_LIMIT)], FORGOTTEN) == 0


async def cancelled(store: SqlStore, run_id: str, state: CallState) -> None:
    """A run that was cancelled with a call in some state."""
    story = await at(store, run_id, 3)
    story.call = msgspec.structs.replace(story.call, state=state)
    await store.commit(story.step(RunCancelled("enough"), RunState.CANCELLED, "none", (story.call,)))


async def test_what_ended_before_a_time_comes_oldest_first(store: SqlStore) -> None:
    for number in range(5):
        await at(store, f"r{number}", 6)
    await at(store, "r5", 5)
    last = (await store.runs())[-1].updated_at
    assert await store.ended(before=last) == []
    assert [row.run_id for row in await store.ended(before=last + 1, limit=3)] == ["r0", "r1", "r2"]
    assert len(await store.ended(before=last + 1)) == 5


async def test_a_cancelled_run_with_a_call_in_doubt_is_not_among_those_that_ended(store: SqlStore) -> None:
    for number, state in enumerate(
        [CallState.EXECUTING, CallState.OUTCOME_UNKNOWN, CallState.SUCCEEDED, CallState.SKIPPED]
    ):
        await cancelled(store, f"r{number}", state)
    assert [row.run_id for row in await store.ended(before=T0 * 2)] == ["r2", "r3"]
    assert (await store.health(T0)).cut_off == 2


# -- health


async def test_health_counts_what_needs_somebody(store: SqlStore) -> None:
    before = time.time_ns() // 1_000_000
    health = await store.health(T0)
    assert (health.stuck, health.ready, health.unknown_outcomes, health.cut_off, health.overdue) == (0, 0, 0, 0, 0)
    assert before <= health.clock <= time.time_ns() // 1_000_000 + 1
    store._clock = lambda _: T0
    await at(store, "r1", 1)  # held
    await at(store, "r2", 1, dead_owner())  # stuck
    await at(store, "r3", 3)  # ready
    story = Story("r4")
    await store.commit(story.create())
    story.requirement = msgspec.structs.replace(story.requirement, question=OutcomeUnknown())
    timers = (Timer("r4", "a", "expiry", T0), Timer("r4", "b", "expiry", T0 + 1))
    await store.commit(msgspec.structs.replace(story.pause(), timers=timers))
    health = await store.health(T0)
    assert (health.stuck, health.ready, health.unknown_outcomes, health.cut_off, health.overdue) == (1, 1, 1, 0, 1)
    assert health.clock == T0


async def test_health_tells_what_a_vacuum_would_give_back(store: SqlStore) -> None:
    for number in range(40):
        story = Story(f"r{number:02}", args={"order_id": "x" * 4000})
        for commit in story.all():
            await store.commit(commit)
    before = await store.health(T0)
    assert await store.forget([f"r{number:02}" for number in range(40)], FORGOTTEN) == 40
    after = await store.health(T0)
    if before.free_bytes is not None:  # a file
        assert before.free_bytes > 0
        assert after.reclaimable > before.reclaimable + 100_000


# -- the state of the row


@pytest.mark.parametrize("before", [RunState.RUNNING, RunState.FAILED, RunState.CONTINUING])
@pytest.mark.parametrize("after", [RunState.RUNNING, RunState.CONTINUING, RunState.PAUSED, RunState.DONE])
@pytest.mark.parametrize("lease", ["take", "keep", "release", "none"])
async def test_the_row_has_the_state_that_the_step_says(
    store: SqlStore, before: RunState, after: RunState, lease: str
) -> None:
    story = Story()
    held = lease == "keep"
    created = Story().create().entries[0].event
    await store.commit(story.step(created, before, "take" if held else "release"))
    if held and before is RunState.FAILED:
        return  # nobody holds such a run
    await store.commit(story.step(None, after, lease))  # type: ignore[arg-type]
    stored = await store.load("r1")
    assert stored is not None
    assert stored.state == after
    advancing = after in {RunState.RUNNING, RunState.CONTINUING}
    assert stored.owner == (ME if advancing and lease in {"take", "keep"} else "")
    assert await ids(store) == (["r1"] if advancing and lease in {"release", "none"} else [])
