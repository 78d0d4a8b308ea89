"""What every store does, whatever it stands on."""

from __future__ import annotations

import msgspec
import pytest
from steps import ALICE, BOB, ME, OTHER, T0, Story

from hitl_fsm.adapters.store.revisions import HEAD
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import AlreadyResolved, Fenced, RecordError, RunBusy, RunNotFound, StoreError, Tampered
from hitl_fsm.model.answer import Approve, Provide, Reject
from hitl_fsm.model.call import Pass
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.ports import LEASE_MS, Lease, Store


async def whole(store: SqlStore) -> bool:
    """Whether the record verifies up to the head that is kept beside it."""
    report = verify(await store.records(limit=10_000), Head(*await store.head()))
    assert report.findings == ()
    return report.intact


async def test_a_run_is_read_as_it_was_written(store: SqlStore) -> None:
    story = Story()
    commits = story.all()
    assert [await store.commit(commit) for commit in commits] == [1, 1, 1, 2, 2, 2]
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.state, stored.version, stored.fence, stored.owner) == ("done", 6, 2, "")
    assert stored.entries == tuple(entry for commit in commits for entry in commit.entries)
    assert await store.requirement("r1-1") == story.requirement
    assert await whole(store)


async def test_what_is_not_there_is_none(store: SqlStore) -> None:
    assert await store.load("r1") is None
    assert await store.requirement("r1-1") is None
    assert await store.policies("00") is None
    assert await store.records() == []
    assert await store.head() == (0, "0" * 64)


def test_it_is_a_store(store: SqlStore) -> None:
    typed: Store = store
    assert typed is store


async def test_law11_a_commit_on_another_version_is_fenced_and_writes_nothing(store: SqlStore) -> None:
    story, twin = Story(), Story()
    for one, other in zip(story.all()[:3], twin.all()[:3], strict=True):
        await store.commit(one)
        records = await store.records()
        with pytest.raises(Fenced):
            await store.commit(other)
        assert await store.records() == records
    stored = await store.load("r1")
    assert stored is not None
    assert stored.version == 3


async def test_a_commit_under_an_older_fence_is_refused(store: SqlStore) -> None:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer(), story.start()):
        await store.commit(commit)
    late = msgspec.structs.replace(story.result(), fence=1)
    with pytest.raises(Fenced, match="fence 2"):
        await store.commit(late)


async def test_a_step_of_a_missing_run_is_refused(store: SqlStore) -> None:
    story = Story()
    story.create()
    with pytest.raises(RunNotFound):
        await store.commit(story.pause())


