"""Keeping held leases alive, whatever the loop that advances the run is busy with.

Holding and dropping are entries in a dict; one timer on the background loop renews what has been held for a while. A
tool that blocks its own thread or loop therefore does not lose its run.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hitl_fsm.errors import HitlError
from hitl_fsm.ports import Lease, Store
from hitl_fsm.runtime.loop import background_loop

RENEW_S = 20.0
"""Seconds between two renewals; a third of the lease."""


class LeaseKeeper:
    """The leases that one engine holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, Lease] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def hold(self, run_id: str, lease: Lease) -> None:
        """From now on until `drop`; a higher fence replaces the lower one."""
        self._held[run_id] = lease
        loop = background_loop()
        if self._loop is not loop:  # first use in this process
            self._loop = loop
            loop.call_soon_threadsafe(self._later)

    def drop(self, run_id: str) -> None:
        """Renew it no more."""
        self._held.pop(run_id, None)

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(RENEW_S, self._renew_soon)

    def _renew_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._renew())
        task.add_done_callback(lambda _: self._later())

    async def _renew(self) -> None:
        for run_id, lease in list(self._held.items()):
            with suppress(HitlError):  # the worker's next commit says whether the run is still its own
                await self._store.renew(run_id, lease)
