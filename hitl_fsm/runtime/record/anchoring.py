"""Checkpoints are kept beyond the store, where its owner cannot alter them. Each time it is told of on the record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hitl_fsm.audit.checkpoint import Tree, read_note, read_tree
from hitl_fsm.errors import AnchorError, HitlError
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.ports import Clock, Store
from hitl_fsm.ports_out import Anchor
from hitl_fsm.ports_record import Checkpoint

ANCHOR_S = 60.0
"""How often a worker anchors the newest checkpoint."""
ANCHORED = "checkpoint_anchored"
LINES = 100
"""Lines after an anchored checkpoint that are looked at, whether there is anything new among them."""


class Kept(NamedTuple):
    """What became of it at one anchor: `new`, it was added there; `error`, why it was not."""

    url: str
    size: int
    new: bool
    error: HitlError | None = None


async def anchor(store: Store, anchors: Sequence[Anchor], clock: Clock, by: Actor = ENGINE) -> list[Kept]:
    """Keep the newest checkpoint at each anchor; nothing without keys, or lines. One that fails holds up no other."""
    checkpoint = await store.sign()
    if checkpoint is None:
        return []
    found: list[Kept] = []
    for one in anchors:
        try:
            new = await _keep(store, one, checkpoint)
        except HitlError as error:
            found.append(Kept(one.url, checkpoint.size, new=False, error=error))
            continue
        if new:
            tree = read_tree(read_note(checkpoint.note))
            data = {"size": tree.size, "root": tree.root.hex(), "where": one.url}
            await store.append([Record(ANCHORED, clock.now(), by, "", data)])
        found.append(Kept(one.url, checkpoint.size, new))
    return found


async def _keep(store: Store, one: Anchor, checkpoint: Checkpoint) -> bool:
    newest = await asyncio.to_thread(one.newest)
    if newest is not None:
        there = read_tree(read_note(newest))
        await _check(store, one, there)
        if not await _is_more(store, there):
            return False
    return await asyncio.to_thread(one.keep, checkpoint.note)


async def _check(store: Store, one: Anchor, there: Tree) -> None:
    """AnchorError where the anchor knows of lines that are not there, or of others."""
    size, _ = await store.head()
    if there.size > size:
        msg = f"{one.url} has a checkpoint of {there.size} lines, and the record has {size}"
        raise AnchorError(msg, help="lines are gone: `hitl-fsm audit verify --anchor …` tells more")
    same = await store.checkpoints(after=there.size - 1, limit=1)
    if same and same[0].size == there.size and read_tree(read_note(same[0].note)) != there:
        msg = f"{one.url} has another checkpoint of {there.size} lines than the store"
        raise AnchorError(msg, help="the record was altered: `hitl-fsm audit verify --anchor …` tells more")


async def _is_more(store: Store, there: Tree) -> bool:
    """Whether there is anything to anchor but that something was anchored."""
    lines = await store.records(after=there.size, limit=LINES)
    return len(lines) == LINES or any(_event(line.body) != ANCHORED for line in lines)


class _Line(msgspec.Struct):
    event: str


_line = msgspec.json.Decoder(_Line)


def _event(body: bytes) -> str:
    try:
        return _line.decode(body).event
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
