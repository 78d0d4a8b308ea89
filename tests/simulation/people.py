"""Who takes part: workers, approvers who err, a canceller, a sweeper, and, at the end, people who tell the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from hitl_fsm.errors import Fenced, HitlError, RunEnded, StoreError, Tampered
from hitl_fsm.model import answer as answers
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.runtime.engine import Engine
from simulation.plans import arguments
from simulation.world import ACTORS, Acknowledged, Process, World
from stateful import told, truth
from stateful.case import hold

REQUESTER = Actor("alice")


async def worker(world: World, me: Process) -> None:
    """Goes on with what is ready; now and then with just any run; starts those that nobody has started yet."""
    rng = world.rng
    while not world.peace:
        await world.a_while(16)
        draw = rng.random()
        if world.unstarted and draw < 0.7:
            await _tried(world, partial(_started, world, me, world.unstarted.pop()))
        elif draw < 0.85:
            await _tried(world, me.engine.acontinue_ready)
        else:
            run_id = world.any_run()
            await asyncio.gather(
                *(_tried(world, partial(me.engine.aadvance, run_id)) for _ in range(rng.randint(1, 2)))
            )


async def _started(world: World, me: Process, prompt: str) -> None:
    run = await me.agent.arun(prompt, user=REQUESTER)
    world.journal.acknowledged.append(Acknowledged(run.run_id, "", "", None))


async def _tried(world: World, work: Callable[[], Awaitable[Any]]) -> None:
    """What a worker meets that is told in words is for whoever reads its log; a defect is not."""
    try:
        await work()
    except Tampered as error:
        world.journal.defects.append(error)
    except HitlError as error:
        world.trace("told", type(error).__name__)


async def sweeper(world: World, me: Process) -> None:
    """Fires what is due."""
    while not world.peace:
        await world.a_while(40)
        await _tried(world, me.engine.asweep)


async def canceller(world: World, me: Process) -> None:
    """Ends a run now and then."""
    while not world.peace:
        await world.a_while(400)
        run_id, note = world.any_run(), world.note()
        try:
            await me.engine.acancel(run_id, by=REQUESTER, reason=note)
        except (Fenced, StoreError):
            continue
        except Tampered as error:
            world.journal.defects.append(error)
        except (RunEnded, HitlError):
            world.journal.refused.append(note)
        else:
            world.journal.acknowledged.append(Acknowledged(run_id, "cancel", note, None))


async def approver(world: World, me: Process) -> None:
    """Answers what is in the inbox: rightly, wrongly, late, twice, and for others."""
    rng = world.rng
    while not world.peace:
        await world.a_while(12)
        try:
            rows = await me.engine.inbox.alist()
        except StoreError:
            continue
        if not rows:
            continue
        row = rng.choice(list(rows))
        if rng.random() < 0.7 and (row.answerable_from or 0) > world.clock.now():
            continue
        given, by = await truthful(world, row)
        if rng.random() < 0.3:
            given, by = _otherwise(world, row, given, by)
        digest = row.digest if rng.random() < 0.9 else "0" * 64
        twice = rng.random() < 0.2
        taken = await asyncio.gather(*(answer(world, me.engine, row, given, by, digest) for _ in range(1 + twice)))
        hold(5, digest == row.digest or not any(taken), f"{row.requirement_id}: an answer to another action was taken")


async def doubter(world: World, me: Process) -> None:
    """Takes votes back, and answers: the own ones, another person's, those whose time is over."""
    rng = world.rng
    while not world.peace:
        await world.a_while(15)
        rows = await world.database.requirements(state=rng.choice(("open", "open", "resolved")), limit=told.PAGE)
        said = [(row, actor) for row in rows for actor in _who_said_yes(row)]
        if not said:
            continue
        row, by = rng.choice(said)
        if rng.random() < 0.1:
            other = rng.choice(sorted(ACTORS))
            by = Actor(other, roles=ACTORS[other])
        await _take_back(world, me.engine, row, by)


def _who_said_yes(row: Requirement) -> list[Actor]:
    if row.resolution is not None:
        return [row.resolution.by] if isinstance(row.resolution.answer, answers.Approve) else []
    return [vote.by for vote in row.votes]


async def _take_back(world: World, engine: Engine, row: Requirement, by: Actor) -> None:
    note = world.note()
    taken_back = engine.awithdraw if row.resolution is None else engine.arevoke
    world.trace("takes back", by.id, row.requirement_id, note)
    try:
        await taken_back(row.requirement_id, by=by, note=note)
    except (Fenced, StoreError):
        return  # it may be there, or not
    except Tampered as error:
        world.journal.defects.append(error)
    except HitlError as error:
        world.trace("refused", note, type(error).__name__)
        world.journal.refused.append(note)
    else:
        world.journal.acknowledged.append(Acknowledged(row.run_id, row.requirement_id, note, None))


async def answer(world: World, engine: Engine, row: Requirement, given: Answer, by: Actor, digest: str) -> bool:
    """Give one answer, whose note names it, and write down what its giver was told; whether it was taken."""
    note = world.note()
    given = truth.distinct(given, note)
    world.trace("answers", by.id, row.requirement_id, type(given).__name__, note)
    try:
        await engine.aresolve(row.requirement_id, given, by=by, digest=digest)
    except (Fenced, StoreError):
        return False  # it may be there, or not
    except Tampered as error:
        world.journal.defects.append(error)
        return False
    except HitlError as error:
        world.trace("refused", note, type(error).__name__)
        world.journal.refused.append(note)
        return False
    world.journal.acknowledged.append(Acknowledged(row.run_id, row.requirement_id, note, given))
    return True


async def truthful(world: World, row: Requirement) -> tuple[Answer, Actor]:
    """An answer that fits, by who may give it, with all that is in the store at this moment."""
    run = await world.database.load(row.run_id)
    assert run is not None
    rows = await world.database.requirements(run_id=row.run_id, state=None, limit=told.PAGE)
    return truth.truthful(row, run.entries, rows, world.journal.effects)


def _otherwise(world: World, row: Requirement, given: Answer, by: Actor) -> tuple[Answer, Actor]:
    """A no, an edit, another person's or an agent's answer, or one that does not fit."""
    rng = world.rng
    choice = rng.randrange(6)
    match choice, row.kind:
        case (0, kind) if kind != "outcome":
            given = answers.Reject()
        case (1, "confirm" | "approval"):
            given = answers.Approve(args=arguments(rng))
        case (1, "review"):
            given = answers.EditResult(None)
        case (2, _):
            other = rng.choice(sorted(ACTORS))
            by = Actor(other, roles=ACTORS[other])
        case (3, _):
            by = Actor("helper", kind="agent")
        case (4, "outcome"):
            given = answers.GiveUp()
        case (5, "confirm" | "approval" | "external"):
            given, by = answers.Respond(None), Actor(by.id, roles=by.roles)
        case (4 | 5, "review"):  # more often than its policy lets it
            given = answers.Retry()
        case _:
            given = answers.Provide({"reason": 1})
    return given, by
