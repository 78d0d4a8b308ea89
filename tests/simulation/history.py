"""One history: trouble for a while, then peace, and then what must be true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from hitl_fsm.errors import HitlError, Tampered
from hitl_fsm.model import event as events
from simulation import people
from simulation.loop import process
from simulation.plans import plan
from simulation.world import MAX_FREEZE_S, Process, World
from stateful import shop, told
from stateful.case import hold

ROUNDS = 60
"""Rounds that truthful people and one worker need at most to bring every run to its end."""
QUIET_S = 1_000.0
"""Until everything that was frozen or slow has ended."""

Role = Callable[[World, Process], Coroutine[Any, Any, None]]
ROLES: dict[str, Role] = {
    "worker1": people.worker,
    "worker2": people.worker,
    "worker3": people.worker,
    "maria": people.approver,
    "alice": people.approver,
    "otto": people.doubter,
    "boss": people.canceller,
    "timers": people.sweeper,
}


class Outcome(NamedTuple):
    """What one seed came to. `told` counts what happened, to see that something did."""

    seed: int
    trace: str
    steps: int
    runs: int
    effects: int
    answers: int
    problem: str
    lines: list[str]


def simulate(seed: int, *, keep_trace: bool = False) -> Outcome:
    """One seed, one history; `problem` says what broke, "" when nothing did."""
    world = World(seed, keep_trace=keep_trace)
    try:
        problem = _problem(world)
        journal, lines = world.journal, list(world.trace.lines or [])
        counts = (world.loop.steps, world.ids.count, len(journal.effects), len(journal.acknowledged))
        return Outcome(seed, world.trace.digest, *counts, problem, lines)
    finally:
        world.close()


def _problem(world: World) -> str:
    try:
        world.loop.run(_history(world))
    except AssertionError as error:
        return f"{type(error).__name__}: {error}"
    except HitlError as error:
        return f"{type(error).__name__}: {error.message}"
    defects = world.journal.defects
    return f"raised {defects[0]!r}" if defects else ""


async def _history(world: World) -> None:
    rng = world.rng
    for number in range(rng.randint(1, 4)):
        world.plans[f"plan {number}"] = plan(rng)
    world.unstarted = list(world.plans)
    for name in ROLES:
        _start(world, name)
    cuts = world.weather.cuts
    for _ in range(rng.randint(8, 24)):
        await world.a_while(20)
        _trouble(world)
        if cuts and rng.random() < 0.15:
            cuts -= 1
            world.cut_power()
        for name in ROLES:
            if world.processes[name].store.dead and rng.random() < 0.6:
                _start(world, name)
    world.calm()
    await asyncio.sleep(QUIET_S)
    await _bring_to_an_end(world)
    await _check(world)


def _start(world: World, name: str) -> None:
    rng = world.rng
    is_person = name in {"maria", "alice", "otto", "boss"}
    mood = "usual" if is_person else rng.choice(("usual", "usual", "usual", "strict", "loose"))
    made = world.start(name, mood, knows_tools=not is_person or rng.random() < 0.5)
    world.spawn(name, ROLES[name](world, made))


def _trouble(world: World) -> None:
    """What befalls a process from outside, at any step of it."""
    rng, weather = world.rng, world.weather
    name = rng.choice(list(ROLES))
    alive = not world.processes[name].store.dead
    if alive and rng.random() < weather.crash * 5:
        world.kill(name)
    elif alive and rng.random() < weather.freeze * 10:
        world.loop.freeze(name, rng.random() * MAX_FREEZE_S)
    if weather.clocks and rng.random() < 0.4:
        step = rng.choice((-600_000, -5_000, 5_000, 30_000))
        world.clock.wrong_by += step
        world.trace("clock", step)


async def _bring_to_an_end(world: World) -> None:
    """Truthful people and one healthy worker, whatever happened before."""
    me = world.start("closer", "usual")
    token = process.set("closer")
    store = world.database
    for _ in range(ROUNDS):
        rows = [row for row in await store.runs(limit=100) if row.state not in {"done", "cancelled"}]
        if not rows:
            break
        for row in rows:
            for requirement in await store.requirements(run_id=row.run_id):
                if (requirement.answerable_from or 0) > world.clock.now():
                    await asyncio.sleep(70)
                    continue
                given, by = await people.truthful(world, requirement)
                await people.answer(world, me.engine, requirement, given, by, requirement.digest)
            try:
                await me.engine.aadvance(row.run_id)
            except Tampered:
                raise
            except HitlError as error:
                world.trace("waits", row.run_id, error.message)
                await asyncio.sleep(70)
    process.reset(token)
    left = [row.run_id for row in await store.runs(limit=100) if row.state not in {"done", "cancelled"}]
    hold(3, not left, f"{left} cannot be brought to an end")


async def _check(world: World) -> None:
    journal = world.journal
    mood_of = {shop.mood_policies(mood).digest: mood for mood in shop.MOODS}
    seen = await told.read(world.database)
    undone = world.weather_was.normal and world.weather_was.cuts > 0
    told.check(seen, [] if undone else journal.effects, [] if undone else journal.requests, mood_of)
    notes = {}
    for run in seen.runs:
        for entry in run.entries:
            match entry.event:
                case events.AnswerRecorded(_, given):
                    notes[given.note] = (run.run_id, given)
                case events.RunCancelled(note) | events.VoteWithdrawn(_, note) | events.ApprovalRevoked(_, note):
                    notes[note] = (run.run_id, None)
                case _:
                    pass
    known = {run.run_id for run in seen.runs}
    for one in journal.acknowledged:
        hold(2, one.run_id in known, f"{one.run_id} was acknowledged and is not there")
        if one.about and not undone:
            hold(2, notes.get(one.note) == (one.run_id, one.answer), f"the answer {one.note} to {one.about} is lost")
    if not undone:
        hold(11, not notes.keys() & set(journal.refused), "an answer was refused, and is there")
    _nothing_dropped(world, seen)
    timers = world.connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'timer'").fetchone()[0]
    if timers:
        left = world.connection.execute("SELECT count(*) FROM timer").fetchone()[0]
        hold(12, left == 0, f"{left} timers are left of runs that have ended")
    world.trace("head", seen.head[0])  # its hash differs: lines are committed to contents under random salts


def _nothing_dropped(world: World, seen: told.Told) -> None:
    """What a worker learned after it had lost its run is in the run's log, unless a later fault kept it out.

    A clock that is put back makes leases last longer than anybody tries; then the record has it.
    """
    if world.weather_was.store or world.weather_was.cuts:
        return
    kept = {
        (run.run_id, entry.event.call_id)
        for run in seen.runs
        for entry in run.entries
        if isinstance(entry.event, events.LateResult)
    }
    if world.weather_was.clocks:
        lines = [msgspec.json.decode(line.body) for line in seen.lines]
        kept |= {(line["run"], line["data"]["call"]) for line in lines if line["event"] == "late_result"}
    for owner, run_id, call_id in world.journal.fenced:
        hold(3, owner in world.dead_owners or (run_id, call_id) in kept, f"{owner}'s result of {call_id} was dropped")
