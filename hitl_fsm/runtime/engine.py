"""The engine, as its users see it: surfaces answer through `resolve` and move runs through `advance` (law 14)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, overload

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.answer import Answer
from hitl_fsm.model.context import CallContext
from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.runtime.agents.context import Variables, checked_context
from hitl_fsm.runtime.agents.judge import own_verdict
from hitl_fsm.runtime.beginning import Given
from hitl_fsm.runtime.door import Door
from hitl_fsm.runtime.gate import Gated, P, R_co, gated
from hitl_fsm.runtime.given import checked_actor, checked_input, checked_name, checked_prompt, checked_reason
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.handles import RunHandle
from hitl_fsm.runtime.loop import run_in_background, run_sync
from hitl_fsm.runtime.outgoing.notices import Notices
from hitl_fsm.runtime.outgoing.outbox import Told, notify
from hitl_fsm.runtime.outgoing.routes import Routes
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.people.delegations import Delegations
from hitl_fsm.runtime.people.grants import Grants
from hitl_fsm.runtime.people.overrides import Overrides
from hitl_fsm.runtime.people.viewing import APPLICATION, view
from hitl_fsm.runtime.policies.in_force import Reloaded
from hitl_fsm.runtime.prune import Pruned, prune
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.record.keeping import Keeping
from hitl_fsm.runtime.streaming.stream import Publish
from hitl_fsm.runtime.sweep import sweep
from hitl_fsm.runtime.views import Inbox, Runs
from hitl_fsm.runtime.work import POLL_S, Continued, continue_ready, work

if TYPE_CHECKING:
    from hitl_fsm.policy.explain import Explanation
    from hitl_fsm.runtime.presenting.presentation import Presentation


class Engine(Ground):
    """Ports, policies and the runs under them. Built by `connect.Engine`, or from `Parts` directly."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.door = Door(self)
        self.inbox = Inbox(self.door)
        self.runs = Runs(self.door)
        self.audit = Keeping(self)
        self.routes = Routes(self.door)
        self.grants = Grants(self)
        self.overrides = Overrides(self)
        self.delegations = Delegations(self)
        self.notices = Notices(self)

    def evaluate(self, tool: str, args: dict[str, Any], *, user: By = None) -> Verdict:
        """What the policies say of an action; nothing else happens."""
        return own_verdict(self.policies.evaluate(self._action(tool, args, user), default=self.parts.default))

    def explain(self, tool: str, args: dict[str, Any], *, user: By = None) -> Explanation:
        """How the policies come to that verdict, rule by rule and condition by condition; nothing else happens."""
        from hitl_fsm.policy.explain import explain  # noqa: PLC0415 - no run needs it

        return explain(self.policies, self._action(tool, args, user), self.parts.default)

    def _action(self, tool: str, args: dict[str, Any], user: By) -> Action:
        actor = self.actor(user, Actor(id="user"))
        return Action(tool=tool, args=args, user=actor, now=self.parts.clock.now())

    @overload
    def gate(self, fn: Callable[Concatenate[CallContext, P], R_co]) -> Gated[P, R_co]: ...

    @overload
    def gate(self, fn: Callable[P, R_co]) -> Gated[P, R_co]: ...

    def gate(self, fn: Callable[..., Any]) -> Gated[..., Any]:
        """Put a bare callable under the policies, without an agent."""
        return gated(self.door, fn)

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
        return self._handle(await self.door.start(recipe, given, publish))

    def fork(self, run_id: str, at_step: int, *, by: By = None) -> RunHandle:
        return run_sync(self.afork(run_id, at_step, by=by))

    async def afork(self, run_id: str, at_step: int, *, by: By = None) -> RunHandle:
        """Go on from an earlier point of a run as a new one: after `at_step` turns of its own model; 0 is its start.

        The run itself stays as it is, and what was done until then is not done again. What people rejected in it stays
        rejected. ForkRefused where it never stood there, UnknownRunnable where nobody here knows what it is of.
        """
        return self._handle(await self.door.fork(run_id, at_step, by))

    async def aadvance(
        self, run_id: str, publish: Publish | None = None, *, expected: Recipe | None = None
    ) -> RunHandle:
        """Go on with a run as far as its gates allow. Ended or waiting, it comes back as it is; failed, it is retried.

        `expected`: whose run it must be; UnknownRunnable if it is another's.
        """
        return self._handle(await self.door.advance(run_id, publish, expected))

    def advance(self, run_id: str) -> RunHandle:
        return run_sync(self.aadvance(run_id))

    def _handle(self, run: Run) -> RunHandle:
        return RunHandle(self.door, run)

    # -- policies

    def reload_policies(self, *, by: By = None, reason: str | None = None) -> Reloaded:
        return run_sync(self.areload_policies(by=by, reason=reason))

    async def areload_policies(self, *, by: By = None, reason: str | None = None) -> Reloaded:
        """Read the policy files now; what loads is in force when this returns, what does not changes nothing.

        Raises SettingsError where the policies are not from files, StoreError if the set cannot be kept.
        """
        return await self.in_force.reload(self.actor(by, ENGINE), checked_reason(reason) or "asked for")

    # -- answers

    def view(self, requirement_id: str, *, by: By = None, surface: str = APPLICATION) -> Presentation:
        return run_sync(self.aview(requirement_id, by=by, surface=surface))

    async def aview(self, requirement_id: str, *, by: By = None, surface: str = APPLICATION) -> Presentation:
        """All that there is to see of a question, for `by` to look at: that somebody looked is on the record first."""
        return await view(self, requirement_id, by, checked_name(surface, "the surface"))

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
        return self._handle(await self.door.resolve(requirement_id, answer, by, digest, presented))

    def withdraw(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        return run_sync(self.awithdraw(requirement_id, by=by, note=note))

    async def awithdraw(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        """Take the own vote back, while the question is open. NotAuthorised for who did not vote, AlreadyResolved."""
        return self._handle(await self.door.withdraw(requirement_id, by, note))

    def revoke(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        return run_sync(self.arevoke(requirement_id, by=by, note=note))

    async def arevoke(self, requirement_id: str, *, by: By = None, note: str | None = None) -> RunHandle:
        """Take a yes back, until its action begins: its gate is asked about again, and a grant that came of it ends.

        NotRevocable for any other answer, and once the action has begun; NotAuthorised for who did not say yes.
        """
        return self._handle(await self.door.revoke(requirement_id, by, note))

    # -- what goes on by itself

    def sweep(self) -> tuple[Timer, ...]:
        return run_sync(self.asweep())

    async def asweep(self) -> tuple[Timer, ...]:
        """Fire what is due: an expired question is closed and its action denied. The timers that took effect.

        Then the channels are told, once.
        """
        fired = await sweep(self.parts)
        await notify(self.parts)
        if self.parts.copies is not None:
            await self.parts.copies.soon()
        return fired

    def notify(self) -> Told:
        return run_in_background(self.anotify())

    async def anotify(self) -> Told:
        """Tell the channels what there is to tell, once; what a channel does not take is tried again later.

        `awork` does so all the time, `sweep` once. How many notices were sent, given up, and too late to be sent.
        """
        return await notify(self.parts)

    def continue_ready(self) -> tuple[Continued, ...]:
        """Not on the calling thread's own loop, where one plain function would hold up the other runs."""
        return run_in_background(self.acontinue_ready())

    async def acontinue_ready(self) -> tuple[Continued, ...]:
        """Go on with every run that is ready: its questions are answered, or its worker is gone."""
        return await continue_ready(self.door, self.routes)

    async def awork(self, stop: asyncio.Event, poll_s: float = POLL_S) -> None:
        """Sweep and continue until `stop` is set; any number of workers may do so on one store.

        What is under way when `stop` is set comes to its pause or end first; cancelled, it is cut off instead.
        """
        await work(self.door, self.routes, stop, poll_s)

    # -- cancelling

    def cancel(self, run_id: str, *, by: By = None, reason: str | None = None) -> RunHandle:
        return run_sync(self.acancel(run_id, by=by, reason=reason))

    async def acancel(self, run_id: str, *, by: By = None, reason: str | None = None) -> RunHandle:
        """End a run for good: a later yes changes nothing (law 4). What already began is not undone."""
        actor = None if by is None else self.actor(by, ENGINE)
        return self._handle(await self.door.cancel(run_id, actor, reason))

    # -- forgetting

    def prune(self, *, before: int, by: By = None) -> Pruned:
        return run_sync(self.aprune(before=before, by=by))

    async def aprune(self, *, before: int, by: By = None) -> Pruned:
        """Forget done and cancelled runs whose last step is older than `before` (ms); the record keeps its lines.

        Never one that waits, runs or failed, nor one with a call whose end nobody knows.
        """
        return await prune(self.parts, before, self.actor(by, ENGINE))
