"""What wrong versions of the store's statements and guards got away with: each touches what it says, and only that."""

from __future__ import annotations

import msgspec
import pytest
from kinds import Kind
from places import dead_owner
from steps import ALICE, ME, OTHER, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import AlreadyResolved, Fenced, RunNotFound, StoreError, Tampered
from hitl_fsm.model.answer import Reject
from hitl_fsm.model.event import RunCancelled
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import OutcomeUnknown
from hitl_fsm.model.states import RequirementState, RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import LEASE_MS, Lease


async def paused(store: SqlStore, run_id: str, *timers: Timer) -> Story:
    story = Story(run_id)
    await store.commit(story.create())
    await store.commit(msgspec.structs.replace(story.pause(), timers=timers))
    return story


async def test_each_policy_set_is_read_by_its_own_digest(store: SqlStore) -> None:
    for digest in ("d1", "d2"):
        await store.save_policies(digest, f"text of {digest}", Record("policies_activated", T0, ALICE))
    assert [await store.policies(digest) for digest in ("d2", "d1", "d3")] == ["text of d2", "text of d1", None]


async def test_a_timer_that_is_over_takes_no_other_with_it(store: SqlStore) -> None:
    mine, second, others = (Timer("r1", "x", "expiry", 1), Timer("r1", "y", "expiry", 2), Timer("r2", "x", "expiry", 3))
    story = await paused(store, "r1", mine, second)
    await paused(store, "r2", others)
    await store.commit(msgspec.structs.replace(story.answer(), timers_over=(mine,)))
    assert list(await store.claim_timers(9, story.owner)) == [second, others]


async def test_health_counts_lost_outcomes_and_not_other_questions(store: SqlStore) -> None:
    await paused(store, "r1")
    assert (await store.health(T0)).unknown_outcomes == 0
    story = Story("r2")
    await store.commit(story.create())
    story.requirement = msgspec.structs.replace(story.requirement, question=OutcomeUnknown())
    await store.commit(story.pause())
    assert (await store.health(T0)).unknown_outcomes == 1
    await store.commit(story.answer())
    assert (await store.health(T0)).unknown_outcomes == 0


async def test_law05_a_call_first_told_of_at_its_start_is_on_disk_all_the_same(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.start("keep"))
    await store.commit(story.result())
    with pytest.raises(Tampered, match="has ended as succeeded"):
        await store.commit(story.start("keep"))


async def test_law02_a_step_that_relies_on_a_question_needs_its_row(kind: Kind, store: SqlStore) -> None:
    story = await paused(store, "r1")
    await kind.sql("DELETE FROM requirement")
    seen = msgspec.structs.replace(story.answer(), requirements=(), seen=(story.requirement,))
    with pytest.raises(Tampered, match="is gone"):
        await store.commit(seen)


async def test_a_run_made_without_a_lease_is_nobodys(store: SqlStore) -> None:
    await store.commit(msgspec.structs.replace(Story().create(), lease="none"))
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.state, stored.owner, stored.leased_until) == ("running", "", 0)


async def test_law05_only_a_yes_is_bound_to_an_action(kind: Kind, store: SqlStore) -> None:
    await store.commit((await paused(store, "r1")).answer())
    no = await paused(store, "r2")
    await store.commit(no.answer(Reject(), RequirementState.REJECTED))
    bound = await kind.sql("SELECT run_id, bound FROM requirement ORDER BY run_id")
    assert [tuple(row) for row in bound] == [("r1", Story("r1").digest), ("r2", "")]


async def test_the_records_of_a_run_begin_after_the_one_that_is_named(store: SqlStore) -> None:
    await paused(store, "r1")
    await paused(store, "r2")
    last = (await store.head())[0]
    assert last - sum(b'"event":"key_added"' in line.body for line in await store.records()) == 4
    assert [line.seq for line in await store.records(run_id="r2", after=last - 1)] == [last]
    assert [line.seq for line in await store.records(run_id="r2", after=last - 2)] == [last - 1, last]


