"""One world: a loop, a database, processes with engines, the shop's tools, and a witness that no fault reaches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, NamedTuple, TypeVar

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import ModelError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from hitl_fsm.runtime.agents.agent import Agent
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.tools.tool import AnyTool
from simulation import seams
from simulation.faults import CALM, SimDatabase, Weather
from simulation.loop import SimLoop, Trace, process
from simulation.plans import Turn
from simulation.store import SimStore, forever
from stateful import shop, told
from stateful.ids import Numbered, NumberedParts

EPOCH_MS = 1_750_000_000_000
MAX_FREEZE_S = 180.0
"""The longest that a process is frozen while it acts: longer than a lease, shorter than the wait for a lost call."""
IDLE_FREEZE_S = 900.0
"""The longest that it is frozen while no tool of it acts: longer than that wait."""
TROUBLES = ("slow", "frozen before", "frozen after", "killed", "raises")
"""What befalls a tool."""
ACTORS = {"maria": ("finance",), "otto": ("finance",), "alice": (), "rob": ("ops",)}

T = TypeVar("T")
here: ContextVar[World] = ContextVar("world")


class SimClock:
    """The machine's wall clock, which is the database's too: the loop's time, and what it is wrong by."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.wrong_by = 0

    def now(self) -> int:
        return EPOCH_MS + int(self._loop.time() * 1000) + self.wrong_by


class Acknowledged(NamedTuple):
    """An answer or a cancellation that its giver was told to be durable. `note` names it."""

    run_id: str
    about: str
    note: str
    answer: Answer | None


@dataclass
class Process:
    """One process that lives now: what dies with it."""

    name: str
    engine: Engine
    agent: Agent
    store: SimStore
    owner: str
    mood: str


@dataclass
class Journal:
    """What the world outside knows, whatever the store says.

    `refused` are the notes of answers that were refused, `fenced` the workers whose result of a run's call was.
    """

    effects: list[shop.Effect] = field(default_factory=list)
    requests: list[shop.Request] = field(default_factory=list)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    fenced: list[tuple[str, str, str]] = field(default_factory=list)
    defects: list[BaseException] = field(default_factory=list)


