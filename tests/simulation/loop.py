"""An event loop whose time is virtual and whose next step is drawn from a seed. No thread, no socket, no real clock.

Everything that runs belongs to a process, named by a context variable that tasks and timers inherit. Within a process
callbacks keep asyncio's order; between processes the seed draws. A process can be frozen (it gets no step until it
thaws) or killed (it gets none ever again, not even for its `finally`), as a real one by SIGSTOP and SIGKILL.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from hashlib import blake2b
from random import Random
from typing import Any

MAX_STEPS = 400_000
"""Steps of one history; more is a livelock."""

MAX_ROUNDS = 100
STEPS_A_ROUND = 200
"""What may be left to unwind at the end of a history."""

OUTSIDE = "-"
process: ContextVar[str] = ContextVar("process", default=OUTSIDE)
"""In which simulated process this code runs."""


class Stuck(AssertionError):
    """Nothing is left to do, and what was waited for has not ended; or there was no end."""


class Trace:
    """A hash over everything that happened, in order."""

    def __init__(self, keep: bool = False) -> None:
        self._hash = blake2b(digest_size=16)
        self.lines: list[str] | None = [] if keep else None

    def __call__(self, *told: object) -> None:
        line = " ".join(map(str, told))
        self._hash.update(line.encode() + b"\n")
        if self.lines is not None:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class SimTask(asyncio.Task[Any]):
    """Its hash is its number: a set of tasks, as `asyncio.wait` returns it, has the same order in every process."""

    def __init__(self, coro: Coroutine[Any, Any, Any], number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)
        self._log_destroy_pending = False  # a killed process's tasks end so

    def __hash__(self) -> int:
        return self.number


class SimLoop(asyncio.AbstractEventLoop):
    """Run it with `run`. What the loop of a program with threads, files or sockets needs beyond this is not there."""

    def __init__(self, rng: Random, trace: Trace) -> None:
        self._rng = rng
        self._trace = trace
        self._now = 0.0
        self._ready: dict[str, deque[asyncio.Handle]] = {}
        self._timers: list[tuple[float, int, asyncio.TimerHandle, str]] = []
        self._frozen: dict[str, float] = {}
        self._dead: set[str] = set()
        self._grave: list[tuple[str, asyncio.Handle]] = []
        self._count = 0
        self.tasks: list[SimTask] = []
        self.steps = 0
        self.errors: list[BaseException] = []

    # -- what asyncio asks for

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> Any:
        self._count += 1
        task = SimTask(coro, self._count, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        context = context or copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        self._put(context.get(process, OUTSIDE), handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        context = context or copy_context()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer, context.get(process, OUTSIDE)))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the heap, and is skipped."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """What would block a thread takes some virtual time instead."""
        done = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - handed to who waits
                done.set_exception(error)
            else:
                done.set_result(result)

        self.call_later(self._rng.random() * 0.05, work)
        return done

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None:
            self.errors.append(error)

    # -- processes

    def spawn(self, name: str, coro: Coroutine[Any, Any, Any]) -> SimTask:
        """A task in a process of that name; one that was killed starts anew."""
        self._dead.discard(name)
        context = copy_context()
        context.run(process.set, name)
        task: SimTask = context.run(self.create_task, coro)
        return task

    def kill(self, name: str) -> None:
        """The process ends here: nothing of it runs again."""
        self._trace("kill", name, self._now)
        self._dead.add(name)
        self._grave.extend((name, handle) for handle in self._ready.pop(name, ()))
        self._frozen.pop(name, None)
        self._timers = [timer for timer in self._timers if timer[3] != name]
        heapq.heapify(self._timers)

    def freeze(self, name: str, seconds: float) -> None:
        """The process gets no step for so long."""
        self._trace("freeze", name, seconds)
        self._frozen[name] = max(self._frozen.get(name, 0.0), self._now + seconds)

    def frozen(self, name: str) -> bool:
        return self._frozen.get(name, 0.0) > self._now

    # -- running

    def run(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Run to its end."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            main = self.spawn("main", coro)
            while not main.done():
                self._step()
            return main.result()
        finally:
            events._set_running_loop(before)

    def close(self) -> None:
        """Let everything that never ended be cancelled, the dead too: nothing is left for the garbage collector."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            self._dead.clear()
            self._frozen.clear()
            for name, handle in self._grave:
                self._put(name, handle)
            for _ in range(MAX_ROUNDS):
                left = [task for task in self.tasks if not task.done()]
                if not left:
                    break
                for task in left:
                    task.cancel()
                self._some_steps(STEPS_A_ROUND)
        finally:
            events._set_running_loop(before)
            self._ready.clear()
            self._timers.clear()
            self.tasks.clear()

    def _some_steps(self, count: int) -> None:
        for _ in range(count):
            try:
                self._step()
            except Stuck:
                return

    def _put(self, name: str, handle: asyncio.Handle) -> None:
        if name in self._dead:
            self._grave.append((name, handle))
        else:
            self._ready.setdefault(name, deque()).append(handle)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            message = f"{MAX_STEPS} steps, and no end"
            raise Stuck(message)
        while self._timers and self._timers[0][0] <= self._now:
            _, _, timer, name = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._put(name, timer)
        able = [name for name, queue in self._ready.items() if queue and not self.frozen(name)]
        if not able:
            self._jump()
            return
        name = able[0] if len(able) == 1 else self._rng.choice(able)
        handle = self._ready[name].popleft()
        if not handle.cancelled():
            handle._run()

    def _jump(self) -> None:
        """To the next moment at which something can happen."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        moments = [self._timers[0][0]] if self._timers else []
        moments += [until for name, until in self._frozen.items() if until > self._now and self._ready.get(name)]
        if not moments:
            message = "nothing is left to do"
            raise Stuck(message)
        self._now = max(self._now, min(moments))