async def test_a_run_that_is_let_go_while_it_advances_is_nobodys_at_once(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.start("release"))
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.state, stored.owner, stored.leased_until) == ("continuing", "", 0)


async def test_a_run_of_a_dead_worker_is_taken_at_once(store: SqlStore) -> None:
    story = Story(owner=dead_owner())
    await store.commit(story.create())
    story.owner = ME
    assert await store.commit(story.start("take")) == 2


async def bound(kind: Kind) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await kind.sql("SELECT bound FROM requirement ORDER BY requirement_id")]


async def test_law05_an_answer_is_bound_to_its_own_call_among_others(kind: Kind, store: SqlStore) -> None:
    story = await paused(store, "r1")
    answer = story.answer()
    other = msgspec.structs.replace(story.call, call_id="1.1", digest="ee" * 32)
    await store.commit(msgspec.structs.replace(answer, calls=(other, *answer.calls)))
    assert await bound(kind) == [(story.digest,)]


async def test_law05_an_answer_that_moves_no_call_is_bound_to_the_stored_one(kind: Kind, store: SqlStore) -> None:
    story = await paused(store, "r1")
    await store.commit(msgspec.structs.replace(story.answer(), calls=()))
    assert await bound(kind) == [(story.digest,)]


async def test_a_missing_run_is_not_taken_for_another_that_is_there(store: SqlStore) -> None:
    await paused(store, "r0")
    story = Story("r9")
    story.create()
    with pytest.raises(RunNotFound):
        await store.commit(story.pause())


async def test_law05_an_answer_whose_call_is_gone_is_refused(kind: Kind, store: SqlStore) -> None:
    story = await paused(store, "r1")
    await kind.sql("DELETE FROM call")
    with pytest.raises(Tampered, match="is gone"):
        await store.commit(msgspec.structs.replace(story.answer(), calls=()))


async def test_a_question_that_a_step_repeats_as_it_is_changes_nothing(kind: Kind, store: SqlStore) -> None:
    story = await paused(store, "r1")
    await store.commit(story.answer())
    await store.commit(msgspec.structs.replace(story.start(), requirements=(story.requirement,)))
    assert await bound(kind) == [(story.digest,)]


async def test_law04_a_yes_may_still_be_voided_and_a_no_may_not(store: SqlStore) -> None:
    yes, no = await paused(store, "r1"), await paused(store, "r2")
    await store.commit(yes.answer())
    await store.commit(no.answer(Reject(), RequirementState.REJECTED))
    for story in (yes, no):
        story.requirement = msgspec.structs.replace(story.requirement, state=RequirementState.SUPERSEDED)
    await store.commit(msgspec.structs.replace(yes.start(), calls=(), requirements=(yes.requirement,)))
    with pytest.raises(AlreadyResolved):
        await store.commit(msgspec.structs.replace(no.start(), calls=(), requirements=(no.requirement,)))


async def test_a_renewal_is_of_one_run_and_leaves_the_others_of_its_worker(store: SqlStore) -> None:
    store._clock = lambda _: T0
    for run_id in ("r1", "r2"):
        await store.commit(Story(run_id).create())
    store._clock = lambda _: T0 + 10
    assert await store.renew("r1", Lease(ME, 1))
    rows = {row.run_id: row.leased_until for row in await store.runs()}
    assert rows == {"r1": T0 + 10 + LEASE_MS, "r2": T0 + LEASE_MS}


