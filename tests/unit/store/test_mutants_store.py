"""What wrong versions of the store's statements and guards got away with: each touches what it says, and only that."""

from __future__ import annotations

import msgspec
import pytest
from kinds import Kind
from steps import ALICE, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Tampered
from hitl_fsm.model.answer import Reject
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import OutcomeUnknown
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.timer import Timer


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
