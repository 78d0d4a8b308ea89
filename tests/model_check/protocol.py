"""The protocol of one gated call, as a specification: workers that may die or stand still, a person, time, a store.

What is real: the run and all of its steps (`core_runs`). What is modelled, each in a few lines: the store's compare and
swap over version, fence and lease; a worker's way from the committed intent over the tool to the committed result; what
it does when it was overtaken; who may answer when; and who wakes a worker. The faults are of this model, one flag each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from core_runs import Key, effects_due, happened, is_outcome, look, paused_run, time_passed
from explore import Move

from hitl_fsm.model.effect import CallModel, RunTools, StartCalls
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RUN_ADVANCING, RUN_ENDED, CallState, RequirementState, RunState
from hitl_fsm.runtime.execute import IDEMPOTENT_ATTEMPTS

Fault = Literal[
    "none",
    "no fence",
    "no reconciler",
    "queue lock shared with a timer",
    "intent after effect",
    "outcome answered too early",
    "start without looking at the lease",
]

NOBODY = ""
DEAD = "dead"
"""A process that was killed: it does nothing any more, but what it held is still held."""
MANY = 4
"""Effects are counted up to here."""


class Setting(NamedTuple):
    """What is explored. `same_host`: it can be seen at once that a worker is dead, not only when its lease ends."""

    idempotent: bool = False
    expires: bool = False
    same_host: bool = True
    crashes: int = 3
    stops: int = 1
    fault: Fault = "none"


class Worker(NamedTuple):
    """Where it is: idle, deciding, asking (the model), begun (its intent is on disk), acting (in the tool), acted,
    overtaken, unbegun.

    `run` is its copy; `fresh`: nobody has moved the run since. `intent`: it committed one; `attempt`: of which start.
    """

    place: str = "idle"
    run: Key = b""
    fresh: bool = False
    intent: bool = False
    attempt: int = 0


IDLE = Worker()


class World(NamedTuple):
    """The store's row (run, holder, whether the lease still runs), the workers, the outside, and what was promised.

    `acted` counts effects in the outside world, `starter` is who committed the last intent. `approved`, `refused` and
    `lied` are what the person did; `hint` and `lock` are a queue's, where a fault makes the protocol rely on one.
    """

    run: Key
    workers: tuple[Worker, ...] = (IDLE, IDLE)
    holder: str = NOBODY
    leased: bool = False
    starter: str = NOBODY
    acted: int = 0
    approved: bool = False
    refused: bool = False
    lied: bool = False
    crashes: int = 0
    stops: int = 0
    hint: bool = False
    lock: str = NOBODY


Moves = Iterator[Move[World]]


class Protocol:
    """Which moves are possible in a world."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.fault = setting.fault

    def begin(self) -> World:
        return World(paused_run(idempotent=self.setting.idempotent, expires=self.setting.expires))

    def alike(self, world: World) -> World:
        """One of the two worlds that differ only in which worker is called which."""
        if world.workers[0] <= world.workers[1]:
            return world
        names = {"0": "1", "1": "0"}
        holder, starter, lock = (names.get(name, name) for name in (world.holder, world.starter, world.lock))
        return world._replace(workers=world.workers[::-1], holder=holder, starter=starter, lock=lock)

    @staticmethod
    def is_end(world: World) -> bool:
        return look(world.run).state in RUN_ENDED

    def moves(self, world: World) -> Moves:
        for me in range(len(world.workers)):
            yield from self._worker(world, me)
            yield from self._timer_job(world, me)
            yield from self._mishaps(world, me)
        yield from self._person(world)
        yield from self._time(world)

    # -- the store

    def _committed(self, world: World, after: Key, *, by: int | None, holder: str = NOBODY) -> World:
        """The row after a commit: everybody else's copy is stale now; a run that waits or has ended is nobody's."""
        state = look(after).state
        held = holder if state in RUN_ADVANCING else NOBODY
        workers = tuple(
            worker if worker == IDLE else worker._replace(fresh=True, run=after) if place == by else self._stale(worker)
            for place, worker in enumerate(world.workers)
        )
        woken = state in RUN_ADVANCING and look(world.run).state not in RUN_ADVANCING
        hint = world.hint or (woken and self.fault == "no reconciler")
        return world._replace(run=after, workers=workers, holder=held, leased=held != NOBODY, hint=hint)

    def _stale(self, worker: Worker) -> Worker:
        """What an old copy says is rubbed out: whatever it leads to is fenced. Unless that is the fault."""
        return worker._replace(fresh=False, run=worker.run if self.fault == "no fence" else b"")

    def _work_commit(self, world: World, me: int, name: str, place: str) -> Move[World]:
        """A worker's commit: take or keep the lease, at the version and fence that it has seen, or be fenced."""
        worker, mine = world.workers[me], str(me)
        if refusal := self._refusal(world, me):
            return self._now(world, me, self._overtaken(worker) if refusal == "fenced" else IDLE, f"{name}: {refusal}")
        after = happened(worker.run, name)
        if after is None:
            return self._now(world, me, IDLE, f"{name}: refused by the core")
        wrong = never_undone(world.run, after)
        if name == "started":
            wrong = wrong or ("a call is started after a refusal" if world.refused else "")
            worker = worker._replace(intent=True, attempt=look(after).calls[0].attempt)
            world = world._replace(starter=mine)
        else:
            worker = worker._replace(intent=False, attempt=0)
        world = self._put(world, me, worker._replace(place=place))
        return Move(f"worker {me}: commits {name}", self._committed(world, after, by=me, holder=mine), wrong=wrong)

    def _refusal(self, world: World, me: int) -> str:
        """Who has begun or claimed keeps the lease, and may be fenced; who has not takes it, and may meet another."""
        worker = world.workers[me]
        keeps = worker.intent or worker.place == "asking"
        if not keeps and world.holder != str(me) and self._is_held(world):
            return "refused, busy"
        fenced = not worker.fresh or (keeps and world.holder != str(me))
        return "fenced" * (fenced and self.fault != "no fence")

    def _is_held(self, world: World) -> bool:
        """By a worker that may be alive, under a lease that has not ended."""
        if world.holder == DEAD and self.setting.same_host:
            return False
        return world.holder != NOBODY and world.leased

    # -- a worker

    def _worker(self, world: World, me: int) -> Moves:
        worker = world.workers[me]
        match worker.place:
            case "idle":
                if self._is_ready(world):
                    copy = Worker("deciding", world.run, fresh=True)
                    yield self._now(world._replace(hint=False), me, copy, "takes up the run")
            case "deciding" if worker.run:
                yield self._next(world, me)
            case "deciding":
                yield self._now(world, me, IDLE, "is fenced, whatever it was about to commit")
            case "asking":
                yield self._work_commit(world, me, "said", "deciding")
            case "begun":
                yield self._guarded(world, me)
            case "acting":
                yield self._effect(world, me)
            case "acted":
                name = "started" if not worker.intent else "returned"
                yield self._work_commit(world, me, name, "acted" if name == "started" else "deciding")
            case "overtaken" | "unbegun":
                yield from self._late(world, me)

    def _is_ready(self, world: World) -> bool:
        """What a reconciler finds: a run that could go on, which no live worker holds."""
        if look(world.run).state not in RUN_ADVANCING or self._is_held(world) or world.lock != NOBODY:
            return False
        return world.hint or self.fault != "no reconciler"

    def _next(self, world: World, me: int) -> Move[World]:
        """As the driver does: ask the core what is due, commit the intent or the model's word."""
        worker = world.workers[me]
        due = effects_due(worker.run)
        match due[0] if due else None:
            case StartCalls() if self.fault == "intent after effect":
                return self._now(world, me, worker._replace(place="acting"), "begins at once")
            case StartCalls():
                return self._work_commit(world, me, "started", "begun")
            case RunTools():
                return self._settle_lost(world, me)
            case CallModel() if world.holder == str(me):
                return self._now(world, me, worker._replace(place="asking"), "asks the model")
            case CallModel():
                return self._claim(world, me)
            case _:
                return self._now(world, me, IDLE, "is through")

    def _claim(self, world: World, me: int) -> Move[World]:
        """It takes the run without moving it, so that no other asks the model too: only the fence tells of it."""
        worker = world.workers[me]
        if refusal := self._refusal(world, me):
            return self._now(world, me, IDLE, f"claim: {refusal}")
        world = self._put(world, me, worker._replace(place="asking"))
        return Move(f"worker {me}: claims the run", self._committed(world, world.run, by=me, holder=str(me)))

    def _settle_lost(self, world: World, me: int) -> Move[World]:
        """It finds a call that somebody else began."""
        call = look(world.workers[me].run).calls[0]
        if call.idempotent and call.attempt < IDEMPOTENT_ATTEMPTS:
            return self._work_commit(world, me, "started", "begun")
        gone = world.starter == DEAD and self.setting.same_host
        known = gone or self.fault == "outcome answered too early"
        return self._work_commit(world, me, "lost, and dead" if known else "lost, and perhaps alive", "deciding")

    def _guarded(self, world: World, me: int) -> Move[World]:
        """Before the tool begins: is the run surely still this worker's? If unsure it renews, or does not begin."""
        worker = world.workers[me]
        if world.holder == str(me) or self.fault == "start without looking at the lease":
            renewed = world._replace(leased=world.leased or world.holder == str(me))
            return self._now(renewed, me, worker._replace(place="acting"), "enters the tool")
        return self._now(world, me, worker._replace(place="unbegun"), "does not begin: it lost the run")

    def _effect(self, world: World, me: int) -> Move[World]:
        """The one thing that cannot be taken back. An idempotent tool may be tried again, but not for ever."""
        worker = world.workers[me]
        acted, allowed, wrong = min(world.acted + 1, MANY), 1, ""
        if self.setting.idempotent:
            allowed = IDEMPOTENT_ATTEMPTS
        if acted > allowed and not world.lied:
            wrong = f"the effect happens {acted} times, though nobody said that it had not happened"
        elif not world.approved:
            wrong = "the effect happens without an approval"
        elif world.refused and not worker.intent:
            wrong = "the effect happens after a refusal, and had not begun before"
        after = self._put(world._replace(acted=acted), me, worker._replace(place="acted"))
        return Move(f"worker {me}: THE EFFECT happens", after, wrong=wrong)

    def _overtaken(self, worker: Worker) -> Worker:
        if worker.place != "acted":
            return IDLE
        return worker._replace(place="overtaken", run=b"", fresh=False)

    def _late(self, world: World, me: int) -> Moves:
        """It tells the run what it knows when that disturbs nobody, or in the end the record alone."""
        worker = world.workers[me]
        if look(world.run).state not in RUN_ADVANCING or world.holder in {NOBODY, DEAD}:
            name = "late: paid" if worker.place == "overtaken" else "late: not begun"
            yield self._outside(self._put(world, me, IDLE), name, f"worker {me}", worker.attempt)
        yield self._now(world, me, IDLE, "tells the record alone")

    def _mishaps(self, world: World, me: int) -> Moves:
        """It is killed; or it stands still until its lease has ended, and then goes on as if nothing had been."""
        mine = str(me)
        if world.workers[me] != IDLE and world.crashes < self.setting.crashes:
            after = self._put(world, me, IDLE)._replace(crashes=world.crashes + 1)
            yield Move(f"worker {me} is killed", after._replace(**dead(world, mine)), wanted=False)
        if world.holder == mine and world.leased and world.stops < self.setting.stops:
            after = world._replace(leased=False, stops=world.stops + 1)
            yield Move(f"worker {me} stands still past its lease", after, wanted=False)

    # -- a person

    def _person(self, world: World) -> Moves:
        run = look(world.run)
        if run.state not in {RunState.DONE, RunState.CANCELLED}:
            yield self._outside(world._replace(refused=True), "cancelled", "somebody", wanted=False)
        for question in run.open_requirements:
            if is_outcome(question):
                yield from self._outcome(world)
            elif not is_expired(question):
                yield self._outside(world._replace(approved=True), "approve", "somebody")
                yield self._outside(world._replace(refused=True), "reject", "somebody")

    def _outcome(self, world: World) -> Moves:
        """The truth is what a look at the outside world tells at this moment."""
        truth, lie = ("it happened", "it did not happen") if world.acted else ("it did not happen", "it happened")
        told = world._replace(lied=world.lied or lie == "it did not happen")
        for name, before, wanted in ((truth, world, True), ("give up", world, True), (lie, told, False)):
            if happened(world.run, name) is not None:  # None: too early, the old worker may still act
                yield self._outside(before, name, "somebody" if wanted else "a liar", wanted=wanted)

    # -- time

    def _time(self, world: World) -> Moves:
        """A dead worker's lease ends; questions expire; and a worker that may still act has ended."""
        if world.holder == DEAD and world.leased:
            yield Move("the dead worker's lease ends", world._replace(leased=False))
        questions = look(world.run).open_requirements
        to_come = any(q.answerable_from or (q.expires_at and not is_expired(q)) for q in questions)
        in_tool = any(worker.place == "acting" for worker in world.workers)
        if to_come and not in_tool:  # no tool is slower than its time and the longest pause of its worker
            workers = tuple(w._replace(run=time_passed(w.run)) if w.run else w for w in world.workers)
            yield Move("time passes", world._replace(run=time_passed(world.run), workers=workers))
        if any(is_expired(q) for q in questions) and self.fault != "queue lock shared with a timer":
            yield self._outside(world._replace(refused=True), "timed out", "the sweeper")

    def _timer_job(self, world: World, me: int) -> Moves:
        """The fault: the timer is a job of a queue, under the same lock as the run's jobs. A lock has no lease."""
        if world.workers[me].place == "timer":
            yield self._fire(world, me)
        elif self.fault == "queue lock shared with a timer" and world.lock == NOBODY and world.workers[me] == IDLE:
            due = any(q.expires_at is not None and is_expired(q) for q in look(world.run).requirements)
            if due and not self.is_end(world):
                locked = world._replace(lock=str(me))
                yield self._now(locked, me, Worker("timer"), "takes the timer's job, and the lock")

    def _fire(self, world: World, me: int) -> Move[World]:
        free = self._put(world, me, IDLE)._replace(lock=NOBODY)
        if any(is_expired(q) for q in look(world.run).open_requirements):
            return self._outside(free._replace(refused=True), "timed out", f"worker {me}")
        return Move(f"worker {me}: finds nothing to expire, frees the lock", free)

    # -- the small change

    def _outside(self, world: World, name: str, who: str, attempt: int = 0, *, wanted: bool = True) -> Move[World]:
        """A commit that needs no lease: loaded and compared at one version, so it is one step here."""
        after = happened(world.run, name, attempt)
        assert after is not None, name
        wrong = never_undone(world.run, after)
        moved = self._committed(world, after, by=None, holder=world.holder)
        return Move(f"{who}: {name}", moved._replace(leased=moved.leased and world.leased), wanted, wrong)

    def _now(self, world: World, me: int, worker: Worker, what: str) -> Move[World]:
        """A step inside the worker. Through or refused, it lets go of what it held."""
        after = self._put(world, me, worker)
        if worker == IDLE and world.holder == str(me):
            after = after._replace(holder=NOBODY, leased=False)
        return Move(f"worker {me}: {what}", after)

    def _put(self, world: World, me: int, worker: Worker) -> World:
        if worker.place not in {"deciding", "asking", "begun", "acting", "acted"}:
            worker = worker._replace(run=b"", fresh=False)
        return world._replace(workers=(*world.workers[:me], worker, *world.workers[me + 1 :]))


def dead(world: World, mine: str) -> dict[str, str]:
    """What a killed worker held or began stays as it was, under a name that answers no more."""
    return {
        name: DEAD if value == mine else value
        for name, value in (("holder", world.holder), ("starter", world.starter), ("lock", world.lock))
    }


def is_expired(question: Requirement) -> bool:
    return question.expires_at == 0


def never_undone(before: Key, after: Key) -> str:
    """Whether a commit takes back what was decided: an answer, or the end of the run."""
    old, new = look(before), look(after)
    if old.state in {RunState.DONE, RunState.CANCELLED} and new.state is not old.state:
        return f"a run that is {old.state} becomes {new.state}"
    kept = {question.requirement_id: question for question in new.requirements}
    for question in old.requirements:
        if question.state is not RequirementState.OPEN and kept.get(question.requirement_id) != question:
            return f"a question that is {question.state} changes"
    ended = {CallState.DENIED, CallState.SKIPPED}
    if old.calls[0].state in ended and new.calls[0].state is not old.calls[0].state:
        return f"a call that is {old.calls[0].state} becomes {new.calls[0].state}"
    return ""
