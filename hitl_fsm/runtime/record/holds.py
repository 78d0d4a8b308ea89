"""Legal holds: what must not be forgotten while somebody says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hitl_fsm.errors import InputRefused, SubjectUnknown
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.hold import Hold, HoldKind, HoldRow
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.given import checked_name, stated_reason
from hitl_fsm.runtime.ground import Ground
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.pages import PAGE
from hitl_fsm.runtime.people.grants import somebody


class Holds:
    """What must not be forgotten while somebody says so."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def place(self, *, by: str | Actor, reason: str, subject: str | None = None, run: str | None = None) -> Hold:
        """From now on nothing of a person, of a run, or of everything there is, is erased, forgotten or pruned.

        Raises InputRefused without a reason, or where both are named.
        """
        return run_sync(self.aplace(by=by, reason=reason, subject=subject, run=run))

    async def aplace(self, *, by: str | Actor, reason: str, subject: str | None = None, run: str | None = None) -> Hold:
        """As `place`. When this returns, whatever it covers is there, and stays."""
        parts = self._ground.parts
        actor = somebody(self._ground, by, "who places it")
        kind, about = _about(subject, run)
        why = stated_reason(reason)
        now = parts.clock.now()
        hold = Hold(f"hold_{parts.ids.run_id().removeprefix('run_')}", kind, about, actor, now, why)
        await parts.store.place_hold(hold, reasoned("hold_placed", now, actor, _of(hold), why))
        return hold

    def release(self, hold_id: str, *, by: str | Actor, reason: str) -> Hold:
        """It covers nothing any more. Raises SubjectUnknown where there is none that is active."""
        return run_sync(self.arelease(hold_id, by=by, reason=reason))

    async def arelease(self, hold_id: str, *, by: str | Actor, reason: str) -> Hold:
        parts = self._ground.parts
        actor = somebody(self._ground, by, "who releases it")
        why = stated_reason(reason)
        found = next((row.hold for row in await self.alist() if row.hold.hold_id == hold_id), None)
        if found is not None:
            record = reasoned("hold_released", parts.clock.now(), actor, _of(found), why)
            if await parts.store.release_hold(hold_id, record):
                return found
        msg = f"there is no active hold {hold_id!r}"
        raise SubjectUnknown(msg, help="`hitl-fsm audit hold list` lists them")

    def list(self, *, released: bool = False) -> Sequence[HoldRow]:
        """Those that are active, in order of their making; with `released` the others too."""
        return run_sync(self.alist(released=released))

    async def alist(self, *, released: bool = False) -> Sequence[HoldRow]:
        found: list[HoldRow] = []
        while True:
            after = found[-1].hold.hold_id if found else ""
            page = await self._ground.store.holds(active=not released, after=after, limit=PAGE)
            found.extend(page)
            if len(page) < PAGE:
                return found


def _about(subject: str | None, run: str | None) -> tuple[HoldKind, str]:
    if subject is not None and run is not None:
        msg = "a hold is on a person, or on a run, or on everything"
        raise InputRefused(msg, help="nothing was done; place two")
    if subject is not None:
        return "subject", checked_name(subject, "whom it is about")
    return ("all", "") if run is None else ("run", checked_name(run, "the run"))


def _of(hold: Hold) -> dict[str, Any]:
    return {"hold": hold.hold_id, "kind": hold.kind, **({"about": hold.about} if hold.about else {})}


def reasoned(event: str, at: int, by: Actor, data: dict[str, Any], reason: str) -> Record:
    """The reason is nobody's: it is not erased with anybody."""
    return Record(event, at, by, data=data, contents={"reason": reason})
