"""What was told to whom, and trying again what could not be told."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.core.notices import PREFIX
from hitl_fsm.errors import RequirementNotFound
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.delivery import Delivery, DeliveryState, Settled
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.loop import run_sync

PAGE = 100
"""Notices of a list unless told otherwise."""


class Notices:
    """Notices of all channels, from the store: also of channels that this process does not have."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def list(
        self,
        *,
        state: DeliveryState | None = None,
        requirement: str | None = None,
        after: str = "",
        limit: int = PAGE,
    ) -> Sequence[Delivery]:
        """In order of id, those of a question together; `after` is the last id of the page before."""
        return run_sync(self.alist(state=state, requirement=requirement, after=after, limit=limit))

    async def alist(
        self,
        *,
        state: DeliveryState | None = None,
        requirement: str | None = None,
        after: str = "",
        limit: int = PAGE,
    ) -> Sequence[Delivery]:
        return await self._ground.store.deliveries(
            kind="notice", state=state, about=requirement, after=after, limit=limit
        )

    def retry(self, notice_id: str, *, by: By = None) -> None:
        run_sync(self.aretry(notice_id, by=by))

    async def aretry(self, notice_id: str, *, by: By = None) -> None:
        """Have a dead notice sent again, with all its attempts. RequirementNotFound when there is no such dead one."""
        parts = self._ground.parts
        told = Settled(notice_id, "", "waiting", 0, parts.clock.now(), was="dead")
        record = Record("notice_retried", parts.clock.now(), self._ground.actor(by, ENGINE), "", {"notice": notice_id})
        is_notice = notice_id.startswith(PREFIX)
        if not is_notice or not await parts.store.settle_delivery(told, (record,)):
            msg = f"no notice {notice_id!r} was given up"
            raise RequirementNotFound(msg, help="`hitl-fsm notices list` tells which were")
