"""The driver: take an event, decide, commit, perform the effects; their results are the next events.

Whatever runs inside a run (a team's members, a workflow's steps) is advanced by the same worker, side by side.

One worker advances a run at a time (lease and fence). Whatever it does to the world, the intent was committed before;
whatever it learns, it commits before going on.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from hitl_fsm.core.frames import chain, due, turn_of
from hitl_fsm.core.replay import conversation
from hitl_fsm.errors import Fenced, HitlError, ModelError, RunNotFound, StoreError, UnknownTool, WorkflowStopped
from hitl_fsm.model import event as events
from hitl_fsm.model.actor import ENGINE, TIMER, Actor
from hitl_fsm.model.call import Call
from hitl_fsm.model.effect import CallModel, Effect, JudgeAgain, RunTools, StartCalls
from hitl_fsm.model.event import Event
from hitl_fsm.model.message import Message, ModelReply
from hitl_fsm.model.paths import START, frame_of
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CALL_ENDED, RUN_ADVANCING, CallState, RunState
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.runtime.agents.asking import asked, given_up, replied_event
from hitl_fsm.runtime.agents.judge import judge_now, judge_reply, outdated
from hitl_fsm.runtime.agents.within import in_time, stopped
from hitl_fsm.runtime.beginning import START_TOOL, start_verdicts
from hitl_fsm.runtime.entering import enter
from hitl_fsm.runtime.execute import IDEMPOTENT_ATTEMPTS, acting_until, execute, taken_over, unseen_arguments
from hitl_fsm.runtime.flights import Flights, Landed
from hitl_fsm.runtime.hold import Hold
from hitl_fsm.runtime.late import keep_all_late, keep_all_soon, keep_landing, keep_late_soon
from hitl_fsm.runtime.leases import LeaseKeeper
from hitl_fsm.runtime.outgoing.copied import Ahead, once_copied
from hitl_fsm.runtime.people.grants import revoked_for, unless_gone
from hitl_fsm.runtime.policies.in_force import InForce
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.steps import Loaded
from hitl_fsm.runtime.streaming import stream
from hitl_fsm.runtime.streaming.telling import Telling
from hitl_fsm.runtime.tools.tool import AnyTool

_AHEAD = frozenset({CallState.GATED, CallState.AUTHORISED})


class Drive:
    """One worker's hold on one run."""

    __slots__ = (
        "_ahead",
        "_due",
        "_flights",
        "_gone",
        "_hold",
        "_in_force",
        "_leases",
        "_messages",
        "_parts",
        "_recipe",
        "_run_id",
        "_telling",
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
        self._hold = Hold(self._parts, run_id, leases)
        self._ahead = Ahead(self._parts, self._hold)
        self._telling = Telling(publish)
        self._messages: list[Message] = []
        self._due: tuple[Effect, ...] = ()
        self._flights = Flights()
        self._gone: set[str] = set()
        self.run: Run | None = None

    @property
    def has_moved(self) -> bool:
        """Whether it took the run and changed more than what was overdue."""
        return self._hold.has_taken

    # -- entrances

    async def start(self, created: events.RunCreated, by: Actor) -> Run:
        """Create the run and advance it until it is paused or ended."""
        return await self._whole(self._start(created, by))

    async def resume(self, loaded: Loaded) -> Run:
        """Advance a stored run as far as it goes. With gates still open, or ended, it comes back as it is."""
        return await self._whole(self._resume(loaded))

    async def _whole(self, work: Coroutine[Any, Any, None]) -> Run:
        try:
            await work
        finally:
            await self._let_go()
        await self._ahead.follow()
        self._telling.end(self._now)
        return self._now

    async def _start(self, created: events.RunCreated, by: Actor) -> None:
        await self._recipe.ready(created.context)
        await self._commit(created, by=by, verdicts=start_verdicts(self._parts, created))
        self._telling.tell(stream.RunStarted, self._now)
        await self._advance()

    async def _resume(self, loaded: Loaded) -> None:
        self.run, self._messages, self._hold.fence = loaded.run, loaded.messages, loaded.fence
        self._due = due(loaded.run)
        await self._expire_due()
        retried = self.run.state is RunState.FAILED
        if retried:
            await self._commit(events.RunRetried(), by=ENGINE)
        if self.run.state not in RUN_ADVANCING:
            return
        for requirement in () if retried else self._now.requirements:
            self._telling.resolved(self._now, requirement)
        self._telling.tell(stream.RunContinued, self._now)
        await self._recipe.opened()
        await self._advance()

    # -- the loop

    async def _advance(self) -> None:
        while self._due:
            try:
                await self._look_at_policies()
                await self._perform(self._due)
            except Fenced:
                await keep_landing(self._parts, self._now, self._flights)
                raise
            except HitlError:  # whatever keeps one of them from going on, a tool beside it is not cut off
                await self._land_calls()
                raise

    async def _perform(self, effects: Sequence[Effect]) -> None:
        """Do the first thing that is not under way yet; wait for a result when everything is.

        This worker runs only what it committed the intent of itself. A call that it finds executing was started by a
        worker that is gone: nobody knows what became of it, and it is never simply run (law 3).
        """
        for effect in self._ahead.in_turn(self._now, effects):
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
                case CallModel(turn, frame):
                    if not self._flights.is_asked(frame) and await self._ask_for(turn, frame, alone=len(effects) == 1):
                        return
        await self._land()

    async def _commit(self, event: Event, *, by: Actor, verdicts: dict[str, Verdict] | None = None) -> None:
        before = self.run
        write = partial(self._hold.commit, self._parts, before)
        (_, step), _ = await enter(self._parts, before, event, by, verdicts or {}, write)
        self.run, self._due = step.run, step.effects
        self._messages = conversation(before, step.run, self._messages, step.messages)

    @property
    def _now(self) -> Run:
        if self.run is None:
            msg = "the driver has no run yet"
            raise RunNotFound(msg)
        return self.run

    # -- effects

    async def _start_calls(self, call_ids: tuple[str, ...]) -> None:
        """Judge every call that may start in this turn once more (law 15), then commit the intent."""
        if not await self._ahead.is_clear(self._now, call_ids, self._flights, self._land):
            return
        ready = [call for call in self._now.calls if call.state is CallState.AUTHORISED]
        revoked = {call.call_id: await revoked_for(self._parts, call) for call in ready}
        changed = tuple(call.call_id for call in ready if revoked[call.call_id] or self._is_changed(call))
        if changed:
            await self._judge_again(changed, frozenset().union(*revoked.values()))
            return
        await self._begin(*call_ids)  # if it does not, the next look finds what was revoked

    async def _look_at_policies(self) -> None:
        """Those of this moment hold from here on, for what runs below are at as well (law 15)."""
        self._parts = await self._in_force.fresh()
        if call_ids := outdated(self._parts, self._now):
            await self._judge_again(call_ids)

    async def _judge_again(self, call_ids: tuple[str, ...], revoked: frozenset[str] = frozenset()) -> None:
        calls = [self._now.call(call_id) for call_id in call_ids]
        reviewed = [call.call_id for call in calls if call.state is CallState.IN_REVIEW]
        versions = {call.call_id: self._tool(call).version for call in calls if call.state in _AHEAD}
        await self._commit(
            events.VerdictsRevised(self._parts.policies.digest, versions, tuple(sorted(revoked))),
            by=ENGINE,
            verdicts={call.call_id: judge_now(self._parts, self._now, call) for call in calls},
        )
        for call_id in reviewed:
            self._telling.call_ended(self._now, call_id)

    def _recipe_at(self, frame: str) -> Recipe:
        """That of the run inside this one; UnknownRunnable where it is gone."""
        return self._recipe.down(chain(self._now, frame)) if frame else self._recipe

    def _tool_now(self, call: Call) -> AnyTool | None:
        """The call's tool, if there still is one."""
        return START_TOOL if call.call_id == START else self._recipe_at(frame_of(call.call_id)).tools.get(call.tool)

    def _tool(self, call: Call) -> AnyTool:
        tool = self._tool_now(call)
        if tool is None:
            name = self._recipe_at(frame_of(call.call_id)).name
            msg = f"{name} has no tool {call.tool!r} any more; the answer to {call.call_id} is kept"
            raise UnknownTool(msg, help="give the agent that tool again and continue the run, or cancel it")
        self._recipe_at(frame_of(call.call_id)).require_as_judged(call)
        return tool

    def _is_changed(self, call: Call) -> bool:
        """Whether the call is another action than the one that was judged, or is judged otherwise now.

        One whose tool has arguments by now that were not among those is refused, and nobody is asked about it before.
        """
        tool = self._tool(call)
        other = tool.version != call.tool_version and not unseen_arguments(tool, call)
        return other or judge_now(self._parts, self._now, call) != call.verdict

    async def _settle_lost(self, call_id: str) -> None:
        """A call that another worker began, and is gone: nobody knows what became of it."""
        call = self._now.call(call_id)
        if await self._may_begin_again(call) and await self._begin(call_id):
            return
        gone = not self._parts.may_be_alive(call.worker)
        until = 0 if gone else acting_until(call, self._tool_now(call))
        await self._commit(events.CallLost(call_id, until), by=ENGINE)

    def _may_repeat(self, call: Call) -> bool:
        """Whether a call of unknown outcome may be tried again: known to be harmless, still allowed, not too often."""
        tool = self._tool_now(call)
        if tool is None or unseen_arguments(tool, call):
            return False
        harmless = (tool.idempotent or tool.dynamic) and call.idempotent
        return harmless and call.attempt - call.sent_back < IDEMPOTENT_ATTEMPTS and not self._is_changed(call)

    async def _may_begin_again(self, call: Call) -> bool:
        """So too, and what it relies on was not taken back."""
        return self._may_repeat(call) and not await revoked_for(self._parts, call)

    async def _begin(self, *call_ids: str) -> bool:
        """The intent (law 3). False, and nothing begins, where a grant that one relies on was revoked this moment."""
        intent = self._commit(events.CallsStarted(call_ids, self._parts.worker), by=ENGINE)
        if not await unless_gone(intent, self._gone):
            return False
        calls = [self._now.call(call_id) for call_id in call_ids]
        self._flights.begin(*(call.call_id for call in calls if call.below is None))
        for call in calls:
            self._telling.call_started(self._now, call)
        return True

    def _fly(self, call: Call) -> None:
        tool = self._tool(call)
        alone = not self._flights
        late = partial(keep_late_soon, self._parts, self._run_id)
        hooks = self._recipe_at(frame_of(call.call_id)).hooks
        work = partial(execute, tool, self._now, call, self._leases, late, alone=alone, hooks=hooks)
        self._flights.fly(call.call_id, once_copied(self._parts.copies, call, work))

    async def _land(self) -> None:
        """Commit what came back; where the run is another worker's by now, keep it all the same."""
        self._hold.renew()
        landed, replies = await self._flights.landed()
        while landed:
            call_id, event = landed.pop(0)
            try:
                await self._take_in(call_id, event)
            except Fenced:
                await keep_all_late(self._parts, self._now, [(call_id, event), *landed])
                raise
            except StoreError:  # a full disk, a server that is away: what is known is told when it is back
                keep_all_soon(self._parts, self._now, [(call_id, event), *landed])
                raise
        for frame, reply in replies:
            if not isinstance(reply, Exception):
                await self._take_reply(frame, reply)
        if failed := [reply for _, reply in replies if isinstance(reply, Exception)]:
            raise failed[0]

    async def _land_calls(self) -> None:
        """Nothing new begins; what tools come to that are under way is committed, or at least kept."""
        while self._flights.carries_calls:
            try:
                await self._land()
            except Fenced:
                await keep_landing(self._parts, self._now, self._flights)
            except HitlError as error:  # the first one is told to who asked; this one to the log
                self._parts.log("beside_an_error", level="warning", run=self._run_id, error=str(error))

    async def _take_in(self, call_id: str, event: Event) -> None:
        if isinstance(event, events.LateResult):
            raise taken_over(self._run_id, call_id)
        lost = isinstance(event, events.CallLost)
        if lost and await self._may_begin_again(self._now.call(call_id)) and await self._begin(call_id):
            return
        await self._commit(event, by=ENGINE)
        self._telling.call_ended(self._now, call_id)

    async def _ask_for(self, turn: int, frame: str, *, alone: bool) -> bool:
        """Ask a model for a turn: `alone`, until it is taken in; else beside all else. Whether the run moved."""
        over = stopped(self._recipe, self._now, frame, turn, self._parts.clock.now())
        if over is not None:
            await self._commit(over, by=ENGINE)
            return True
        await self._hold.claim(self._now)
        self._telling.turn(stream.StepStarted, self._now, self._now, self._recipe_at(frame).kind, turn, frame)
        if alone:
            await self._take_reply(frame, await self._ask(frame))
        else:
            self._flights.ask(frame, self._ask(frame))
        return alone

    async def _ask(self, frame: str) -> Landed:
        recipe = self._recipe_at(frame)
        self._hold.renew()
        told = self._telling.on_text(lambda: self._now, frame)
        said = [message for message in self._messages if message.frame == frame]
        work = asked(recipe, self._now, frame, said, told, self._parts.log)
        try:
            return await in_time(work, self._recipe, self._now, frame, self._parts.clock.now())
        except WorkflowStopped as error:  # its plan ends so, and asking again would not change that
            return events.RunStopped(error.message, frame)
        except ModelError as error:
            return events.ModelFailed(str(error), frame)

    async def _take_reply(self, frame: str, reply: Landed) -> None:
        """What a model said, judged; or that it failed."""
        if not isinstance(reply, ModelReply):
            await self._commit(reply, by=ENGINE)
            return
        recipe, above = self._recipe_at(frame), chain(self._now, frame)
        await self._look_at_policies()  # one set for all calls of the turn
        proposed, verdicts = judge_reply(self._parts, recipe, self._now, frame, reply)
        replied = replied_event(recipe, reply, proposed, frame)
        turn, before = turn_of(self._now, frame) + 1, self._now
        await self._commit(replied, by=ENGINE, verdicts=verdicts)
        for one in proposed if self._telling.is_heard else ():
            if self._now.call(one.call_id).state in CALL_ENDED:
                self._telling.call_ended(self._now, one.call_id)
        if (end := given_up(recipe, reply, frame, self._messages)) is not None:
            await self._commit(end, by=ENGINE)
        self._telling.turn(stream.StepCompleted, self._now, before, recipe.kind, turn, frame)
        if above and not proposed and not (reply.refused and end is None):
            self._telling.call_ended(self._now, above[-1].call_id)

    async def _expire_due(self) -> None:
        """Time never says yes (law 12): what is overdue is denied before anything else."""
        for requirement in self._now.open_requirements:
            if (requirement.expires_at or math.inf) <= self._parts.clock.now():
                await self._commit(events.RequirementTimedOut(requirement.requirement_id), by=TIMER)

    # -- the end

    async def _let_go(self) -> None:
        """Leave nothing running and nothing held, however the loop ended, and however often it is cancelled."""
        try:
            for call_id, event in await self._flights.stopped():
                await self._record_stopped(call_id, event)
        finally:
            await self._hold.let_go()

    async def _record_stopped(self, call_id: str, event: Event) -> None:
        """What is known of a call that this worker had to leave; one that may be repeated is left to the next."""
        if isinstance(event, events.CallLost) and self._may_repeat(self._now.call(call_id)):
            return
        with suppress(HitlError):  # what stopped the worker matters more; the next one finds the call without a result
            try:
                await self._take_in(call_id, event)
            except Fenced:
                await keep_all_late(self._parts, self._now, [(call_id, event)])
