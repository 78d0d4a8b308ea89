"""The driver: take an event, decide, commit, perform the effects; their results are the next events.

One worker advances a run at a time (lease and fence). Whatever it does to the world, the intent was committed before;
whatever it learns, it commits before going on.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import partial
from typing import Any

from msgspec.structs import replace

from hitl_fsm.core.decide import decide, due
from hitl_fsm.errors import Fenced, HitlError, ModelError, RunNotFound, StoreError, UnknownTool
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import ENGINE, TIMER, Actor
from hitl_fsm.model.answer import Provide
from hitl_fsm.model.call import Call
from hitl_fsm.model.effect import CallModel, Effect, JudgeAgain, RunTools, StartCalls
from hitl_fsm.model.event import Entry, Event
from hitl_fsm.model.message import Message
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING, CallState, RunState
from hitl_fsm.model.verdict import Review, Verdict
from hitl_fsm.ports import Lease
from hitl_fsm.runtime import stream
from hitl_fsm.runtime.ask_model import ask_model
from hitl_fsm.runtime.execute import IDEMPOTENT_ATTEMPTS, acting_until, as_late, execute
from hitl_fsm.runtime.flights import Flights
from hitl_fsm.runtime.in_force import InForce
from hitl_fsm.runtime.judge import judge_now, judge_reply
from hitl_fsm.runtime.late import keep_late, keep_late_soon
from hitl_fsm.runtime.leases import LeaseKeeper, uptime
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.steps import LeaseWord, Loaded, claim, commit
from hitl_fsm.runtime.tools import AnyTool


class Drive:
    """One worker's hold on one run."""

    __slots__ = (
        "_due",
        "_fence",
        "_flights",
        "_held",
        "_in_force",
        "_kept",
        "_leases",
        "_messages",
        "_parts",
        "_publish",
        "_recipe",
        "_run_id",
        "_since",
        "_took",
        "run",
    )

    def __init__(
        self, in_force: InForce, recipe: Recipe, run_id: str, leases: LeaseKeeper, publish: stream.Publish | None
    ) -> None:
        self._in_force = in_force
        self._parts = in_force.parts
        self._recipe = recipe
        self._run_id = run_id
        self._leases = leases
        self._publish = publish
        self._messages: list[Message] = []
        self._due: tuple[Effect, ...] = ()
        self._fence = 0
        self._held = False
        self._kept: Lease | None = None
        self._since = 0.0
        self._took = False
        self._flights = Flights()
        self.run: Run | None = None

    @property
    def has_moved(self) -> bool:
        """Whether it took the run and changed more than what was overdue."""
        return self._took

    # -- entrances

    async def start(self, prompt: str, user: Actor) -> Run:
        """Create the run and advance it until it is paused or ended."""
        return await self._whole(self._start(prompt, user))

    async def resume(self, loaded: Loaded) -> Run:
        """Advance a stored run as far as it goes. With gates still open, or ended, it comes back as it is."""
        return await self._whole(self._resume(loaded))

    async def _whole(self, work: Coroutine[Any, Any, None]) -> Run:
        try:
            await work
        finally:
            await self._let_go()
        self._tell_end()
        return self._now

    async def _start(self, prompt: str, user: Actor) -> None:
        created = events.RunCreated(
            run_id=self._run_id,
            kind=self._recipe.kind,
            name=self._recipe.name,
            input=prompt,
            user=user,
            model=self._recipe.model_name,
            policy_digest=self._parts.policies.digest,
        )
        await self._commit(created, by=user)
        self._tell(stream.RunStarted)
        await self._advance()

    async def _resume(self, loaded: Loaded) -> None:
        self.run, self._messages, self._fence = loaded.run, loaded.messages, loaded.fence
        self._due = due(loaded.run)
        await self._expire_due()
        retried = self.run.state is RunState.FAILED
        if retried:
            await self._commit(events.RunRetried(), by=ENGINE)
        if self.run.state not in RUN_ADVANCING:
            return
        for requirement in () if retried else self._now.requirements:
            self._tell(stream.RequirementResolved, self._for_readers(requirement))
        self._tell(stream.RunContinued)
        await self._advance()

    # -- the loop

    async def _advance(self) -> None:
        while self._due:
            self._parts = await self._in_force.fresh()
            await self._perform(self._due)

    async def _perform(self, effects: Sequence[Effect]) -> None:
        """Do the first thing that is not under way yet; wait for a result when everything is.

        This worker runs only what it committed the intent of itself. A call that it finds executing was started by a
        worker that is gone: nobody knows what became of it, and it is never simply run (law 3).
        """
        for effect in effects:
            match effect:
                case RunTools(call_ids):
                    for call_id in call_ids:
                        if not self._flights.is_own(call_id):
                            await self._settle_lost(call_id)
                            return
                        if not self._flights.is_under_way(call_id):
                            self._fly(self._now.call(call_id))
                case StartCalls(call_ids):
                    await self._start_calls(call_ids)
                    return
                case JudgeAgain(call_ids):
                    await self._judge_again(call_ids)
                    return
                case CallModel(turn):
                    await self._call_model(turn)
                    return
        await self._land()

    async def _commit(self, event: Event, *, by: Actor, verdicts: dict[str, Verdict] | None = None) -> None:
        entry = Entry(
            seq=self.run.version + 1 if self.run else 1,
            at=self._parts.clock.now(),
            by=by,
            event=event,
            verdicts=verdicts or {},
        )
        step = decide(self.run, entry)
        lease: LeaseWord = "keep" if self._held else "take"
        since = uptime()
        try:
            self._fence = await commit(self._parts, self.run, step, entry, lease, self._fence)
        except HitlError:
            raise
        except BaseException:  # cancelled while it was being written: perhaps it was, so let go of what it took
            self._held, self._fence = True, self._fence + (lease == "take")
            raise
        self._held, self._since = step.run.state in RUN_ADVANCING, since
        self._took = self._took or self._held
        self.run, self._due = step.run, step.effects
        self._messages.extend(step.messages)

    @property
    def _now(self) -> Run:
        if self.run is None:
            msg = "the driver has no run yet"
            raise RunNotFound(msg)
        return self.run

    # -- effects

    async def _start_calls(self, call_ids: tuple[str, ...]) -> None:
        """Judge every call that may start in this turn once more (law 15), then commit the intent."""
        ready = [call for call in self._now.calls if call.state is CallState.AUTHORISED]
        changed = {call.call_id: call for call in ready if self._is_changed(call)}
        if changed:
            await self._judge_again(tuple(changed))
            return
        await self._begin(*call_ids)

    async def _judge_again(self, call_ids: tuple[str, ...]) -> None:
        calls = [self._now.call(call_id) for call_id in call_ids]
        reviewed = [call.call_id for call in calls if call.state is CallState.IN_REVIEW]
        versions = {call.call_id: self._tool(call).version for call in calls if call.call_id not in reviewed}
        await self._commit(
            events.VerdictsRevised(self._parts.policies.digest, versions),
            by=ENGINE,
            verdicts={call.call_id: judge_now(self._parts, self._now, call) for call in calls},
        )
        for call_id in reviewed:
            self._tell_call(call_id)

    def _tool(self, call: Call) -> AnyTool:
        tool = self._recipe.tools.get(call.tool)
        if tool is None:
            msg = f"{self._recipe.name} has no tool {call.tool!r} any more; the answer to {call.call_id} is kept"
            raise UnknownTool(msg, help="give the agent that tool again and continue the run, or cancel it")
        return tool

    def _is_changed(self, call: Call) -> bool:
        """Whether the call is another action than the one that was judged, or is judged otherwise now."""
        return self._tool(call).version != call.tool_version or judge_now(self._parts, self._now, call) != call.verdict

    async def _settle_lost(self, call_id: str) -> None:
        """A call that another worker began, and is gone: nobody knows what became of it."""
        call = self._now.call(call_id)
        if self._may_repeat(call):
            await self._begin(call_id)
            return
        gone = not self._parts.may_be_alive(call.worker)
        until = 0 if gone else acting_until(call, self._recipe.tools.get(call.tool))
        await self._commit(events.CallLost(call_id, until), by=ENGINE)

    def _may_repeat(self, call: Call) -> bool:
        """Whether a call of unknown outcome may be tried again: known to be harmless, still allowed, not too often."""
        tool = self._recipe.tools.get(call.tool)
        harmless = tool is not None and (tool.idempotent or tool.dynamic) and call.idempotent
        return harmless and call.attempt - call.sent_back < IDEMPOTENT_ATTEMPTS and not self._is_changed(call)

    async def _begin(self, *call_ids: str) -> None:
        """The intent (law 3)."""
        await self._commit(events.CallsStarted(call_ids, self._parts.worker), by=ENGINE)
        self._flights.begin(*call_ids)

    def _fly(self, call: Call) -> None:
        self._tell(stream.ToolCallStarted, call.call_id, call.tool, deepcopy(call.args or {}))
        tool = self._recipe.tools[call.tool]
        alone = not self._flights
        late = partial(keep_late_soon, self._parts, self._run_id)
        self._flights.fly(call.call_id, execute(tool, self._now, call, self._leases, late, alone=alone))

    async def _land(self) -> None:
        """Commit what came back; where the run is another worker's by now, keep it all the same."""
        self._hold()
        landed = await self._flights.landed()
        while landed:
            call_id, event = landed.pop(0)
            try:
                await self._take_in(call_id, event)
            except Fenced:
                await self._keep_late(call_id, event)
                while landed := landed or await self._flights.landed():  # it acts whether or not anybody listens
                    await self._keep_late(*landed.pop(0))
                raise
            except StoreError:  # a full disk, a server that is away: what is known is told when it is back
                for one_id, one in ((call_id, event), *landed):
                    keep_late_soon(self._parts, self._run_id, as_late(self._now.call(one_id), one))
                raise

    async def _take_in(self, call_id: str, event: Event) -> None:
        if isinstance(event, events.LateResult):
            msg = f"{self._run_id} was taken over before call {call_id} began"
            raise Fenced(msg, help="this worker did not begin it; `hitl-fsm runs show` tells what followed")
        if isinstance(event, events.CallLost) and self._may_repeat(self._now.call(call_id)):
            await self._begin(call_id)
            return
        await self._commit(event, by=ENGINE)
        self._tell_call(call_id)

    async def _keep_late(self, call_id: str, event: Event) -> None:
        """Another worker, or a cancellation, overtook this one: what the tool did is not forgotten."""
        await keep_late(self._parts, self._run_id, as_late(self._now.call(call_id), event))

    async def _call_model(self, turn: int) -> None:
        limit = self._recipe.max_turns
        if limit is not None and turn > limit:
            await self._commit(events.RunStopped(f"The run took more than {limit} turns (max_turns)."), by=ENGINE)
            return
        await self._claim()
        self._tell(stream.StepStarted, turn)
        try:
            self._hold()
            told = None if self._publish is None else partial(self._tell, stream.ContentDelta)
            request = self._recipe.request(self._messages)
            reply = await ask_model(self._recipe.model, request, told, self._parts.log, self._run_id)
        except ModelError as error:
            await self._commit(events.ModelFailed(str(error)), by=ENGINE)
            return
        self._parts = await self._in_force.fresh()  # one set for all calls of the turn
        proposed, verdicts = judge_reply(self._parts, self._recipe.tools, self._now, reply)
        replied = events.ModelReplied(
            text=reply.text, calls=proposed, usage=reply.usage, model=reply.model, echo=reply.echo
        )
        await self._commit(replied, by=ENGINE, verdicts=verdicts)
        for call in proposed:
            self._tell_call(call.call_id, only_ended=True)
        self._tell(stream.StepCompleted, turn)

    async def _expire_due(self) -> None:
        """Time never says yes (law 12): what is overdue is denied before anything else."""
        for requirement in self._now.open_requirements:
            if requirement.expires_at is not None and self._parts.clock.now() >= requirement.expires_at:
                await self._commit(events.RequirementTimedOut(requirement.requirement_id), by=TIMER)

    # -- the lease

    async def _claim(self) -> None:
        """Before what costs money or time and writes nothing first: two who continue one run must not both ask."""
        if self._held:
            return
        since = uptime()
        self._fence = await claim(self._parts, self._now, self._fence)
        self._held, self._took, self._since = True, True, since

    def _hold(self) -> None:
        """What comes may take long: have the lease renewed meanwhile."""
        self._kept = self._lease
        self._leases.hold(self._run_id, self._kept, self._since)

    @property
    def _lease(self) -> Lease:
        return Lease(self._parts.worker, self._fence)

    async def _let_go(self) -> None:
        """Leave nothing running and nothing held, however the loop ended, and however often it is cancelled."""
        try:
            for call_id, event in await self._flights.stopped():
                await self._record_stopped(call_id, event)
        finally:
            if self._kept is not None:  # first of all: a lease that is renewed for ever keeps everybody else away
                self._leases.drop(self._run_id, self._kept)
            if self._held:
                self._held = False
                with suppress(HitlError):  # the lease ends by itself; what stopped the worker matters more
                    await self._parts.store.release(self._run_id, self._lease)

    async def _record_stopped(self, call_id: str, event: Event) -> None:
        """What is known of a call that this worker had to leave; one that may be repeated is left to the next."""
        if isinstance(event, events.CallLost) and self._may_repeat(self._now.call(call_id)):
            return
        with suppress(HitlError):  # what stopped the worker matters more; the next one finds the call without a result
            try:
                await self._take_in(call_id, event)
            except Fenced:
                await self._keep_late(call_id, event)

    # -- telling the reader

    def _tell(self, kind: type[stream.StreamEvent], *values: Any) -> None:
        if self._publish is not None:
            self._publish(kind(self._now, *values))

    def _for_readers(self, requirement: Requirement) -> Requirement:
        """Without what a review is about, also where an answer brought it: a result goes on only by its own event."""
        call, resolution = self._now.call(requirement.call_id), requirement.resolution
        if resolution is not None and any(isinstance(gate, Review) for gate in call.verdict.gates):
            answer = resolution.answer
            if hasattr(answer, "result"):
                resolution = replace(resolution, answer=replace(answer, result=None))
            elif call.dynamic and isinstance(answer, Provide):  # what a person said to the agent is the call's result
                resolution = replace(resolution, answer=replace(answer, values={}))
        return replace(requirement, result=None, resolution=resolution)

    def _tell_call(self, call_id: str, *, only_ended: bool = False) -> None:
        run = self._now
        call = next((c for c in run.calls if c.call_id == call_id), None)
        if call is None or call.state is CallState.IN_REVIEW or (only_ended and call.result is None):
            return
        self._tell(stream.ToolCallCompleted, call.call_id, call.tool, call.state.value, call.result)

    def _tell_end(self) -> None:
        kind, *values = stream.ending(self._now)
        self._tell(kind, *values)
