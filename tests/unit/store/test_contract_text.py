"""Odd text: every store keeps it as it is, or refuses it like every other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from steps import ALICE, T0, Story

from hitl_fsm.errors import StoreError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.event import CallReturned
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import CallState, RunState
from hitl_fsm.ports import Lease, Store

LIMIT = 256 * 1024
ODD = [
    "ü-漢字-✈\U0001f6eb", "a b", "'; DROP TABLE run; --", "?", "$1 %s %(x)s", "\\x00", '"', "\u202e\u200b", "e\u0301",
    "\t\r\n", "\x01\x7f", "\ufffe", "\U0010ffff", "/* lock */",
]  # fmt: skip
NUL = "a\0b"


def renamed(story: Story, **fields: Any) -> Story:
    story.run = msgspec.structs.replace(story.run, **fields)
    return story


@pytest.mark.parametrize("text", ODD, ids=ascii)
async def test_odd_text_is_kept_as_it_is(store: Store, text: str) -> None:
    story = renamed(Story(text, args={text: text}), name=text, user=Actor(text))
    commits = story.all()
    for commit in commits:
        await store.commit(commit)
    stored = await store.load(text)
    assert stored is not None
    assert stored.entries == tuple(entry for commit in commits for entry in commit.entries)
    assert await store.requirement(f"{text}-1") == story.requirement
    (row,) = await store.runs()
    assert (row.run_id, row.name, row.user) == (text, text, text)
    assert len(await store.records(run_id=text)) == 6
    assert await store.save_policies(text, text, Record("x", T0, ALICE))
    assert await store.policies(text) == text


async def test_ids_are_in_the_order_of_their_bytes(store: Store) -> None:
    names = ["B", "a", "_", "-", "é", "z", "Z", "a-b", "ab", "a_b", "漢", "\U0001f6eb", "\uffee", "10", "9"]
    for name in names:
        story = Story(name)
        await store.commit(story.create())
        await store.commit(story.pause())
    ordered = sorted(names, key=str.encode)
    assert [row.run_id for row in await store.runs()] == ordered[::-1]
    assert [row.run_id for row in await store.runs(after="a_b", limit=2)] == ["a-b", "a"]
    found = [requirement.run_id for requirement in await store.requirements()]
    assert found == sorted(names, key=lambda name: f"{name}-1".encode())


@pytest.mark.parametrize("field", ["run_id", "name", "user", "owner"])
async def test_a_nul_in_a_name_or_id_is_refused(store: Store, field: str) -> None:
    story = Story(NUL) if field == "run_id" else Story(owner=NUL) if field == "owner" else Story()
    if field in {"name", "user"}:
        renamed(story, **{field: NUL if field == "name" else Actor(NUL)})
    with pytest.raises(StoreError) as caught:
        await store.commit(story.create())
    assert caught.value.help
    assert await store.runs() == []
    assert await store.records() == []


async def test_a_nul_in_a_policy_set_is_refused(store: Store) -> None:
    with pytest.raises(StoreError):
        await store.save_policies("d1", NUL, Record("x", T0, ALICE))
    with pytest.raises(StoreError):
        await store.append([Record("x", T0, ALICE, NUL)])
    assert await store.records() == []


async def test_what_has_a_nul_is_found_nowhere(store: Store) -> None:
    await store.commit(Story().create())
    assert await store.load(NUL) is None
    assert await store.requirement(NUL) is None
    assert await store.policies(NUL) is None
    assert await store.runs(state=NUL) == []
    assert await store.requirements(run_id=NUL) == []
    assert await store.requirements(state=NUL) == []
    assert await store.records(run_id=NUL) == []
    assert not await store.renew(NUL, Lease(NUL, 1))
    await store.release(NUL, Lease(NUL, 1))


@pytest.mark.parametrize("half", ["\ud800", "a\udfffb"])
async def test_half_a_surrogate_pair_is_refused_and_found_nowhere(store: Store, half: str) -> None:
    for story in (renamed(Story(), run_id=half), renamed(Story(), name=half), renamed(Story(), user=Actor(half))):
        with pytest.raises(StoreError):
            await store.commit(story.create())
    assert await store.load(half) is None
    assert await store.requirement(half) is None
    assert await store.policies(half) is None
    assert await store.runs(state=half) == []
    assert await store.requirements(run_id=half) == []
    assert await store.records(run_id=half) == []
    assert await store.runs() == []


async def test_a_nul_inside_what_a_model_said_is_kept(store: Store) -> None:
    """A body is bytes. A tool of that name does not exist, which the model is told: the step must be possible."""
    story = Story(args={"x": NUL})
    story.call = msgspec.structs.replace(story.call, tool=NUL)
    await store.commit(story.create())
    await store.commit(story.pause())
    requirement = await store.requirement("r1-1")
    assert requirement is not None
    assert requirement.args == {"x": NUL}
    stored = await store.load("r1")
    assert stored is not None
    assert stored.version == 2


@pytest.mark.parametrize("size", [LIMIT, 4 * LIMIT])
async def test_large_bodies(store: Store, size: int) -> None:
    args = {"text": "ü" * (size // 2)}
    story = Story(args=args)
    for commit in (story.create(), story.pause(), story.answer(), story.start()):
        await store.commit(commit)
    story.call = msgspec.structs.replace(story.call, state=CallState.SUCCEEDED)
    step = story.step(CallReturned("1.0", args), RunState.CONTINUING, "keep", (story.call,))
    big = Record("returned", T0, ALICE, "r1", args)
    await store.commit(msgspec.structs.replace(step, records=(big, big)))
    stored = await store.load("r1")
    assert stored is not None
    assert stored.entries[-1].event == CallReturned("1.0", args)
    requirement = await store.requirement("r1-1")
    assert requirement is not None
    assert requirement.args == args
    assert len((await store.records())[-1].body) > size
