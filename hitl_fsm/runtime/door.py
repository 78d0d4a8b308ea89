"""The one door inside (law 14): whatever starts, moves, answers or ends a run comes through here.

Runs come out as they are; what users hold is made of them outside (`handles`).
"""

from __future__ import annotations

from collections.abc import Callable

from hitl_fsm.errors import Fenced, UnknownRunnable
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING, RunState
from hitl_fsm.runtime import outside
from hitl_fsm.runtime.beginning import Given, created, forked
from hitl_fsm.runtime.drive import Drive
from hitl_fsm.runtime.given import checked_reason
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.leases import LeaseKeeper
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.prune import current
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.steps import load
from hitl_fsm.runtime.streaming.stream import Publish, in_handles

MOVE_ATTEMPTS = 64
"""Tries of going on with a run that others move meanwhile."""


class Door:
    """Moves the runs that stand on one ground."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.leases = LeaseKeeper(ground.store)

    @property
    def parts(self) -> Parts:
        return self.ground.parts

    # -- moving runs

    async def start(self, recipe: Recipe, given: Given, publish: Publish | None) -> Run:
        """Create a run and advance it until it is paused or ended."""
        await self.ground.in_force.fresh()
        event = await created(self.parts, recipe, self.parts.ids.run_id(), given)
        return await self._begun(recipe, event, given.user, publish)

    async def fork(self, run_id: str, at_step: int, by: By) -> Run:
        """See `Engine.afork`."""
        source = (await load(self.parts, run_id)).run
        recipe = self.ground.recipe(source)
        if recipe is None:
            raise unknown(source)
        await self.ground.in_force.fresh()
        event = await forked(self.parts, recipe, self.parts.ids.run_id(), run_id, at_step)
        return await self._begun(recipe, event, self.ground.actor(by, source.user), None)

    async def advance(self, run_id: str, publish: Publish | None, expected: Recipe | None) -> Run:
        """See `Engine.aadvance`."""
        return await self._moved(run_id, publish, lambda run: self._recipe_of(run, expected))

    async def take_up(self, run_id: str, publish: Publish | None) -> Run:
        """Go on with a run that `Store.ready` told of, for nobody's wish: one that failed meanwhile is not retried.

        Fenced if it is not ready any more: somebody else moved it.
        """
        return await self._moved(run_id, publish, self._recipe_if_ready)

    async def _begun(self, recipe: Recipe, event: events.RunCreated, by: Actor, publish: Publish | None) -> Run:
        run_id = event.run_id
        try:
            return await self._drive(recipe, run_id, publish).start(event, by)
        except Fenced:
            loaded = await load(self.parts, run_id)
            if not loaded.run.is_ended:
                raise
            return loaded.run

    async def _moved(self, run_id: str, publish: Publish | None, recipe_of: Callable[[Run], Recipe | None]) -> Run:
        """As far as it goes with what `recipe_of` gives; with None it stays as it is."""
        await self.ground.in_force.fresh()
        for _ in range(MOVE_ATTEMPTS):
            loaded = await load(self.parts, run_id)
            recipe = recipe_of(loaded.run)
            if recipe is None:
                return loaded.run
            drive = self._drive(recipe, run_id, publish)
            try:
                return await drive.resume(loaded)
            except Fenced:
                after = await load(self.parts, run_id)
                if after.run.is_ended:
                    return after.run
                if drive.has_moved:  # somebody took over what was under way here
                    raise
        msg = f"{run_id} kept moving while it was continued"
        raise Fenced(msg, help="try again")

    def _drive(self, recipe: Recipe, run_id: str, publish: Publish | None) -> Drive:
        return Drive(self.ground.in_force, recipe, run_id, self.leases, in_handles(self, publish))

    def _recipe_if_ready(self, run: Run) -> Recipe | None:
        if run.state not in RUN_ADVANCING:
            msg = f"{run.run_id} is not ready any more: it is {run.state.value}"
            raise Fenced(msg, help="somebody else moved it")
        return self._recipe_of(run, None)

    def _recipe_of(self, run: Run, expected: Recipe | None) -> Recipe | None:
        """None: nobody here knows the run, and it needs nobody now."""
        if expected is not None:
            if (run.kind, run.name) == (expected.kind, expected.name):
                return expected
            msg = f"{run.run_id} is a run of {run.kind} {run.name!r}, not of {expected.kind} {expected.name!r}"
            raise UnknownRunnable(msg, help=f"continue it with {run.name!r}, or with engine.advance({run.run_id!r})")
        recipe = self.ground.recipe(run)
        if recipe is None and not run.is_paused and run.state not in {RunState.DONE, RunState.CANCELLED}:
            raise unknown(run)
        return recipe

    # -- answers

    async def resolve(
        self,
        requirement_id: str,
        answer: Answer,
        by: By,
        digest: str | None = None,
        presented: str | None = None,
    ) -> Run:
        """See `Engine.aresolve`."""
        return await outside.resolve(self.ground, requirement_id, answer, by, outside.Shown(digest, presented))

    async def withdraw(self, requirement_id: str, by: By, note: str | None) -> Run:
        """See `Engine.awithdraw`."""
        return await outside.withdraw(self.ground, requirement_id, by, checked_reason(note))

    async def revoke(self, requirement_id: str, by: By, note: str | None) -> Run:
        """See `Engine.arevoke`."""
        return await outside.revoke(self.ground, requirement_id, by, checked_reason(note))

    async def cancel(self, run_id: str, by: Actor | None, reason: str | None) -> Run:
        """See `Engine.acancel`."""
        return await outside.cancel(self.parts, run_id, by, checked_reason(reason))

    # -- looking

    async def look(self, run_id: str) -> Run:
        """The run as it is now; RunNotFound, which tells when and by whom a run was forgotten."""
        return await current(self.parts, run_id)

    def recipe(self, run: Run) -> Recipe | None:
        """What the run is of, where this process knows it."""
        return self.ground.recipe(run)


def unknown(run: Run) -> UnknownRunnable:
    """The error for a run of which this process does not know the agent, team or workflow."""
    msg = f"this process does not know {run.kind} {run.name!r}, to which {run.run_id} belongs"
    return UnknownRunnable(msg, help="import the module that builds it (--app module:engine) and try again")
