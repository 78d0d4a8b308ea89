"""Deliveries: made with their cursor, claimed by one sender at a time, and settled once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from kinds import Kind, whole
from places import dead_owner
from steps import ALICE, ME, OTHER, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import StoreError
from hitl_fsm.model.delivery import Delivery, DeliveryKind, DeliveryState, Settled
from hitl_fsm.model.record import Record
from hitl_fsm.ports import LEASE_MS

CONTENT = {"event": "requirement_opened", "of": ["role:finance"]}


def delivery(name: str, due_at: int = T0, kind: DeliveryKind = "notice", *, repeatable: bool = False) -> Delivery:
    return Delivery(name, kind, "desk", "r1-1", "r1", due_at, CONTENT, repeatable=repeatable)


def sending(one: Delivery, attempts: int = 1) -> Delivery:
    return msgspec.structs.replace(one, state="sending", attempts=attempts)


async def kept(store: SqlStore, *several: Delivery) -> None:
    assert await store.advance("notices", None, 1, several)


async def claim(
    store: SqlStore, due_by: int, owner: str, kind: DeliveryKind, *, limit: int = 100
) -> Sequence[Delivery]:
    return await store.claim_deliveries(due_by, owner, kind, targets=("desk", "door"), limit=limit)


async def states(store: SqlStore) -> list[DeliveryState]:
    return [one.state for one in await store.deliveries()]


async def test_a_cursor_moves_only_from_where_it_stands(store: SqlStore) -> None:
    assert await store.cursor("notices") is None
    assert not await store.advance("notices", 0, 5, [delivery("d0")])  # it is not there yet
    assert await store.advance("notices", None, 5, [delivery("d1")])
    assert not await store.advance("notices", None, 9, [delivery("d2")])
    assert not await store.advance("notices", 4, 9, [delivery("d3")])
    assert await store.cursor("notices") == 5
    assert await store.advance("notices", 5, 9, [])
    assert await store.advance("others", None, 2, [])
    assert (await store.cursor("notices"), await store.cursor("others")) == (9, 2)
    assert await store.deliveries() == [delivery("d1")]


async def test_a_delivery_that_is_there_already_is_left_as_it_is(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    assert await claim(store, T0, ME, "notice") == [sending(delivery("d1"))]
    other = msgspec.structs.replace(delivery("d1"), target="elsewhere")
    assert await store.advance("notices", 1, 2, [other, delivery("d2")])
    assert await store.deliveries() == [sending(delivery("d1")), delivery("d2")]


async def test_readers_that_advance_at_once_make_each_delivery_once(store: SqlStore) -> None:
    moved = await asyncio.gather(*(store.advance("notices", None, 1, [delivery(f"d{n}")]) for n in range(8)))
    assert moved.count(True) == 1
    assert len(await store.deliveries()) == 1


async def test_an_id_that_no_column_holds_is_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="cannot be stored"):
        await store.advance("notices", None, 1, [delivery("d\0")])
    assert await store.cursor("notices") is None
    assert await store.cursor("d\0") is None
    assert await store.deliveries(about="d\0") == []
    assert not await store.renew_delivery("d\0", ME)
    assert not await store.settle_delivery(Settled("d\0", ME, "sent", 1, T0))


async def test_only_what_is_due_is_claimed_earliest_first(store: SqlStore) -> None:
    await kept(store, delivery("d0", T0 + 3), delivery("d1", T0 + 1), delivery("d2", T0, "dispatch"))
    assert (await store.next_delivery("notice", ["desk"]), await store.next_delivery("dispatch", ["desk"])) == (
        T0 + 1,
        T0,
    )
    assert await claim(store, T0, ME, "notice") == []
    assert await claim(store, T0 + 3, ME, "notice", limit=0) == []
    assert await claim(store, T0 + 3, ME, "notice", limit=1) == [sending(delivery("d1", T0 + 1))]
    assert await store.next_delivery("notice", ["desk"]) == T0 + 3
    assert await claim(store, T0 + 3, OTHER, "notice") == [sending(delivery("d0", T0 + 3))]
    assert await claim(store, T0 + 3, OTHER, "notice") == []
    assert await store.next_delivery("notice", ["desk"]) is None
    assert await states(store) == ["sending", "sending", "waiting"]


async def test_what_is_for_others_is_left_to_others(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    assert await store.claim_deliveries(T0, ME, "notice", targets=()) == []
    assert await store.claim_deliveries(T0, ME, "notice", targets=("elsewhere", "d\0")) == []
    assert await store.next_delivery("notice", ("elsewhere",)) is None
    assert await store.claim_deliveries(T0, dead_owner(), "notice", targets=("desk",)) != []
    assert await store.claim_deliveries(T0, ME, "notice", targets=("elsewhere",)) == []
    assert await states(store) == ["sending"]


async def test_a_notice_whose_claim_ended_is_given_out_again_and_counted(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    store._clock = lambda _: T0
    assert await claim(store, T0, ME, "notice") == [sending(delivery("d1"))]
    store._clock = lambda _: T0 + LEASE_MS - 1
    assert await claim(store, T0, OTHER, "notice") == []
    store._clock = lambda _: T0 + LEASE_MS
    assert await claim(store, T0, OTHER, "notice") == [sending(delivery("d1"), 2)]
    assert not await store.settle_delivery(Settled("d1", ME, "sent", 1, T0))
    assert await store.settle_delivery(Settled("d1", OTHER, "sent", 2, T0))


async def test_a_claim_that_is_renewed_holds(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    store._clock = lambda _: T0
    await claim(store, T0, ME, "notice")
    store._clock = lambda _: T0 + LEASE_MS - 1
    assert await store.renew_delivery("d1", ME)
    assert not await store.renew_delivery("d1", OTHER)
    store._clock = lambda _: T0 + LEASE_MS
    assert await claim(store, T0, OTHER, "notice") == []


async def test_what_a_dead_sender_held_is_free_at_once(store: SqlStore) -> None:
    await kept(store, delivery("d1"), delivery("d2"))
    dead = dead_owner()
    assert len(await claim(store, T0, dead, "notice", limit=1)) == 1
    assert await claim(store, T0, ME, "notice") == [sending(delivery("d1"), 2), sending(delivery("d2"))]


async def test_law03_a_dispatch_whose_sender_died_is_not_handed_on_again(store: SqlStore) -> None:
    once = delivery("d1", kind="dispatch")
    again = delivery("d2", kind="dispatch", repeatable=True)
    await kept(store, once, again)
    assert len(await claim(store, T0, dead_owner(), "dispatch")) == 2
    assert await claim(store, T0, ME, "dispatch") == [sending(again, 2)]
    assert await store.deliveries(state="unknown") == [msgspec.structs.replace(sending(once), state="unknown")]
    assert await claim(store, T0 + LEASE_MS, ME, "dispatch") == []
    health = await store.health(T0)
    assert (health.dead_notices, health.dead_dispatches, health.unknown_dispatches) == (0, 0, 1)


async def test_what_became_of_it_is_settled_once_with_its_record(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    record = Record("notice_sent", T0, ALICE, "r1", {"notice": "d1"})
    assert not await store.settle_delivery(Settled("d1", ME, "sent", 1, T0), [record])
    await claim(store, T0, ME, "notice")
    assert not await store.settle_delivery(Settled("d1", OTHER, "sent", 1, T0), [record])
    assert await whole(store) == 0
    assert await store.settle_delivery(Settled("d1", ME, "sent", 1, T0), [record])
    assert not await store.settle_delivery(Settled("d1", ME, "sent", 1, T0), [record])
    assert await whole(store) == 1
    assert await states(store) == ["sent"]


async def test_law10_a_record_that_cannot_be_written_settles_nothing(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    await claim(store, T0, ME, "notice")
    with pytest.raises(StoreError):
        await store.settle_delivery(Settled("d1", ME, "sent", 1, T0), [Record("sent", T0, ALICE, "r\0")])
    assert await states(store) == ["sending"]


async def test_one_that_failed_waits_for_its_next_time(store: SqlStore) -> None:
    await kept(store, delivery("d1"))
    await claim(store, T0, ME, "notice")
    assert await store.settle_delivery(Settled("d1", ME, "waiting", 1, T0 + 5))
    assert await claim(store, T0 + 4, ME, "notice") == []
    assert await claim(store, T0 + 5, ME, "notice") == [sending(delivery("d1", T0 + 5), 2)]


async def test_one_that_was_given_up_is_counted_and_can_be_tried_again(store: SqlStore) -> None:
    await kept(store, delivery("d1"), delivery("d2", kind="dispatch"))
    kinds: dict[str, DeliveryKind] = {"d1": "notice", "d2": "dispatch"}
    for name, kind in kinds.items():
        await claim(store, T0, ME, kind)
        assert await store.settle_delivery(Settled(name, ME, "dead", 1, T0))
    health = await store.health(T0)
    assert (health.dead_notices, health.dead_dispatches, health.unknown_dispatches) == (1, 1, 0)
    assert [one.delivery_id for one in await store.deliveries(state="dead", kind="notice")] == ["d1"]
    assert await store.settle_delivery(Settled("d1", "", "waiting", 0, T0, was="dead"))
    assert not await store.settle_delivery(Settled("d1", "", "waiting", 0, T0, was="dead"))
    assert await claim(store, T0, ME, "notice") == [sending(delivery("d1"))]


async def test_they_are_listed_in_pages(store: SqlStore) -> None:
    await kept(store, *(delivery(f"d{n}") for n in range(5)))
    first = await store.deliveries(limit=2)
    assert [one.delivery_id for one in first] == ["d0", "d1"]
    assert [one.delivery_id for one in await store.deliveries(after="d1")] == ["d2", "d3", "d4"]
    assert len(await store.deliveries(about="r1-1")) == 5
    assert await store.deliveries(about="r2-1") == []
    assert await store.deliveries(kind="dispatch") == []


async def test_a_spoiled_body_is_empty_and_holds_up_no_other(kind: Kind) -> None:
    store = kind.open()
    await kept(store, delivery("d1"), delivery("d2"))
    await kind.sql("UPDATE delivery SET body = ? WHERE delivery_id = 'd1'", b"{")
    first, second = await claim(store, T0, ME, "notice")
    assert (first.content, second.content) == ({}, CONTENT)
    await store.close()


async def test_senders_that_claim_at_once_share_them(store: SqlStore) -> None:
    await kept(store, *(delivery(f"d{n:02}") for n in range(30)))
    shares = await asyncio.gather(*(claim(store, T0, f"{ME}{n}", "notice", limit=7) for n in range(8)))
    claimed = [one.delivery_id for share in shares for one in share]
    assert len(claimed) == len(set(claimed)) == 30


async def test_what_was_told_of_a_run_goes_with_it(store: SqlStore) -> None:
    await store.commit(Story("r1").create())
    for step in Story("r2").all():
        await store.commit(step)
    of_run = msgspec.structs.replace(delivery("d1"), about="r2", run_id="r2")
    await kept(store, of_run, delivery("d2"))
    assert await store.forget(["r2"], Record("runs_forgotten", T0, ALICE)) == 1
    assert await store.deliveries() == [delivery("d2")]
