"""The engine: the one door inside (law 14). Surfaces answer through `resolve` and move runs through `advance`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hitl_fsm.errors import (
    Fenced,
    UnknownRunnable,
)
from hitl_fsm.model import event as events
from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING, RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.ports import Store
from hitl_fsm.runtime import outside
from hitl_fsm.runtime.beginning import Given, created, forked
from hitl_fsm.runtime.context import Variables, checked_context
from hitl_fsm.runtime.delegations import Delegations
from hitl_fsm.runtime.drive import Drive
from hitl_fsm.runtime.gate import Gated, gated
from hitl_fsm.runtime.given import checked_actor, checked_input, checked_name, checked_prompt, checked_reason
from hitl_fsm.runtime.grants import Grants
from hitl_fsm.runtime.handles import By, RunHandle
from hitl_fsm.runtime.in_force import InForce, Reloaded
from hitl_fsm.runtime.judge import own_verdict
from hitl_fsm.runtime.leases import LeaseKeeper
from hitl_fsm.runtime.loop import run_in_background, run_sync
from hitl_fsm.runtime.notices import Notices
from hitl_fsm.runtime.outbox import Told, notify
from hitl_fsm.runtime.overrides import Overrides
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.prune import Pruned, prune
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.routes import Routes
from hitl_fsm.runtime.steps import load
from hitl_fsm.runtime.stream import Publish
from hitl_fsm.runtime.sweep import sweep
from hitl_fsm.runtime.views import Audit, Inbox, Runs
from hitl_fsm.runtime.work import POLL_S, Continued, continue_ready, work

if TYPE_CHECKING:
    from hitl_fsm.policy.explain import Explanation

MOVE_ATTEMPTS = 64
"""Tries of going on with a run that others move meanwhile."""


class Engine:
    """Ports, policies and the runs under them. Built by `connect.Engine`, or from `Parts` directly."""

    def __init__(self, parts: Parts) -> None:
        self.in_force = InForce(parts)
        self._recipes: dict[tuple[str, str], Recipe] = {}
        self._leases = LeaseKeeper(parts.store)
        self.inbox = Inbox(self)
        self.runs = Runs(self)
        self.audit = Audit(parts.store)
        self.routes = Routes(self)
        self.grants = Grants(self)
        self.overrides = Overrides(self)
        self.delegations = Delegations(self)
        self.notices = Notices(self)

    @property
    def parts(self) -> Parts:
        return self.in_force.parts

    @property
    def _parts(self) -> Parts:
        return self.in_force.parts

    @property
    def store(self) -> Store:
        return self._parts.store

    @property
    def policies(self) -> PolicySet:
        return self._parts.policies

    def register(self, recipe: Recipe) -> None:
        """Make runs of this agent or callable continuable by their id; the last one of a name counts."""
        checked_name(recipe.name, f"the name of the {recipe.kind}")
        self._recipes[recipe.kind, recipe.name] = recipe

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What is registered: agents, and gated callables."""
        return tuple(self._recipes.values())

    def actor(self, who: By, otherwise: Actor) -> Actor:
        """An actor, a name that the application's lookup knows, or None for `otherwise`.

        Raises InputRefused for anything else, and for an actor whose fields are not what they should be.
        """
        if who is None:
            return otherwise
        if not isinstance(who, str):
            return checked_actor(who)
        name = checked_name(who, "the actor's name")
        found: Actor | None = self._parts.actors(name)
        return Actor(id=name) if found is None else checked_actor(found, "the actor that the lookup returned")

    def evaluate(self, tool: str, args: dict[str, Any], *, user: By = None) -> Verdict:
        """What the policies say of an action; nothing else happens."""
        return own_verdict(self.policies.evaluate(self._action(tool, args, user), default=self._parts.default))

    def explain(self, tool: str, args: dict[str, Any], *, user: By = None) -> Explanation:
        """How the policies come to that verdict, rule by rule and condition by condition; nothing else happens."""
        from hitl_fsm.policy.explain import explain  # noqa: PLC0415 - no run needs it

        return explain(self.policies, self._action(tool, args, user), self._parts.default)

    def _action(self, tool: str, args: dict[str, Any], user: By) -> Action:
        actor = self.actor(user, Actor(id="user"))
        return Action(tool=tool, args=args, user=actor, now=self._parts.clock.now())

    def gate(self, fn: Callable[..., Any]) -> Gated:
        """Put a bare callable under the policies, without an agent."""
        return gated(self, fn)

    # -- moving runs

    async def astart(
        self,
        recipe: Recipe,
        prompt: Any,
        user: Actor,
        publish: Publish | None = None,
        *,
        context: Variables = None,
        session: str = "",
    ) -> RunHandle:
        """Create a run and advance it until it is paused or ended.

        InputRefused for a prompt that is no text (a workflow takes a JSON value, too), and for a context that JSON
        cannot hold, or that lacks what the instructions name.
        """
        text, value = checked_input(prompt) if recipe.kind == "workflow" else (checked_prompt(prompt), None)
        session = session if session == "" else checked_name(session, "the session")
        given = Given(text, value, checked_actor(user, "the user"), checked_context(context), session)
        await self.in_force.fresh()
        event = await created(self._parts, recipe, self._parts.ids.run_id(), given)
        return await self._begun(recipe, event, given.user, publish)

    def fork(self, run_id: str, at_step: int, *, by: By = None) -> RunHandle:
        return run_sync(self.afork(run_id, at_step, by=by))

    async def afork(self, run_id: str, at_step: int, *, by: By = None) -> RunHandle:
        """Go on from an earlier point of a run as a new one: after `at_step` turns of its own model; 0 is its start.

        The run itself stays as it is, and what was done until then is not done again. What people rejected in it stays
        rejected. ForkRefused where it never stood there, UnknownRunnable where nobody here knows what it is of.
        """
        source = (await load(self._parts, run_id)).run
        recipe = self.recipe(source)
        if recipe is None:
            raise unknown(source)
        await self.in_force.fresh()
        event = await forked(self._parts, recipe, self._parts.ids.run_id(), run_id, at_step)
        return await self._begun(recipe, event, self.actor(by, source.user), None)

    async def _begun(self, recipe: Recipe, event: events.RunCreated, by: Actor, publish: Publish | None) -> RunHandle:
        run_id = event.run_id
        drive = Drive(self.in_force, recipe, run_id, self._leases, self._told(publish))
        try:
            return RunHandle(self, await drive.start(event, by))
        except Fenced:
            loaded = await load(self._parts, run_id)
            if not loaded.run.is_ended:
                raise
            return RunHandle(self, loaded.run)

    async def aadvance(
        self, run_id: str, publish: Publish | None = None, *, expected: Recipe | None = None
    ) -> RunHandle:
        """Go on with a run as far as its gates allow. Ended or waiting, it comes back as it is; failed, it is retried.

        `expected`: whose run it must be; UnknownRunnable if it is another's.
        """
        return await self._moved(run_id, publish, lambda run: self._recipe_of(run, expected))

    async def atake_up(self, run_id: str, publish: Publish | None = None) -> RunHandle:
        """Go on with a run that `Store.ready` told of, for nobody's wish: one that failed meanwhile is not retried.

        Fenced if it is not ready any more: somebody else moved it.
        """
        return await self._moved(run_id, publish, self._recipe_if_ready)

    async def _moved(
        self, run_id: str, publish: Publish | None, recipe_of: Callable[[Run], Recipe | None]
    ) -> RunHandle:
        """As far as it goes with what `recipe_of` gives; with None it stays as it is."""
        await self.in_force.fresh()
        for _ in range(MOVE_ATTEMPTS):
            loaded = await load(self._parts, run_id)
            recipe = recipe_of(loaded.run)
            if recipe is None:
                return RunHandle(self, loaded.run)
            drive = Drive(self.in_force, recipe, run_id, self._leases, self._told(publish))
            try:
                return RunHandle(self, await drive.resume(loaded))
            except Fenced:
                after = await load(self._parts, run_id)
                if after.run.is_ended:
                    return RunHandle(self, after.run)
                if drive.has_moved:  # somebody took over what was under way here
                    raise
        msg = f"{run_id} kept moving while it was continued"
        raise Fenced(msg, help="try again")

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
        recipe = self.recipe(run)
        if recipe is None and not run.is_paused and run.state not in {RunState.DONE, RunState.CANCELLED}:
            raise unknown(run)
        return recipe

    def advance(self, run_id: str) -> RunHandle:
        return run_sync(self.aadvance(run_id))

    def recipe(self, run: Run) -> Recipe | None:
        return self._recipes.get((run.kind, run.name))

    def _told(self, publish: Publish | None) -> Publish | None:
        """Stream events carry handles, which users know, instead of the bare run."""
        if publish is None:
            return None
        return lambda event: publish(type(event)(RunHandle(self, event.run), *list(event_values(event))))

    # -- policies

    def reload_policies(self, *, by: By = None, reason: str | None = None) -> Reloaded:
        return run_sync(self.areload_policies(by=by, reason=reason))

    async def areload_policies(self, *, by: By = None, reason: str | None = None) -> Reloaded:
        """Read the policy files now; what loads is in force when this returns, what does not changes nothing.

        Raises SettingsError where the policies are not from files, StoreError if the set cannot be kept.
        """
        return await self.in_force.reload(self.actor(by, ENGINE), checked_reason(reason) or "asked for")

    # -- answers

    def resolve(
        self,
        requirement_id: str,
        answer: Answer,
        *,
        by: By = None,
        digest: str | None = None,
        presented: str | None = None,
    ) -> RunHandle:
        return run_sync(self.aresolve(requirement_id, answer, by=by, digest=digest, presented=presented))

    async def aresolve(
        self,
        requirement_id: str,
        answer: Answer,
        *,
        by: By = None,
        digest: str | None = None,
        presented: str | None = None,
    ) -> RunHandle:
        """Record one answer, durable when this returns; the run as the answer left it.

        `digest`: that of the action which the person was shown; refused if it is another by now (law 5). `presented`:
        so too, that of everything that was shown (`presentation_digest`).
        Raises RequirementNotFound, AlreadyResolved, RequirementExpired, RequirementChanged, NotAuthorised,
        AnswerRefused, InputRefused, Tampered; nothing is stored then.
        """
        return RunHandle(
            self, await outside.resolve(self, requirement_id, answer, by, outside.Shown(digest, presented))
        )

    def withdraw(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        return run_sync(self.awithdraw(requirement_id, by=by, note=note))

    async def awithdraw(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        """Take the own vote back, while the question is open. NotAuthorised for who did not vote, AlreadyResolved."""
        return RunHandle(self, await outside.withdraw(self, requirement_id, by, checked_reason(note)))

    def revoke(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        return run_sync(self.arevoke(requirement_id, by=by, note=note))

    async def arevoke(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        """Take a yes back, until its action begins: its gate is asked about again, and a grant that came of it ends.

        NotRevocable for any other answer, and once the action has begun; NotAuthorised for who did not say yes.
        """
        return RunHandle(self, await outside.revoke(self, requirement_id, by, checked_reason(note)))

    # -- what goes on by itself

    def sweep(self) -> tuple[Timer, ...]:
        return run_sync(self.asweep())

    async def asweep(self) -> tuple[Timer, ...]:
        """Fire what is due: an expired question is closed and its action denied. The timers that took effect.

        Then the channels are told, once.
        """
        fired = await sweep(self._parts)
        await notify(self._parts)
        return fired

    def notify(self) -> Told:
        return run_in_background(self.anotify())

    async def anotify(self) -> Told:
        """Tell the channels what there is to tell, once; what a channel does not take is tried again later.

        `awork` does so all the time, `sweep` once. How many notices were sent, given up, and too late to be sent.
        """
        return await notify(self._parts)

    def continue_ready(self) -> tuple[Continued, ...]:
        """Not on the calling thread's own loop, where one plain function would hold up the other runs."""
        return run_in_background(self.acontinue_ready())

    async def acontinue_ready(self) -> tuple[Continued, ...]:
        """Go on with every run that is ready: its questions are answered, or its worker is gone."""
        return await continue_ready(self)

    async def awork(self, stop: asyncio.Event, poll_s: float = POLL_S) -> None:
        """Sweep and continue until `stop` is set; any number of workers may do so on one store.

        What is under way when `stop` is set comes to its pause or end first; cancelled, it is cut off instead.
        """
        await work(self, stop, poll_s)

    # -- cancelling

    def cancel(self, run_id: str, *, by: By = None, reason: str | None = None) -> RunHandle:
        return run_sync(self.acancel(run_id, by=by, reason=reason))

    async def acancel(self, run_id: str, *, by: By = None, reason: str | None = None) -> RunHandle:
        """End a run for good: a later yes changes nothing (law 4). What already began is not undone."""
        actor = None if by is None else self.actor(by, ENGINE)
        return RunHandle(self, await outside.cancel(self._parts, run_id, actor, checked_reason(reason)))

    # -- forgetting

    def prune(self, *, before: int, by: By = None) -> Pruned:
        return run_sync(self.aprune(before=before, by=by))

    async def aprune(self, *, before: int, by: By = None) -> Pruned:
        """Forget done and cancelled runs whose last step is older than `before` (ms); the record keeps its lines.

        Never one that waits, runs or failed, nor one with a call whose end nobody knows.
        """
        return await prune(self._parts, before, self.actor(by, ENGINE))


def unknown(run: Run) -> UnknownRunnable:
    """The error for a run of which this process does not know the agent, team or workflow."""
    msg = f"this process does not know {run.kind} {run.name!r}, to which {run.run_id} belongs"
    return UnknownRunnable(msg, help="import the module that builds it (--app module:engine) and try again")


def event_values(event: Any) -> list[Any]:
    """A stream event's own fields, without the run."""
    return [getattr(event, name) for name in event.__struct_fields__ if name != "run"]
