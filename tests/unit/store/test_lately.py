"""What an agent asked before: its newest questions, looked for no further back than a named number of rows."""

from __future__ import annotations

import msgspec
import pytest
from steps import Story

from hitl_fsm.adapters.store import lately
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Tampered


async def asked(store: SqlStore, number: int, agent: str) -> None:
    story = Story(f"r{number}")
    await store.commit(story.create())
    story.requirement = msgspec.structs.replace(story.requirement, agent=agent)
    await store.commit(story.pause())


async def test_the_newest_questions_of_an_agent_come_first(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await store.asked_before("clerk", limit=10) == []
    for number, agent in enumerate(("clerk", "other", "clerk", "cl\0erk", "clerk")):
        await asked(store, number, agent)
    found = await store.asked_before("clerk", limit=10)
    assert [one.run_id for one in found] == ["r4", "r2", "r0"]
    assert (found[0].tool, found[0].call_id, found[0].args["amount"], found[0].state) == ("refund", "1.0", 1200, "open")
    assert [one.run_id for one in await store.asked_before("clerk", limit=1)] == ["r4"]
    assert [one.run_id for one in await store.asked_before("cl\0erk", limit=10)] == ["r3"]
    monkeypatch.setattr(lately, "LATELY_ROWS", 3)
    assert [one.run_id for one in await store.asked_before("clerk", limit=10)] == ["r4", "r2"]
    monkeypatch.setattr(lately, "_before", msgspec.json.Decoder(int))
    await asked(store, 5, "clerk")
    with pytest.raises(Tampered, match="cannot be read"):
        await store.asked_before("clerk", limit=10)


async def test_a_question_is_decoded_once_and_again_when_its_row_changed(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story("r1")
    await store.commit(story.create())
    await store.commit(story.pause())
    agent = story.requirement.agent
    (before,) = await store.asked_before(agent, limit=10)
    (again,) = await store.asked_before(agent, limit=10)
    assert again is before
    await store.commit(story.answer())
    (after,) = await store.asked_before(agent, limit=10)
    assert (before.state, after.state) == ("open", "resolved")
    monkeypatch.setattr(lately, "KEPT_ROWS", 1)
    await asked(store, 2, agent)
    assert [one.run_id for one in await store.asked_before(agent, limit=10)] == ["r2", "r1"]
    assert [one.run_id for one in await store.asked_before(agent, limit=10)] == ["r2", "r1"]


async def test_a_long_question_is_not_kept(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lately, "KEPT_BYTES", 10)
    await asked(store, 1, "clerk")
    (before,) = await store.asked_before("clerk", limit=10)
    (again,) = await store.asked_before("clerk", limit=10)
    assert again == before
    assert again is not before
