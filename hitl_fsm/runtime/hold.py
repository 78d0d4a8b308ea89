"""One worker's claim on one run: taken with a step, renewed while what it does takes long, given back at the end."""

from __future__ import annotations

from contextlib import suppress

from hitl_fsm.core.decide import Step
from hitl_fsm.errors import HitlError
from hitl_fsm.model.event import Entry
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RUN_ADVANCING
from hitl_fsm.ports import Lease
from hitl_fsm.runtime.leases import LeaseKeeper, uptime
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import LeaseWord, claim, commit


class Hold:
    """`fence` is that of the run's row, as last seen. `has_taken`: it was this worker's at some time."""

    __slots__ = ("_held", "_kept", "_leases", "_parts", "_run_id", "_since", "fence", "has_taken")

    def __init__(self, parts: Parts, run_id: str, leases: LeaseKeeper) -> None:
        self._parts = parts  # the store and the worker's name, which no reload of policies changes
        self._run_id = run_id
        self._leases = leases
        self._held = False
        self._kept: Lease | None = None
        self._since = 0.0
        self.fence = 0
        self.has_taken = False

    async def commit(self, parts: Parts, before: Run | None, step: Step, entry: Entry) -> None:
        """Write one step, and claim the run with it where it goes on."""
        lease: LeaseWord = "keep" if self._held else "take"
        since = uptime()
        try:
            self.fence = await commit(parts, before, step, entry, lease, self.fence)
        except HitlError:
            raise
        except BaseException:  # cancelled while it was being written: perhaps it was, so let go of what it took
            self._held, self.fence = True, self.fence + (lease == "take")
            raise
        self._held, self._since = step.run.state in RUN_ADVANCING, since
        self.has_taken = self.has_taken or self._held

    async def claim(self, run: Run) -> None:
        """Before what costs money or time and writes nothing first: two who continue one run must not both ask."""
        if self._held:
            return
        since = uptime()
        self.fence = await claim(self._parts, run, self.fence)
        self._held, self.has_taken, self._since = True, True, since

    def renew(self) -> None:
        """What comes may take long: have the lease renewed meanwhile."""
        self._kept = self._lease
        self._leases.hold(self._run_id, self._kept, self._since)

    async def let_go(self) -> None:
        """Give back what is held, and renew it no more."""
        if self._kept is not None:  # first of all: a lease that is renewed for ever keeps everybody else away
            self._leases.drop(self._run_id, self._kept)
        if self._held:
            self._held = False
            with suppress(HitlError):  # the lease ends by itself; what stopped the worker matters more
                await self._parts.store.release(self._run_id, self._lease)

    @property
    def _lease(self) -> Lease:
        return Lease(self._parts.worker, self.fence)