async def test_entries_that_skip_a_number_are_refused(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    step = story.pause()
    wrong = msgspec.structs.replace(step, entries=(msgspec.structs.replace(step.entries[0], seq=3),))
    with pytest.raises(StoreError, match="do not lead from version 1 to 2"):
        await store.commit(wrong)


async def test_take_is_refused_while_another_live_worker_holds_the_run(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    grab = msgspec.structs.replace(story.step(None, RunState.RUNNING, "take"), owner=OTHER)
    with pytest.raises(RunBusy, match="process 1 on elsewhere") as caught:
        await store.commit(grab)
    assert "60 s" in str(caught.value.help)
    assert await store.renew("r1", Lease(ME, 1))
    assert not await store.renew("r1", Lease(OTHER, 1))
    assert not await store.renew("r1", Lease(ME, 0))
    await store.release("r1", Lease(OTHER, 1))
    with pytest.raises(RunBusy):
        await store.commit(grab)
    with pytest.raises(RunBusy):  # who holds the run says `keep`; a second task of the same name is another worker
        await store.commit(msgspec.structs.replace(grab, owner=ME))
    await store.release("r1", Lease(ME, 1))
    assert await store.commit(grab) == 2
    with pytest.raises(Fenced):  # what the first worker still wanted to write
        await store.commit(story.pause())


async def test_a_lease_ends_by_the_stores_clock(store: SqlStore) -> None:
    now = T0
    store._clock = lambda _: now
    story = Story()
    await store.commit(story.create())
    grab = msgspec.structs.replace(story.step(None, RunState.RUNNING, "take"), owner=OTHER)
    now = T0 + LEASE_MS - 1
    with pytest.raises(RunBusy):
        await store.commit(grab)
    now = T0 + LEASE_MS
    assert await store.commit(grab) == 2
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.owner, stored.leased_until, stored.version) == (OTHER, T0 + 2 * LEASE_MS, 1)


async def test_keep_needs_the_lease_and_renews_it(store: SqlStore) -> None:
    story = Story()
    store._clock = lambda _: T0
    for commit in (story.create(), story.pause(), story.answer(), story.start()):
        await store.commit(commit)
    store._clock = lambda _: T0 + 1000
    step = story.result()
    with pytest.raises(Fenced, match="no longer held"):
        await store.commit(msgspec.structs.replace(step, owner=OTHER))
    await store.commit(step)
    stored = await store.load("r1")
    assert stored is not None
    assert stored.leased_until == T0 + 1000 + LEASE_MS


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.RESOLVING, RunState.DONE, RunState.FAILED])
async def test_a_run_that_waits_or_ended_is_held_by_nobody(store: SqlStore, state: RunState) -> None:
    story = Story()
    step = story.create()
    await store.commit(msgspec.structs.replace(step, run=msgspec.structs.replace(step.run, state=state)))
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.owner, stored.leased_until) == ("", 0)


async def test_law02_the_second_answer_meets_the_first(store: SqlStore) -> None:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer()):
        await store.commit(commit)
    again = story.answer(Reject(note="too much"), RequirementState.REJECTED)
    before = await store.records()
    with pytest.raises(AlreadyResolved, match=r"already resolved, by bob at 2026-01-01T00:00:05\+00:00"):
        await store.commit(again)
    assert await store.records() == before
    requirement = await store.requirement("r1-1")
    assert requirement is not None
    assert requirement.state is RequirementState.RESOLVED


async def test_law04_a_rejection_is_never_reopened(store: SqlStore) -> None:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer(Reject(), RequirementState.REJECTED)):
        await store.commit(commit)
    for state in (RequirementState.RESOLVED, RequirementState.OPEN, RequirementState.SUPERSEDED):
        with pytest.raises(AlreadyResolved):
            await store.commit(story.answer(Approve(), state))
        story.run = msgspec.structs.replace(story.run, version=3)
    with pytest.raises(Tampered):
        await store.commit(story.start())


async def test_law01_and_law05_a_call_starts_only_after_its_answer_is_on_disk(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.pause())
    answer = story.answer()
    start = msgspec.structs.replace(story.start(), expected_version=2, entries=(), calls=(story.call,))
    both = msgspec.structs.replace(answer, calls=start.calls)
    with pytest.raises(Tampered, match="is open"):
        await store.commit(both)
    stored = await store.load("r1")
    assert stored is not None
    assert stored.version == 2


async def test_law05_a_call_with_another_digest_does_not_start(store: SqlStore) -> None:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer()):
        await store.commit(commit)
    story.call = msgspec.structs.replace(story.call, digest="00" * 32)
    with pytest.raises(Tampered, match="digest differs"):
        await store.commit(story.start())


async def test_law05_a_call_that_ended_does_not_start_again(store: SqlStore) -> None:
    story = Story()
    for commit in (story.create(), story.pause(), story.answer(), story.start(), story.result()):
        await store.commit(commit)
    with pytest.raises(Tampered, match="it has ended as succeeded"):
        await store.commit(story.start("keep"))


