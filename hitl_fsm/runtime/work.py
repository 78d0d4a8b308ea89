"""Going on with what is ready: runs whose questions are answered, and runs whose worker is gone.

There is no queue to lose anything from: what is ready stands in the store, and whoever looks finds it. A run that takes
long holds up no other: each is a task of its own, and what is due is fired beside them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from hitl_fsm.errors import CopyBehind, Fenced, HitlError, RunBusy
from hitl_fsm.model.delivery import Delivery, DeliveryState
from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports_out import Notifier
from hitl_fsm.runtime.door import Door
from hitl_fsm.runtime.outgoing.copies import SHORT_S
from hitl_fsm.runtime.outgoing.dispatch import DISPATCH, carry, claim, find
from hitl_fsm.runtime.outgoing.outbox import Told, tell
from hitl_fsm.runtime.outgoing.routes import AT_ONCE, Routes
from hitl_fsm.runtime.policies.in_force import Reloaded
from hitl_fsm.runtime.record.anchoring import ANCHOR_S, anchor
from hitl_fsm.runtime.streaming.stream import Publish
from hitl_fsm.runtime.sweep import sweep

READY_PAGE = 100
"""Ready runs that are read at once."""
SIDE_BY_SIDE = 32
"""Runs that one worker advances at the same time."""
IN_LINE = 1_000
"""Runs that one worker has in hand: those that it advances, and those that wait for their turn."""
ROUNDS = 100
"""Times that going on once hands over what the runs came to meanwhile; the rest is for the next one."""
POLL_S = 1.0
"""How long an idle worker waits before it looks again; a timer that is due before is fired when it is due."""
SIGN_S = 1.0
"""How often a worker signs the last lines, where nothing was written since."""
AGAIN_S = 1.0
"""Wait before a run that could not go on is tried again; doubled each time."""
AGAIN_MAX_S = 60.0
"""The longest such wait."""
CUT_S = 10.0
"""How long a run that is cut off may take to let go."""


class Continued(NamedTuple):
    """A run that was ready, and what became of it: the run after it went on, or why it did not."""

    run_id: str
    run: Run | None
    error: HitlError | None


class Tell(Protocol):
    """What happens, for whoever looks on. `publish` is None where nobody wants each event."""

    @property
    def publish(self) -> Publish | None: ...

    def fired(self, timer: Timer) -> None: ...

    def continued(self, one: Continued) -> None: ...

    def trouble(self, error: HitlError) -> None: ...

    def defect(self, run_id: str, error: BaseException) -> None: ...

    def policies(self, found: Reloaded) -> None: ...

    def handed(self, delivery: Delivery, became: DeliveryState | None) -> None: ...

    def told(self, channel: str, told: Told) -> None: ...


async def continue_ready(door: Door, routes: Routes) -> tuple[Continued, ...]:
    """Go on with every run that is ready, once; what another worker takes up meanwhile is left to it.

    External calls that are due go to their routes first, and those that the runs come to then.

    An error that is none of the engine's own is raised when all others have gone on.
    """
    told = _Kept()
    worker = Worker(door, routes, told, asyncio.Event())
    try:
        await routes.adispatch()
        await worker.once()
        for _ in range(ROUNDS):
            if not await routes.adispatch():
                break
            await worker.once()
    finally:
        await worker.cut_off()
    if told.defects:
        raise told.defects[0]
    return tuple(sorted({one.run_id: one for one in told.found}.values()))


async def work(door: Door, routes: Routes, stop: asyncio.Event, poll_s: float = POLL_S) -> None:
    """Sweep and go on until `stop` is set; what is under way then is brought to its pause or end first.

    Who does not want to wait for that cancels this instead.
    """
    worker = Worker(door, routes, _Unheard(), stop, poll_s)
    try:
        await worker.run()
        await worker.all_ended()
    finally:
        await worker.cut_off()


class _Again(NamedTuple):
    """When a run that could not go on is tried again, and how long that wait was."""

    at: float
    wait_s: float


class Worker:
    """One worker's work, until `leave` is set."""

    def __init__(self, door: Door, routes: Routes, tell: Tell, leave: asyncio.Event, poll_s: float = POLL_S) -> None:
        self._door = door
        self._routes = routes
        self._tell = tell
        self._poll_s = poll_s
        self._leave = leave
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, _Again] = {}
        self._uncopied: set[str] = set()
        self._told = door.ground.in_force.last

    @property
    def under_way(self) -> int:
        """Runs in hand."""
        return len(self._tasks)

    async def run(self) -> None:
        """Sweep, take up, tell people and look at the policies until `leave` is set.

        What is under way then still is afterwards.
        """
        kinds: list[Callable[[], Awaitable[float]]] = [self._sweep, self._take_up, self._sign]
        if self._door.parts.anchors:
            kinds.append(self._anchor)
        kinds += [partial(self._notify, one) for one in self._door.parts.channels]
        if self._door.parts.copies is not None:
            kinds.append(self._copy)
        if self._door.parts.traces is not None:
            kinds.append(self._trace)
        if self._routes.names:
            kinds.append(self._hand_over)
        if self._door.ground.in_force.looks_every_s is not None:
            kinds.append(self._look)
        rounds = [asyncio.ensure_future(self._repeat(one)) for one in kinds]
        try:
            await asyncio.gather(*rounds)
        finally:
            for one in rounds:
                one.cancel()

    async def once(self) -> None:
        """Take up every run that is ready, until each is at its next pause or end."""
        after = ""
        while rows := await self._door.parts.store.ready(after=after, limit=READY_PAGE):
            for row in rows:
                while len(self._tasks) >= IN_LINE:
                    await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                self._start(row.run_id)
            after = rows[-1].run_id
        await self.all_ended()

    async def all_ended(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def ended(self, hurry: asyncio.Event, wait_s: float) -> bool:
        """Wait for what is under way, `wait_s` at most, and no longer once `hurry` is set; whether all of it ended."""
        hurried = asyncio.ensure_future(hurry.wait())
        end = time.monotonic() + wait_s
        while self._tasks and not hurried.done() and (left := end - time.monotonic()) > 0:
            await asyncio.wait([hurried, *self._tasks.values()], timeout=left, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        return not self._tasks

    async def cut_off(self) -> None:
        """Stop what is under way; its lease is given back, and a tool that had begun becomes a question."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_S)

    async def _repeat(self, round_: Callable[[], Awaitable[float]]) -> None:
        """Each round says how long to wait for the next."""
        while not self._leave.is_set():
            try:
                wait_s = await round_()
            except HitlError as error:  # the store is away: look again, it may come back
                self._door.parts.log("work_failed", level="error", error=str(error))
                self._tell.trouble(error)
                wait_s = self._poll_s
            try:
                await asyncio.wait_for(self._leave.wait(), wait_s)
            except TimeoutError:
                continue

    async def _sweep(self) -> float:
        for timer in await sweep(self._door.parts):
            self._tell.fired(timer)
        due, now = await self._door.parts.store.next_timer(), self._door.parts.clock.now()
        if due is None or due <= now:  # one that is overdue still is another sweeper's, or about a damaged run
            return self._poll_s
        return min(self._poll_s, (due - now) / 1000)

    async def _hand_over(self) -> float:
        """Calls that outside systems carry out: each is a task of its own, since a system may take long."""
        await find(self._door.parts)
        while not self._leave.is_set() and sum(name.startswith(DISPATCH) for name in self._tasks) < AT_ONCE:
            delivery = await claim(self._door.parts)
            if delivery is None:
                break
            self._begin(delivery.delivery_id, self._carry(delivery))
        return self._poll_s

    async def _carry(self, delivery: Delivery) -> None:
        self._tell.handed(delivery, await carry(self._door, delivery))

    async def _notify(self, channel: Notifier) -> float:
        """Each channel in rounds of its own, so that one that hangs holds up nothing else."""
        parts = self._door.parts
        told = await tell(parts, channel)
        if any(told):
            self._tell.told(channel.name, told)
        due, now = await parts.store.next_delivery("notice", (channel.name,)), parts.clock.now()
        return self._poll_s if due is None or due <= now else min(self._poll_s, (due - now) / 1000)

    async def _sign(self) -> float:
        """An idle log is covered by a checkpoint, too."""
        await self._door.parts.store.sign()
        return min(self._poll_s, SIGN_S)

    async def _anchor(self) -> float:
        parts = self._door.parts
        for kept in await anchor(parts.store, parts.anchors, parts.clock):
            if kept.error is not None:
                parts.log("anchor_failed", level="warning", anchor=kept.url, error=kept.error.message)
                self._tell.trouble(kept.error)
        return ANCHOR_S

    async def _copy(self) -> float:
        """What nobody waits for comes to the record's second copies, too."""
        copies = self._door.parts.copies
        if copies is not None:
            with suppress(CopyBehind):  # the log has it, and who needs it is told
                await copies.until(SHORT_S)
                self._wake()
        return self._poll_s

    def _wake(self) -> None:
        """What was let go for a copy that has every line now does not wait any longer."""
        while self._uncopied:
            self._again.pop(self._uncopied.pop(), None)

    async def _trace(self) -> float:
        """What other processes wrote, and ended without telling, is told here."""
        traces = self._door.parts.traces
        if traces is not None:
            await traces.look()
        return self._poll_s

    async def _look(self) -> float:
        """Changed policies are heard of by an idle worker, too; the runs look for themselves."""
        in_force = self._door.ground.in_force
        await in_force.look()
        if in_force.last is not None and in_force.last is not self._told:
            self._told = in_force.last
            self._tell.policies(in_force.last)
        return max(self._poll_s, in_force.looks_every_s or 0.0)

    async def _take_up(self) -> float:
        after, now = "", time.monotonic()
        seen: set[str] = set()
        while not self._leave.is_set():
            rows = await self._door.parts.store.ready(after=after, limit=READY_PAGE)
            for row in rows:
                if len(self._tasks) >= IN_LINE:
                    return self._poll_s
                seen.add(row.run_id)
                if row.run_id not in self._tasks and self._again.get(row.run_id, _Again(now, 0.0)).at <= now:
                    self._start(row.run_id)
            if len(rows) < READY_PAGE:
                self._again = {run_id: again for run_id, again in self._again.items() if run_id in seen}
                break
            after = rows[-1].run_id
        return self._poll_s

    def _start(self, run_id: str) -> None:
        self._begin(run_id, self._go_on(run_id))

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._over(name, done))

    def _over(self, run_id: str, done: asyncio.Task[None]) -> None:
        self._tasks.pop(run_id, None)
        defect = None if done.cancelled() else done.exception()
        if defect is not None:  # one run that meets a defect must not end the worker, under which others run
            self._again[run_id] = _Again(time.monotonic() + AGAIN_MAX_S, AGAIN_MAX_S)
            why = f"{type(defect).__name__}: {defect}"
            self._door.parts.log("run_not_continued", level="error", run=run_id, error=why)
            self._tell.defect(run_id, defect)

    async def _go_on(self, run_id: str) -> None:
        async with self._room:
            if self._leave.is_set():
                return
            try:
                run = await self._door.take_up(run_id, self._tell.publish)
            except (RunBusy, Fenced):  # another worker has it, or had it
                return
            except HitlError as error:
                wait_s = min(AGAIN_MAX_S, 2 * self._again.get(run_id, _Again(0.0, AGAIN_S / 2)).wait_s)
                self._again[run_id] = _Again(time.monotonic() + wait_s, wait_s)
                if isinstance(error, CopyBehind):
                    self._uncopied.add(run_id)
                self._door.parts.log("run_not_continued", level="warning", run=run_id, error=str(error))
                self._tell.continued(Continued(run_id, None, error))
            else:
                self._again.pop(run_id, None)
                self._tell.continued(Continued(run_id, run, None))


class _Unheard:
    """Nobody looks on; the operational log hears of it all by itself."""

    publish = None

    def fired(self, timer: Timer) -> None:
        """See `Tell`."""

    def continued(self, one: Continued) -> None:
        """See `Tell`."""

    def trouble(self, error: HitlError) -> None:
        """See `Tell`."""

    def defect(self, run_id: str, error: BaseException) -> None:
        """See `Tell`."""

    def policies(self, found: Reloaded) -> None:
        """See `Tell`."""

    def handed(self, delivery: Delivery, became: DeliveryState | None) -> None:
        """See `Tell`."""

    def told(self, channel: str, told: Told) -> None:
        """See `Tell`."""


class _Kept(_Unheard):
    """For who waits for all of it."""

    def __init__(self) -> None:
        self.found: list[Continued] = []
        self.defects: list[BaseException] = []

    def continued(self, one: Continued) -> None:
        self.found.append(one)

    def defect(self, run_id: str, error: BaseException) -> None:
        del run_id
        self.defects.append(error)
