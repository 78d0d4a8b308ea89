"""One store, engines that come and go, and a witness. Everything happens in the calling thread, one thing at a time."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from hitl_fsm.adapters.store.owner import may_be_alive, new_owner
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import StoreError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from hitl_fsm.ports import Store
from hitl_fsm.runtime.agents.agent import Agent
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.tools.tool import AnyTool
from hitl_fsm.testing import FrozenClock
from stateful import shop, told
from stateful.ids import Numbered, NumberedParts
from stateful.through import Through

T = TypeVar("T")
ACTORS = {"alice": (), "maria": ("finance",), "otto": ("finance",), "rob": ("ops",)}


class Crash(BaseException):
    """As hard as a process that dies: nothing catches it."""


@dataclass
class Bomb:
    """Where the next crash is: before or after the n-th commit, the tool's effect, or in the model."""

    where: str
    count: int = 1

    def ticks(self, where: str) -> bool:
        """Whether it goes off now."""
        if where != self.where:
            return False
        self.count -= 1
        return self.count == 0


class MortalStore(Through):
    """The way of one process to the store; it ends with the process."""

    def __init__(self, world: World, inner: Store) -> None:
        self._world = world
        self._inner = inner
        self.dead = False

    async def _do(self, what: str, work: Callable[[Store], Awaitable[T]]) -> T:
        if self.dead:
            message = "this process is dead"
            raise StoreError(message)
        is_commit = " v" in what
        if is_commit:
            self._world.tick("before commit")
        result = await work(self._inner)
        if is_commit:
            self._world.tick("after commit")
        return result


class World:
    """One engine is alive at a time. `opened` opens the store, anew for each process unless it lives in `memory`."""

    def __init__(self, opened: Callable[[], SqlStore], *, memory: bool) -> None:
        self.clock, self.ids = FrozenClock(), Numbered()
        self._opened = opened
        self._memory = memory
        self.inner = self._open()
        self.plans: dict[str, list[list[tuple[str, dict[str, Any]]]]] = {}
        self.effects: list[shop.Effect] = []
        self.requests: list[shop.Request] = []
        self.bomb: Bomb | None = None
        _world[:] = [self]
        self.begin("usual")

    def _open(self) -> SqlStore:
        store = self._opened()
        store._clock = lambda _connection: self.clock.now()  # leases end when the test says so
        return store

    def begin(self, mood: str, *, known_dead: bool = True) -> None:
        """A new process. `known_dead`: whoever looks for its owner later will see that there is no such process."""
        if not self._memory:
            run_sync(self.inner.close())
            self.inner = self._open()
        self.mood = mood
        self.store = MortalStore(self, self.inner)
        elsewhere = f"elsewhere:{len(self.effects)}:1:{new_owner()[-8:]}"
        parts = NumberedParts(
            store=self.store,
            policies=shop.mood_policies(mood),
            models=_no_models,
            worker=_dead_owner() if known_dead else elsewhere,
            actors=lambda name: Actor(name, roles=ACTORS.get(name, ())),
            clock=self.clock,
            may_be_alive=may_be_alive,
            numbered=self.ids,
        )
        self.engine = Engine(parts)
        self.agent = Agent("helper", Programmed(self), engine=self.engine, tools=_tools())

    def close(self) -> None:
        run_sync(self.inner.close())

    def tick(self, where: str) -> None:
        """The process dies here, if this is the place."""
        if self.bomb is not None and self.bomb.ticks(where):
            self.bomb = None
            self.store.dead = True
            raise Crash(where)

    async def act(self, name: str, args: dict[str, Any]) -> str:
        self.tick("before effect")
        effect = shop.effect_now(name, args, 0, self.mood)
        stored = await self.inner.load(effect.run_id)
        assert stored is not None
        self.effects.append(effect._replace(version=stored.version))
        self.tick("after effect")
        return shop.result_of(effect)


class Programmed:
    """A model that says what the plan of its run (the prompt) says."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def reply(self, request: ChatRequest, on_text: Any = None) -> ModelReply:
        run = await told.run_asked(self._world.inner, request.messages[0].content)
        self._world.requests.append(shop.request_now(run.run_id, run.version, request))
        self._world.tick("model")
        turns = self._world.plans[request.messages[0].content]
        said = sum(message.role == "assistant" for message in request.messages)
        if said >= len(turns):
            return ModelReply(text="the end")
        calls = [ToolCall(f"c{said}.{n}", tool, json.dumps(args)) for n, (tool, args) in enumerate(turns[said])]
        return ModelReply(calls=tuple(calls))


_world: list[World] = []
"""The one that the tools act in."""


@cache
def _tools() -> list[AnyTool]:
    """Made once: their schemas take longer than a whole history."""

    async def act(name: str, args: dict[str, Any]) -> str:
        return await _world[0].act(name, args)

    return shop.tools(act, _no_threads)


def _dead_owner() -> str:
    """Of a process of this host that is gone for certain: its pid is somebody else's by now."""
    host, pid, start, name = new_owner().rsplit(":", 3)
    return f"{host}:{pid}:{int(start) + 1}:{name}"


def _no_threads(name: str, args: dict[str, Any]) -> str:
    raise AssertionError(name)


def _no_models(name: str, options: Any) -> Any:
    raise AssertionError(name)