class World:
    """Everything of one history. `close` it."""

    def __init__(self, seed: int, *, keep_trace: bool = False) -> None:
        self.rng = Random(seed)
        self.trace = Trace(keep_trace)
        self.loop = SimLoop(Random(seed + 1), self.trace)
        self.weather = self.weather_was = Weather.of(self.rng)
        self.clock = SimClock(self.loop)
        database = SimDatabase(self.clock.now)
        self.connection = database.connection
        self.database = SqlStore(database, lambda: True)
        self.plans: dict[str, list[Turn]] = {}
        self.unstarted: list[str] = []
        self.journal = Journal()
        self.processes: dict[str, Process] = {}
        self.dead_owners: set[str] = set()
        self.ids = Numbered()
        self.note_number = 0
        self.snapshots: list[tuple[bytes, int]] = []
        self.peace = False
        self.pace = self.rng.choice((1, 1, 1, 6))
        self.acting: Counter[str] = Counter()
        self._owners = 0
        self.forget_rounds: Callable[[str], None] = lambda _name: None
        self._seams = ExitStack()
        self._seams.enter_context(seams.in_world(self))
        self._here = here.set(self)

    def close(self) -> None:
        for one in self.processes.values():
            one.store.dead = True
        self.calm()
        self.loop.close()
        self.connection.close()
        self._seams.close()
        here.reset(self._here)

    def may_be_alive(self, owner: str) -> bool:
        return not (self.weather.known_dead and owner in self.dead_owners)

    # -- processes

    def start(self, name: str, mood: str, *, knows_tools: bool = True) -> Process:
        """A process with an engine of its own."""
        self._owners += 1
        store = SimStore(self, name)
        parts = NumberedParts(
            store=store,
            policies=shop.mood_policies(mood),
            models=_no_models,
            worker=f"{name}#{self._owners}",
            actors=lambda who: Actor(id=who, roles=ACTORS.get(who, ())),
            clock=self.clock,
            may_be_alive=self.may_be_alive,
            numbered=self.ids,
        )
        engine = Engine(parts)
        agent = Agent("helper", SimModel(), engine=engine, tools=_tools() if knows_tools else [])
        if not knows_tools:
            engine._recipes.clear()
        made = Process(name, engine, agent, store, parts.worker, mood)
        self.processes[name] = made
        return made

    def kill(self, name: str) -> None:
        """As SIGKILL does."""
        one = self.processes[name]
        one.store.dead = True
        self.dead_owners.add(one.owner)
        self.acting[name] = 0
        self.forget_rounds(name)
        self.loop.kill(name)

    async def pause(self, name: str, seconds: float) -> None:
        """Take some time; perhaps the process is frozen meanwhile, or dies."""
        if seconds:
            await asyncio.sleep(seconds)
        weather, draw = self.weather, self.rng.random()
        if draw < weather.crash:
            self.kill(name)
            await forever()
        elif draw < weather.crash + weather.freeze:
            self.loop.freeze(name, self.rng.random() * (MAX_FREEZE_S if self.acting[name] else IDLE_FREEZE_S))
            await asyncio.sleep(0)

    def note(self) -> str:
        """A name for one answer."""
        self.note_number += 1
        return f"note {self.note_number}"

    def any_run(self) -> str:
        """One that exists, or nearly."""
        return f"run_{self.rng.randint(1, max(self.ids.count, 1)):018d}"

    async def a_while(self, seconds: float) -> None:
        """Between two things that somebody does, at this world's pace."""
        await asyncio.sleep(self.rng.random() * seconds * self.pace)

    def latency(self) -> float:
        return 0.0 if self.rng.random() < 0.6 else self.rng.random() * 0.02

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A task of a process; what it raises is a defect."""

        async def watched() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - kept, and raised at the end
                self.journal.defects.append(error)

        self.loop.spawn(name, watched())

    # -- the database's past, for a power cut under `synchronous=normal`

    def committed(self) -> None:
        if self.weather.normal and not self.peace:
            self.snapshots.append((self.connection.serialize(), len(self.journal.acknowledged)))
            del self.snapshots[:-4]

    def cut_power(self) -> None:
        """Every process dies at once; under `normal` the last commits may be undone."""
        self.trace("power cut")
        for name in list(self.processes):
            self.kill(name)
        if self.weather.normal and self.snapshots:
            image, known = self.rng.choice(self.snapshots)
            self.connection.deserialize(image)
            del self.journal.acknowledged[known:]

    def calm(self) -> None:
        """No fault from here on."""
        self.peace, self.weather = True, CALM

    # -- the shop

    def version(self, run_id: str) -> int:
        """Of the run's log, now, past the store's port."""
        row = self.connection.execute("SELECT version FROM run WHERE run_id = ?", (run_id,)).fetchone()
        return 0 if row is None else int(row[0])

    async def act(self, tool_name: str, args: dict[str, Any]) -> str:
        """What every tool does: it takes time, leaves its witness, takes time."""
        name = process.get()
        self.acting[name] += 1
        try:
            return await self._act(name, tool_name, args)
        finally:
            self.acting[name] -= 1

    async def _act(self, name: str, tool_name: str, args: dict[str, Any]) -> str:
        rng = self.rng
        trouble = rng.choice(TROUBLES) if rng.random() < self.weather.tool else ""
        if trouble == "frozen before":
            self.loop.freeze(name, self.long_freeze())
        await self.pause(name, rng.random() * (30.0 if trouble == "slow" else 0.05))
        result = self.act_now(tool_name, args)
        if trouble == "killed":
            self.kill(name)
            await forever()
        if trouble == "frozen after":
            self.loop.freeze(name, self.long_freeze())
        await self.pause(name, rng.random() * 0.05)
        if trouble == "raises":
            message = "it broke"
            raise RuntimeError(message)
        return result

    def long_freeze(self) -> float:
        """About as long as a lease, or longer."""
        return MAX_FREEZE_S * (0.25 + 0.75 * self.rng.random())

    def act_now(self, tool_name: str, args: dict[str, Any]) -> str:
        """The effect itself, with what is in the store at this moment."""
        name = process.get()
        effect = shop.effect_now(tool_name, args, 0, self.processes[name].mood)
        self.journal.effects.append(effect._replace(version=self.version(effect.run_id)))
        self.trace(name, "acts", effect.run_id, effect.call_id, effect.attempt, tool_name)
        return shop.result_of(effect)

    def in_thread(self, function: Callable[[], T]) -> Future[T]:
        """A plain tool in a thread; now and then it takes longer than it may."""
        rng = self.rng
        long = rng.random() < self.weather.tool
        return seams.later(self, function, rng.random() * 0.05, rng.random() * (2 * shop.SLOW_S if long else 0.05))


class SimModel:
    """Says what the plan of the run (its prompt) says."""

    async def reply(self, request: ChatRequest, on_text: Any = None) -> ModelReply:
        world = here.get()
        rng, weather = world.rng, world.weather
        run = await told.run_asked(world.database, request.messages[0].content)
        world.journal.requests.append(shop.request_now(run.run_id, run.version, request))
        await world.pause(process.get(), rng.random() * 2)
        if rng.random() < weather.model:
            message = "the model is down"
            raise ModelError(message, retryable=rng.random() < 0.5)
        turns = world.plans[request.messages[0].content]
        said = sum(message.role == "assistant" for message in request.messages)
        if said >= len(turns):
            return ModelReply(text="the end")
        calls = [ToolCall(f"c{said}.{n}", name, text) for n, (name, text) in enumerate(turns[said])]
        return ModelReply(text="", calls=tuple(calls))


async def _act(name: str, args: dict[str, Any]) -> str:
    return await here.get().act(name, args)


def _act_now(name: str, args: dict[str, Any]) -> str:
    return here.get().act_now(name, args)


@cache
def _tools() -> list[AnyTool]:
    return shop.tools(_act, _act_now)


def _no_models(name: str, options: Any) -> Any:
    raise AssertionError(name)
