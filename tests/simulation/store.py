"""A process's way to the store: what it asks for takes time, may fail, and may be the last thing that it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from hitl_fsm.errors import Fenced, HitlError, StoreError
from hitl_fsm.model.event import CallRaised, CallReturned
from hitl_fsm.ports import Commit, Store
from stateful.through import Through

if TYPE_CHECKING:
    from simulation.world import World

T = TypeVar("T")


class SimStore(Through):
    """`ports.Store`, for one process of a world."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self.dead = False

    async def commit(self, commit: Commit) -> int:
        try:
            return await super().commit(commit)
        except Fenced:
            for entry in commit.entries:
                if isinstance(entry.event, CallReturned | CallRaised):
                    self._world.journal.fenced.append((commit.owner, commit.run.run_id, entry.event.call_id))
            raise

    async def _do(self, what: str, work: Callable[[Store], Awaitable[T]]) -> T:
        if self.dead:  # its coroutines are being closed; a `finally` must reach nothing
            message = "this process is dead"
            raise StoreError(message)
        world, name = self._world, self._name
        await world.pause(name, world.latency())
        connection = world.connection
        connection.strike = world.weather.strike(world.rng)
        told = ""
        try:
            result = await work(world.database)
        except HitlError as error:
            told = type(error).__name__
            raise
        finally:
            connection.strike = None
            world.trace(name, what, told)
            world.committed()
        await world.pause(name, world.latency())
        return result


async def forever() -> None:
    """Wait for what never comes."""
    await asyncio.get_running_loop().create_future()
