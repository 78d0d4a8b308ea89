"""A turn of a model within the limits of the run, and of every run around it inside that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import NamedTuple, TypeVar

from hitl_fsm.core.frames import chain
from hitl_fsm.core.tally import active_at
from hitl_fsm.model.event import RunStopped
from hitl_fsm.model.message import Spent
from hitl_fsm.model.run import Run
from hitl_fsm.runtime.limits import Limits, left_s, out_of_time, over
from hitl_fsm.runtime.recipe import Recipe

T = TypeVar("T")


class _Bound(NamedTuple):
    """The limits of a run, or of one inside it, and what it took so far."""

    limits: Limits
    spent: Spent
    active_ms: int
    is_own: bool


def stopped(root: Recipe, run: Run, frame: str, turn: int, at: int) -> RunStopped | None:
    """The end of a frame whose model may not be asked for that turn, by its own limits or those of a run around it.

    Only the frame ends: the run around it comes to its own next turn, and ends there. So no tool is cut off.
    """
    for bound in _bounds(root, run, frame, at):
        # Turns are an agent's own; tokens, money and time are those of all that it holds, too.
        why = over(bound.limits, turn if bound.is_own else 0, bound.spent, bound.active_ms)
        if why is not None:
            return RunStopped(why, frame)
    return None


async def in_time(work: Awaitable[T], root: Recipe, run: Run, frame: str, at: int) -> T | RunStopped:
    """What asking the frame's model comes to, in the time that is left; cut off then, and the frame ends."""
    lefts = [(left_s(bound.limits, bound.active_ms), bound.limits) for bound in _bounds(root, run, frame, at)]
    left, limits = min(
        ((left, limits) for left, limits in lefts if left is not None), key=lambda one: one[0], default=(None, None)
    )
    if limits is None:
        return await work
    clock = asyncio.timeout(left)
    try:
        async with clock:
            return await work
    except TimeoutError:
        if not clock.expired():
            raise
        return RunStopped(out_of_time(limits), frame)


def _bounds(root: Recipe, run: Run, frame: str, at: int) -> Iterator[_Bound]:
    """From the run down to the frame."""
    active, above = active_at(run, at), chain(run, frame)
    yield _Bound(root.limits, run.usage, active, is_own=not frame)
    for index, one in enumerate(above, 1):
        yield _Bound(root.down(above[:index]).limits, one.usage, active - one.active_from, is_own=one.path == frame)
