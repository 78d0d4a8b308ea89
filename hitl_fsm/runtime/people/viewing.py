"""That somebody looked at a question, and what there was to see when somebody answered one, are on the record.

A list of questions is no look at one. What is shown is people's data: where it cannot be recorded, it is not shown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.core.facts import subject_of
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.ports import Clock, Store
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.presenting.presentation import Look, Presentation, look
from hitl_fsm.runtime.prune import current
from hitl_fsm.runtime.steps import requirement_of

APPLICATION = "application"
"""The surface of a look that the embedding program shows by its own means."""


async def view(ground: Ground, requirement_id: str, by: By, surface: str) -> Presentation:
    """See `Engine.aview`."""
    requirement = await requirement_of(ground.store, requirement_id)
    run = await current(ground.parts, requirement.run_id)
    return await tell_viewed(ground.store, ground.parts.clock, ground.actor(by, run.user), requirement, run, surface)


async def tell_viewed(
    store: Store, clock: Clock, by: Actor, requirement: Requirement, run: Run, surface: str
) -> Presentation:
    """Before it is shown; what is to be shown. A StoreError goes on to who wants to look."""
    seen = look(requirement, run)
    data, subject = {**_about(seen), "surface": surface}, subject_of(run, requirement.call_id)
    await store.append([Record("requirement_viewed", clock.now(), by, run.run_id, data, _contents(seen), subject)])
    return seen.shown


def presented(seen: Look, run: Run, by: Actor, at: int) -> Record:
    """What there is to see of an open question of `run`, for the line before that of an answer to it."""
    subject = subject_of(run, seen.shown.call)
    return Record("requirement_presented", at, by, run.run_id, _about(seen), _contents(seen), subject)


def _about(seen: Look) -> dict[str, Any]:
    return {"requirement": seen.shown.id, "call": seen.shown.call, "presented": seen.digest}


def _contents(seen: Look) -> dict[str, Any]:
    return {"presentation": msgspec.to_builtins(seen.shown)}