async def test_a_run_is_as_old_as_its_last_step_and_never_gets_younger(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    pause = story.pause()
    await store.commit(pause)
    assert (await store.runs())[0].updated_at == pause.entries[-1].at > T0
    early = story.answer()
    entry = msgspec.structs.replace(early.entries[0], at=T0 - 5)
    await store.commit(msgspec.structs.replace(early, entries=(entry,)))
    assert (await store.runs())[0].updated_at == pause.entries[-1].at


async def test_a_dead_sweepers_timers_are_freed_and_no_others(store: SqlStore) -> None:
    await paused(store, "r1", Timer("r1", "x", "expiry", 1))
    await paused(store, "r2", Timer("r2", "x", "expiry", 2))
    assert len(await store.claim_timers(1, dead_owner())) == 1
    assert len(await store.claim_timers(2, OTHER, limit=2)) == 2
    await paused(store, "r3", Timer("r3", "x", "expiry", 3))
    assert len(await store.claim_timers(3, dead_owner())) == 1
    assert [timer.run_id for timer in await store.claim_timers(3, ME)] == ["r3"]


async def test_law05_a_voided_answer_starts_nothing(store: SqlStore) -> None:
    story = await paused(store, "r1")
    await store.commit(story.answer())
    story.requirement = msgspec.structs.replace(story.requirement, state=RequirementState.SUPERSEDED)
    await store.commit(msgspec.structs.replace(story.start(), calls=(), requirements=(story.requirement,)))
    with pytest.raises(Tampered, match="no answer to its gates"):
        await store.commit(story.start("keep"))


async def test_law05_what_was_said_of_a_lost_outcome_is_no_answer_to_a_gate(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    story.requirement = msgspec.structs.replace(story.requirement, question=OutcomeUnknown())
    await store.commit(story.pause())
    await store.commit(story.answer())
    with pytest.raises(Tampered, match="no answer to its gates"):
        await store.commit(story.start())


async def test_health_counts_as_cut_off_only_what_a_cancelled_run_had_begun(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.start("keep"))
    assert (await store.health(T0)).cut_off == 0
    await store.commit(story.step(RunCancelled(), RunState.CANCELLED, "none"))
    assert (await store.health(T0)).cut_off == 1


async def test_more_records_than_one_statement_takes_are_all_chained(store: SqlStore) -> None:
    await store.append([Record("x", T0, ALICE, data={"n": number}) for number in range(131)])
    lines = await store.records()
    brought = lines[131:]  # by the first lines: the one about the key, where there is one
    assert [line.seq for line in lines[:131]] == list(range(1, 132))
    assert all(b'"event":"x"' in line.body for line in lines[:131])
    assert [(line.seq, b'"event":"key_added"' in line.body) for line in brought] in ([], [(132, True)])
    assert verify(lines, Head(*await store.head())).intact


async def test_a_run_that_another_cancels_is_nobodys(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.step(RunCancelled(), RunState.CANCELLED, "none"))
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.state, stored.owner, stored.leased_until) == ("cancelled", "", 0)


@pytest.mark.parametrize("wrong", [{"call_id": "1\x000"}, {"digest": "d\x00"}])
async def test_a_call_whose_names_a_column_cannot_hold_is_refused(store: SqlStore, wrong: dict[str, str]) -> None:
    story = Story()
    await store.commit(story.create())
    story.call = msgspec.structs.replace(story.call, **wrong)
    with pytest.raises(StoreError):
        await store.commit(story.start("keep"))


async def test_a_step_on_an_old_copy_is_fenced_once_the_lease_has_ended(store: SqlStore) -> None:
    store._clock = lambda _: T0
    story = Story()
    await store.commit(story.create())
    store._clock = lambda _: T0 + LEASE_MS
    story.owner = OTHER
    late = story.start("take")
    with pytest.raises(Fenced):
        await store.commit(msgspec.structs.replace(late, fence=0))


async def test_letting_one_run_go_leaves_the_others_of_its_worker(store: SqlStore) -> None:
    for run_id in ("r1", "r2"):
        await store.commit(Story(run_id).create())
    await store.release("r1", Lease(ME, 1))
    assert {row.run_id: row.owner for row in await store.runs()} == {"r1": "", "r2": ME}


async def test_a_question_whose_digest_a_column_cannot_hold_is_refused(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    story.requirement = msgspec.structs.replace(story.requirement, digest="d\x00")
    with pytest.raises(StoreError):
        await store.commit(story.pause())
