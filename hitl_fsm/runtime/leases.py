"""Keeping held leases alive, whatever the loop that advances the run is busy with.

Holding and dropping are entries in a dict; one timer on the background loop renews what has been held for a while. A
tool that blocks its own thread or loop therefore does not lose its run.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from hitl_fsm.errors import HitlError
from hitl_fsm.ports import Lease, Store
from hitl_fsm.runtime.loop import background_loop

RENEW_S = 20.0
"""Seconds between two renewals; a third of the lease."""
SURE_S = 50.0
"""Seconds after a sign of life for which a worker may take the run for its own without asking: less than the lease, for
clocks that differ."""


def uptime() -> float:
    """Seconds that go on while the process is stopped and while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


@dataclass(slots=True)
class _Held:
    lease: Lease
    since: float


class LeaseKeeper:
    """The leases that one engine holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, _Held] = {}

    def hold(self, run_id: str, lease: Lease, since: float) -> None:
        """From now on until `drop`; `since` is the `uptime` of the last sign of life."""
        self._held[run_id] = _Held(lease, since)
        _rounds.include(self)

    def drop(self, run_id: str, lease: Lease) -> None:
        """Renew this claim no more; another one of the same run, with another fence, stays."""
        held = self._held.get(run_id)
        if held is not None and held.lease == lease:
            del self._held[run_id]
            if not self._held:
                _rounds.exclude(self)

    @property
    def holds(self) -> bool:
        """Whether there is anything to renew."""
        return bool(self._held)

    def is_sure(self, run_id: str) -> bool:
        """Whether nobody can have taken the run over meanwhile."""
        held = self._held.get(run_id)
        return held is not None and uptime() < held.since + SURE_S

    async def renewed(self, run_id: str) -> bool:
        """Ask the store; False when the run is somebody else's by now."""
        held = self._held.get(run_id)
        if held is None:
            return False
        since = uptime()
        if not await self._store.renew(run_id, held.lease):
            return False
        held.since = since
        return True

    async def renew_all(self) -> bool:
        """One round; whether anything is still held."""
        for run_id in list(self._held):
            with suppress(HitlError):  # the worker's next commit says whether the run is still its own
                await self.renewed(run_id)
        return bool(self._held)


class _Rounds:
    """One timer a process for the keepers that hold something; it ends with the last of them and keeps none alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keepers: set[LeaseKeeper] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def include(self, keeper: LeaseKeeper) -> None:
        loop = background_loop()
        with self._lock:
            self._keepers.add(keeper)
            if self._loop is loop:
                return
            self._loop = loop  # none is running, or it stayed behind in the process that was forked
        loop.call_soon_threadsafe(self._later)

    def exclude(self, keeper: LeaseKeeper) -> None:
        """It holds nothing now, and is not to be kept alive."""
        with self._lock:
            if not keeper.holds:  # another thread may have taken something meanwhile
                self._keepers.discard(keeper)

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(RENEW_S, self._start)

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._go())
        task.add_done_callback(lambda done: self._later() if done.result() else None)

    async def _go(self) -> bool:
        """One round, of all stores at once, so that a slow one costs no other its leases; whether another is needed."""
        keepers = list(self._keepers)
        with self._lock:  # before the round: who holds something from now on includes itself again
            self._keepers.clear()
        held = await asyncio.gather(*(keeper.renew_all() for keeper in keepers), return_exceptions=True)
        with self._lock:
            self._keepers.update(keeper for keeper, found in zip(keepers, held, strict=True) if found is not False)
        with self._lock:
            if not self._keepers:
                self._loop = None
            return bool(self._keepers)


_rounds = _Rounds()
