"""Grants and overrides in the store: counted once, exactly, by one winner; claimed by no call that did not use them."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from kinds import Kind, whole
from msgspec.structs import replace
from spared import GRANT, KEY, REVOKED, Spared, counted, kept, spared
from steps import ARGS, T0

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import GrantGone, HitlError, StoreError, Tampered
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.call import Pass
from hitl_fsm.model.states import CallState
from hitl_fsm.ports import Store
from moments import HUNG_S


async def test_a_use_is_counted_with_its_step_and_the_call_may_start(store: SqlStore) -> None:
    await kept(store)
    story = await spared(store)
    assert await counted(store) == (1, Decimal(1200))
    await store.commit(story.start())
    await store.commit(story.result())
    assert await whole(store) == 3 + 4


async def test_a_refused_use_leaves_nothing_of_its_step(store: SqlStore) -> None:
    await kept(store, replace(GRANT, uses=1))
    await spared(store)
    story = Spared("r2")
    await store.commit(story.create())
    with pytest.raises(GrantGone) as caught:
        await store.commit(story.spare())
    assert caught.value.grant_id == GRANT.grant_id
    stored = await store.load("r2")
    assert stored is not None
    assert (stored.version, len(stored.entries)) == (1, 1)
    assert await counted(store) == (1, Decimal(1200))
    assert await whole(store) == 3 + 2 + 1


async def test_one_of_several_uses_that_is_refused_refuses_all(store: SqlStore) -> None:
    other = replace(GRANT, grant_id="grant_r0-2", uses=1)
    await kept(store, GRANT, replace(other, until=T0 + 1))  # over by then
    story = Spared("r1")
    await store.commit(story.create())
    step = story.spare()
    passed = (*story.call.passed, Pass(KEY, story.digest, ("bob",), other.grant_id))
    call = replace(story.call, passed=passed)
    uses = (*step.grant_uses, replace(step.grant_uses[0], grant_id=other.grant_id))
    with pytest.raises(GrantGone, match="grant_r0-2"):
        await store.commit(replace(step, calls=(call,), grant_uses=uses))
    assert await counted(store) == (0, Decimal(0))


async def test_a_grant_ends_by_the_time_of_the_step(store: SqlStore) -> None:
    await kept(store, replace(GRANT, until=T0 + 1))  # the second step of a story is at T0 + 1
    with pytest.raises(GrantGone):
        await spared(store)
    assert await store.grants(active_at=T0) != []
    assert await store.grants(active_at=T0 + 1) == []


async def test_a_budget_is_added_up_exactly_and_never_passed(store: SqlStore) -> None:
    await kept(store, replace(GRANT, uses=20, budget=0.3))
    for number in range(3):
        await spared(store, f"r1{number}", {**ARGS, "amount": 0.1})
    assert await counted(store) == (3, Decimal("0.3"))
    with pytest.raises(GrantGone):
        await spared(store, "r2", {**ARGS, "amount": 0.01})
    await spared(store, "r3", {**ARGS, "amount": 0})
    assert await counted(store) == (4, Decimal("0.3"))


USES: list[dict[str, Any]] = [{"amount": 1}, {"call_id": "1.1"}, {"gate": "0" * 16}, {"grant_id": "grant_x"}]


@pytest.mark.parametrize("use", USES, ids=str)
async def test_a_use_that_is_not_that_of_its_call_is_refused(store: SqlStore, use: dict[str, Any]) -> None:
    await kept(store)
    with pytest.raises((Tampered, StoreError)):
        await spared(store, **use)
    assert await counted(store) == (0, Decimal(0))


async def test_a_use_by_a_call_that_is_not_alike_is_refused(store: SqlStore) -> None:
    await kept(store)
    with pytest.raises(Tampered, match="covers"):
        await spared(store, args={**ARGS, "order_id": "43"})
    assert await counted(store) == (0, Decimal(0))


# -- what a log says is held against the rows


async def start_unused(store: Store, story: Spared) -> None:
    """The call is stored, and says of itself that a grant passed its gate; nobody counted that."""
    await store.commit(story.create())
    await store.commit(replace(story.spare(), grant_uses=()))
    await store.commit(story.start())


async def test_law01_a_call_that_claims_a_grant_which_it_never_used_does_not_start(store: SqlStore) -> None:
    await kept(store)
    with pytest.raises(Tampered, match="never used"):
        await start_unused(store, Spared())


async def test_law01_a_call_that_claims_a_grant_which_nobody_gave_does_not_start(store: SqlStore) -> None:
    with pytest.raises(Tampered, match="no grant"):
        await start_unused(store, Spared())


async def test_law01_a_use_of_one_call_does_not_start_another(store: SqlStore) -> None:
    await kept(store)
    await spared(store)
    with pytest.raises(Tampered, match="never used"):
        await start_unused(store, Spared("r2"))


async def test_law01_a_use_for_one_execution_is_none_for_the_next(store: SqlStore) -> None:
    await kept(store)
    story = await spared(store)
    story.call = replace(story.call, retries=1)
    with pytest.raises(Tampered):
        await store.commit(story.start())


async def test_law01_a_use_and_its_start_are_not_one_step(store: SqlStore) -> None:
    """What lets a call begin is on disk before the step that begins it."""
    await kept(store)
    story = Spared()
    await store.commit(story.create())
    step = story.spare()
    begun = replace(story.call, state=CallState.EXECUTING, attempt=1)
    with pytest.raises(Tampered):
        await store.commit(replace(step, calls=(begun,)))


FORGERIES = {
    "other arguments": ("args", {**ARGS, "order_id": "1"}),
    "another tool": ("tool", "payout"),
    "another gate": ("gate", "0" * 16),
    "another agent": ("agent", "other"),
    "somebody else's word": ("by", (Actor("carol"),)),
    "another run": ("run_id", "r9"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_law05_a_grant_that_does_not_cover_the_call_does_not_start_it(
    store: SqlStore, kind: Kind, forgery: str
) -> None:
    await kept(store)
    story = await spared(store)
    name, value = FORGERIES[forgery]
    body = msgspec.json.encode(replace(GRANT, **{name: value}))
    await kind.sql("UPDATE permission SET body = ?", body)
    if name in ("tool", "agent"):
        await kind.sql(f"UPDATE permission SET {name} = ?", value)
    with pytest.raises(Tampered):
        await store.commit(story.start())


ROWS = {
    "gone": "DELETE FROM permission",
    "use gone": "DELETE FROM permission_use",
    "use of another digest": "UPDATE permission_use SET digest = 'x'",
    "more uses": "UPDATE permission SET uses = 99",
    "longer": "UPDATE permission SET until = until + 1",
    "a larger budget": "UPDATE permission SET budget = '9999'",
    "no number": "UPDATE permission SET spent = 'x'",
    "no amount": "UPDATE permission SET spent = 'NaN'",
}


@pytest.mark.parametrize("attack", ROWS)
async def test_law05_a_changed_row_of_a_grant_stops_the_start(store: SqlStore, kind: Kind, attack: str) -> None:
    await kept(store)
    story = await spared(store)
    await kind.sql(ROWS[attack])
    with pytest.raises(Tampered):
        await store.commit(story.start())


async def test_law04_nothing_begins_by_a_grant_that_was_revoked(store: SqlStore) -> None:
    await kept(store)
    story = await spared(store)
    assert await store.revoke_grant(GRANT.grant_id, REVOKED)
    records = await whole(store)
    with pytest.raises(GrantGone, match="revoked"):
        await store.commit(story.start())
    with pytest.raises(GrantGone):
        await spared(store, "r2")
    assert not await store.revoke_grant(GRANT.grant_id, REVOKED)
    assert not await store.revoke_grant("grant_x", REVOKED)
    assert await whole(store) == records + 1  # of r2's beginning; a second revocation is no line


async def test_a_call_whose_other_gate_nobody_answered_does_not_start(store: SqlStore) -> None:
    """A grant passes its own gate only: what people are to pass is still counted."""
    await kept(store)
    story = Spared()
    await store.commit(story.create())
    step = story.spare()
    call = replace(story.call, passed=(*story.call.passed, Pass("0" * 16, story.digest, ("bob",))))
    await store.commit(replace(step, calls=(call,)))
    story.call = call
    with pytest.raises(Tampered, match="no answer"):
        await store.commit(story.start())


# -- races


async def test_law02_the_last_use_has_one_winner(shared: Kind) -> None:
    stores = [shared.open() for _ in range(4)]
    await kept(stores[0], replace(GRANT, uses=3, budget=100_000))
    stories = [Spared(f"r1{number}") for number in range(8)]
    for story in stories:
        await stores[0].commit(story.create())
    steps = [story.spare() for story in stories]
    work = (stores[index % 4].commit(step) for index, step in enumerate(steps))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["GrantGone"] * 5 + ["int"] * 3
    assert await counted(stores[0]) == (3, Decimal(3600))
    assert await whole(stores[0]) == 3 + 8 + 3
    for store in stores:
        await store.close()


def test_law02_two_threads_on_the_last_use(shared: Kind) -> None:
    first = shared.open()
    stories = [Spared("r1"), Spared("r2")]

    async def prepare() -> None:
        await kept(first, replace(GRANT, uses=1))
        for story in stories:
            await first.commit(story.create())
        await first.close()

    asyncio.run(prepare())
    gate, outcomes = threading.Barrier(2, timeout=HUNG_S), []

    def race(story: Spared) -> None:
        async def use() -> None:
            store = shared.open()
            await store.head()
            gate.wait()
            try:
                await store.commit(story.spare())
                outcomes.append("used")
            except HitlError as error:
                outcomes.append(type(error).__name__)
            await store.close()

        asyncio.run(use())

    threads = [threading.Thread(target=race, args=(story,)) for story in stories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["GrantGone", "used"]


async def test_stores_that_use_two_grants_in_opposite_orders_all_finish(shared: Kind) -> None:
    """Rows are locked in one order; what deadlocks all the same, across steps of a batch, is tried again."""
    stores = [shared.open() for _ in range(2)]
    two = [replace(GRANT, uses=99, budget=10**6), replace(GRANT, grant_id="grant_r0-2", uses=99, budget=10**6)]
    await kept(stores[0], *two)
    stories = [Spared(f"r1{number:02}", grant=two[(number + number // 10) % 2]) for number in range(20)]
    for story in stories:
        await stores[0].commit(story.create())
    work = (stores[index // 10].commit(story.spare()) for index, story in enumerate(stories))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert [one for one in outcomes if not isinstance(one, int)] == []
    assert sum([row.used for row in await stores[0].grants()]) == 20
    for store in stores:
        await store.close()
