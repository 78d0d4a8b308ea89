"""Delegations in the store, and whose it is."""

from __future__ import annotations

import asyncio
import json
import os

import msgspec
import pytest
from kinds import FileKind, Kind, PostgresKind

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.audit.verify import Head, verify
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.delegation import Delegation, DelegationRow
from hitl_fsm.model.owner import Owner
from hitl_fsm.model.record import Record
from postgres import Server, sql_at

MARIA = Actor("maria", ("cfo",))


def made(number: int = 1, giver: str = "maria", taker: str = "frank", until: int | None = 100) -> Delegation:
    return Delegation(giver, taker, ("cfo",), 0, until, delegation_id=f"dlg_{number}", by=MARIA, at=10, note="away")


def record(event: str = "delegation_made") -> Record:
    return Record(event, 10, MARIA)


async def events(store: SqlStore) -> list[str]:
    """Of all lines, but for the one about the key that the first line brings."""
    lines = await store.records()
    assert verify(lines, Head(*await store.head())).findings == ()
    told = [json.loads(line.body)["event"] for line in lines]
    return told[:1] + told[2:] if told[1:2] == ["key_added"] else told


async def test_what_is_added_is_read_back_until_it_is_ended(store: SqlStore) -> None:
    assert await store.add_delegation(made(), record(), most=20)
    assert await store.delegations() == [DelegationRow(made())]
    assert await store.end_delegation("dlg_1", record("delegation_ended"))
    assert await store.delegations() == [DelegationRow(made(), "ended")]
    assert not await store.end_delegation("dlg_1", record("delegation_ended"))
    assert not await store.end_delegation("dlg_2", record("delegation_ended"))
    assert await events(store) == ["delegation_made", "delegation_ended"]


async def test_they_are_found_by_giver_taker_id_and_time_page_by_page(store: SqlStore) -> None:
    some = [made(1), made(2, taker="otto", until=None), made(3, giver="carla", until=50), made(4, giver="carla")]
    for one in some:
        await store.add_delegation(one, record(), most=20)
    await store.end_delegation("dlg_4", record("delegation_ended"))

    async def found(**how: object) -> list[str]:
        return [row.delegation.delegation_id for row in await store.delegations(**how)]  # type: ignore[arg-type]

    assert await found(giver="maria") == ["dlg_1", "dlg_2"]
    assert await found(taker="frank") == ["dlg_1", "dlg_3", "dlg_4"]
    assert await found(taker="frank", until_after=49) == ["dlg_1", "dlg_3"]
    assert await found(taker="frank", until_after=50) == ["dlg_1"]
    assert await found(until_after=10**15) == ["dlg_2"]
    assert await found(delegation_id="dlg_3") == ["dlg_3"]
    assert await found(after="dlg_1", limit=2) == ["dlg_2", "dlg_3"]
    assert await found(giver="no\0body") == []


async def test_beyond_its_bound_nothing_is_kept_and_what_is_over_does_not_count(store: SqlStore) -> None:
    for number, until in enumerate([5, 100, 100]):
        assert await store.add_delegation(made(number, until=until), record(), most=2)
    assert not await store.add_delegation(made(7), record(), most=2)
    assert await store.add_delegation(made(8, giver="carla"), record(), most=2)
    await store.end_delegation("dlg_1", record("delegation_ended"))
    assert await store.add_delegation(made(9), record(), most=2)
    assert await events(store) == ["delegation_made"] * 4 + ["delegation_ended", "delegation_made"]


async def test_an_id_is_given_once(store: SqlStore) -> None:
    await store.add_delegation(made(), record(), most=20)
    with pytest.raises(StoreError, match="already"):
        await store.add_delegation(made(giver="carla"), record(), most=20)
    assert await store.delegations() == [DelegationRow(made())]
    assert await events(store) == ["delegation_made"]


async def test_law10_without_its_record_nothing_is_kept(kind: Kind, store: SqlStore) -> None:
    await store.add_delegation(made(), record(), most=20)
    await kind.sql("DROP TABLE log_head")
    for attempt in (store.add_delegation(made(2), record(), most=20), store.end_delegation("dlg_1", record())):
        with pytest.raises(StoreError):
            await attempt
    assert await kind.sql("SELECT delegation_id, state FROM delegation") == [("dlg_1", "active")]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("taker", "eve"),
        ("giver", "eve"),
        ("until", 10**15),
        ("body", b"{}"),
        ("body", b"\xff"),
        ("delegation_id", "dlg_0"),
    ],
)
async def test_a_row_that_contradicts_itself_lets_nobody_speak(
    kind: Kind, store: SqlStore, column: str, value: object
) -> None:
    await store.add_delegation(made(), record(), most=20)
    await kind.sql(f"UPDATE delegation SET {column} = ?", value)
    with pytest.raises(Tampered):
        await store.delegations()


async def test_a_body_of_another_giver_is_no_row_of_this_one(kind: Kind, store: SqlStore) -> None:
    await store.add_delegation(made(), record(), most=20)
    await kind.sql("UPDATE delegation SET body = ?", msgspec.json.encode(made(giver="ceo")))
    with pytest.raises(Tampered):
        await store.delegations(taker="frank")


async def test_the_owner_of_a_store_is_its_user_where_nobody_else_made_it(kind: Kind, store: SqlStore) -> None:
    owner = await store.owner()
    assert owner.is_user
    uid = f"uid {os.geteuid()}"
    assert owner == (Owner("role postgres", "role postgres") if isinstance(kind, PostgresKind) else Owner(uid, uid))
    if isinstance(kind, FileKind) and os.geteuid() == 0:
        os.chown(kind.url.removeprefix("sqlite:///"), 65_534, -1)
        assert await store.owner() == Owner("uid 65534", uid)


async def test_a_role_that_may_write_to_the_tables_does_not_own_them(postgres_server: Server) -> None:
    kind = PostgresKind(postgres_server)
    store = kind.open()
    await store.add_delegation(made(), record(), most=20)
    schema = kind.url.rpartition("=")[2]
    clerk = f"clerk_{schema}"
    for statement in (
        f"CREATE ROLE {clerk} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {clerk}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {clerk}",
    ):
        await asyncio.to_thread(sql_at, kind.url, statement)
    from kinds import store_of

    other = store_of(kind.url.replace("user=postgres", f"user={clerk}"))
    assert await other.owner() == Owner("role postgres", f"role {clerk}")
    assert not (await other.owner()).is_user
    await asyncio.gather(store.close(), other.close())
