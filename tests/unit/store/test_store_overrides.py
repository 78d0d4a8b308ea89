"""Grants and overrides as they are kept: listed, read back as they were, and forgotten when nobody needs them."""

from __future__ import annotations

import pytest
from kinds import Kind, whole
from msgspec.structs import replace
from spared import GRANT, HOUR, OVERRIDE, REVIEWED, REVOKED, Spared, kept
from steps import ALICE, BOB, T0, Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import StoreError, Tampered
from hitl_fsm.model.record import Record


async def test_grants_are_listed_by_tool_agent_and_time(store: SqlStore) -> None:
    several = [replace(GRANT, grant_id=f"g{number}", until=T0 + number) for number in range(4)]
    await kept(store, *several, replace(GRANT, grant_id="h", tool="t\0", agent="other"))
    assert [row.grant for row in await store.grants(tool="refund")] == several
    assert [row.grant.grant_id for row in await store.grants(tool="refund", agent="support", active_at=T0 + 1)] == [
        "g2",
        "g3",
    ]
    assert [row.grant.grant_id for row in await store.grants(after="g2")] == ["g3", "h"]
    assert [row.grant.grant_id for row in await store.grants(limit=1)] == ["g0"]
    assert [row.grant.tool for row in await store.grants(agent="other")] == ["t\0"]
    assert await store.grants(tool="no") == await store.grants(after="\ud800") == []
    assert await store.grant("g1") is not None
    assert await store.grant("no") is await store.grant("\0") is None


async def test_an_override_is_open_until_it_is_reviewed_once(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.pause())
    await store.commit(replace(story.answer(), overrides=(OVERRIDE,)))
    assert await store.overrides() == [OVERRIDE]
    assert await store.override("r1-1") == OVERRIDE
    record = Record("override_reviewed", T0 + 5, ALICE, "r1", {"finding": "it was right"})
    assert not await store.close_override(replace(REVIEWED, reason="another"), record)
    assert await store.close_override(REVIEWED, record)
    assert not await store.close_override(REVIEWED, record)
    assert not await store.close_override(replace(REVIEWED, requirement_id="no"), record)
    assert await store.overrides() == []
    assert await store.overrides(state=None) == await store.overrides(state="reviewed") == [REVIEWED]
    assert await store.overrides(state=None, after="r1-1") == []
    assert await whole(store) == 4


@pytest.mark.parametrize("attack", ["UPDATE override SET state = 'reviewed'", "UPDATE override SET body = 'x'"])
async def test_a_changed_override_is_no_override(store: SqlStore, kind: Kind, attack: str) -> None:
    story = Story()
    for step in (story.create(), story.pause(), replace(story.answer(), overrides=(OVERRIDE,))):
        await store.commit(step)
    await kind.sql(attack.replace("'x'", "?"), *([b"x"] if "'x'" in attack else []))
    with pytest.raises(Tampered):
        await store.overrides(state=None)


async def test_forgetting_runs_forgets_grants_that_are_over_and_that_no_run_relies_on(store: SqlStore) -> None:
    over = replace(GRANT, grant_id="g-over", until=T0 + 10)
    await kept(store, GRANT, over, replace(over, grant_id="g-used", uses=5), replace(GRANT, grant_id="g-revoked"))
    await store.revoke_grant("g-revoked", REVOKED)
    story = Spared(grant=replace(over, grant_id="g-used", uses=5))
    await store.commit(story.create())
    await store.commit(story.spare())
    done = Story("r5")
    for step in done.all():
        await store.commit(step)
    forgotten = Record("runs_forgotten", T0 + HOUR - 1, BOB)
    assert await store.forget(["r5"], forgotten) == 1
    assert [row.grant.grant_id for row in await store.grants()] == ["g-used", GRANT.grant_id]
    await store.commit(story.start())
    await store.commit(story.result())
    await store.commit(story.done())
    assert await store.forget(["r1"], forgotten) == 1
    assert [row.grant.grant_id for row in await store.grants()] == [GRANT.grant_id]


async def test_what_cannot_be_read_again_is_not_written(store: SqlStore) -> None:
    for broken in (replace(GRANT, args={"a": object()}), replace(GRANT, grant_id="\0"), replace(GRANT, uses="many")):
        with pytest.raises(StoreError):
            await kept(store, broken, run_id=f"r{id(broken)}")
    assert await store.grants() == []