async def test_law05_an_edit_binds_the_approval_to_the_edited_action(store: SqlStore) -> None:
    story = Story()
    for commit in (story.create(), story.pause()):
        await store.commit(commit)
    edited = msgspec.structs.replace(story.call, args={"amount": 1}, digest="cd" * 32)
    answer = story.answer(Provide({"amount": 1}))
    authorised = msgspec.structs.replace(edited, state=CallState.AUTHORISED, passed=(Pass("form", "cd" * 32),))
    await store.commit(msgspec.structs.replace(answer, calls=(authorised,)))
    original = msgspec.structs.replace(story.call, state=CallState.AUTHORISED)
    story.call = original
    with pytest.raises(Tampered):
        await store.commit(story.start())
    story.run = msgspec.structs.replace(story.run, version=3)
    story.fence = 1
    story.call = authorised
    assert await store.commit(story.start()) == 2


async def test_an_ungated_call_starts_without_any_answer(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    story.call = msgspec.structs.replace(story.call, state=CallState.AUTHORISED)
    step = story.pause()
    authorised = msgspec.structs.replace(story.call, state=CallState.AUTHORISED)
    run = msgspec.structs.replace(step.run, state=RunState.RUNNING)
    await store.commit(msgspec.structs.replace(step, run=run, lease="keep", calls=(authorised,), requirements=()))
    assert await store.commit(story.start("keep")) == 1


async def test_lists_come_in_pages(store: SqlStore) -> None:
    for number in range(5):
        story = Story(f"r{number}")
        for commit in story.all()[: 2 + number % 2]:
            await store.commit(commit)
    rows = await store.runs(limit=2)
    assert [row.run_id for row in rows] == ["r4", "r3"]
    assert [row.run_id for row in await store.runs(after="r3")] == ["r2", "r1", "r0"]
    assert [row.run_id for row in await store.runs(state="paused")] == ["r4", "r2", "r0"]
    assert [(row.user, row.name, row.open_requirements) for row in rows] == [
        ("alice", "support", 1),
        ("alice", "support", 0),
    ]
    assert [q.requirement_id for q in await store.requirements()] == ["r0-1", "r2-1", "r4-1"]
    assert [q.requirement_id for q in await store.requirements(after="r0-1", limit=1)] == ["r2-1"]
    assert [q.requirement_id for q in await store.requirements(state=None, run_id="r1")] == ["r1-1"]
    assert [q.requirement_id for q in await store.requirements(state="resolved")] == ["r1-1", "r3-1"]
    assert await store.runs(limit=-1) == []
    info = await store.info()
    keys = sum(b'"event":"key_added"' in line.body for line in await store.records())
    assert (info.runs, info.open_requirements, info.records - keys, info.schema) == (5, 3, 12, HEAD)


async def test_records_of_a_run_and_of_none(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.append([Record("viewed", T0, BOB, data={"requirement": "r1-1"}), Record("viewed", T0, ALICE)])
    await store.append([])
    await store.commit(story.pause())
    last = (await store.head())[0]  # 4, or 5 where the first line brought a line about the key that signs
    assert [line.seq for line in await store.records(run_id="r1")] == [1, last]
    assert [line.seq for line in await store.records(after=1, limit=2)] == [2, 3]
    assert await whole(store)


async def test_policies_are_kept_once(store: SqlStore) -> None:
    record = Record("policies_activated", T0, ALICE, data={"digest": "d1"})
    assert await store.save_policies("d1", "text", record)
    assert not await store.save_policies("d1", "other", record)
    assert await store.policies("d1") == "text"
    assert sum(b'"policies_activated"' in line.body for line in await store.records()) == 1


@pytest.mark.parametrize("data", [{"x": object()}, {"x": "\ud800"}, {("a", 1): 2}])
async def test_law10_a_record_that_cannot_be_written_stops_the_step(store: SqlStore, data: dict[str, object]) -> None:
    story = Story()
    step = story.create()
    with pytest.raises(RecordError, match="cannot be written"):
        await store.commit(msgspec.structs.replace(step, records=(Record("x", T0, ALICE, "r1", data),)))
    assert await store.load("r1") is None


async def test_a_closed_store_says_so(store: SqlStore) -> None:
    await store.commit(Story().create())
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.load("r1")
    with pytest.raises(StoreError, match="is closed"):
        await store.append([Record("x", T0, ALICE)])
