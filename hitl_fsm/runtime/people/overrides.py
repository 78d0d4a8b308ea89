"""Gates that one person passed alone, in an emergency: each stays open until somebody else has looked at it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hitl_fsm.errors import AlreadyResolved, InputRefused, NotAuthorised, RequirementNotFound
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.instant import iso
from hitl_fsm.model.override import Override, OverrideState
from hitl_fsm.model.record import Record
from hitl_fsm.runtime.given import REASON_LIMIT, checked_text
from hitl_fsm.runtime.ground import Ground
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.pages import PAGE
from hitl_fsm.runtime.people.grants import somebody


class Overrides:
    """Who passed a gate alone, why, and who looked at it afterwards."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def list(self, *, state: OverrideState | None = "open", after: str = "", limit: int = PAGE) -> Sequence[Override]:
        """Those that nobody has reviewed, oldest first; None: all. `after` is the last requirement's id before."""
        return run_sync(self.alist(state=state, after=after, limit=limit))

    async def alist(
        self, *, state: OverrideState | None = "open", after: str = "", limit: int = PAGE
    ) -> Sequence[Override]:
        return await self._ground.store.overrides(state=state, after=after, limit=limit)

    def review(self, requirement_id: str, *, by: str | Actor, finding: str) -> Override:
        """Say what came of looking at it; on the record, and for good.

        A person does, and another one than who passed the gate, under whatever name. Raises RequirementNotFound,
        NotAuthorised, InputRefused (no finding), AlreadyResolved; nothing is stored then.
        """
        return run_sync(self.areview(requirement_id, by=by, finding=finding))

    async def areview(self, requirement_id: str, *, by: str | Actor, finding: str) -> Override:
        ground = self._ground
        actor = somebody(self._ground, by, "who reviews it")
        found = await ground.store.override(requirement_id)
        if found is None:
            msg = f"nobody passed the gate of {requirement_id!r} alone"
            raise RequirementNotFound(msg, help="`hitl-fsm overrides list` lists what is to be reviewed")
        if found.reviewed_by is not None:
            raise _reviewed(found)
        self._authorise(found, actor)
        if not checked_text(finding, "the finding", REASON_LIMIT).strip():
            msg = "a review needs a finding: what came of looking at it"
            raise InputRefused(msg, help="nothing was done; say it in a sentence")
        at = ground.parts.clock.now()
        reviewed = msgspec.structs.replace(found, reviewed_by=actor, reviewed_at=at, finding=finding)
        data = {
            "requirement": requirement_id,
            "tool": found.tool,
            "digest": found.digest,
            "broken_by": found.by.id,
            "broken_at": found.at,
        }
        said = {"finding": finding}
        record = Record("override_reviewed", at, actor, found.run_id, data, said, actor.id)
        if await ground.store.close_override(reviewed, record):
            return reviewed
        raise _reviewed(await ground.store.override(requirement_id) or found)

    def _authorise(self, found: Override, actor: Actor) -> None:
        """Who is the same person is told by what was known then, and by what is known now."""
        person = self._ground.parts.person
        broke = {*found.by.persons, *(person(one) for one in found.by.persons)}
        reviews = {*actor.persons, *(person(one) for one in actor.persons)}
        if actor.kind != "human":
            why = f"{'an' if actor.kind == 'agent' else 'a'} {actor.kind} never counts as a person"
        elif broke & reviews:
            why = f"who passed the gate ({found.by.signature}) does not review it"
        else:
            return
        msg = f"{actor.id} may not review {found.requirement_id}: {why}"
        raise NotAuthorised(msg, help="have somebody else look at it")


def _reviewed(found: Override) -> AlreadyResolved:
    by = "" if found.reviewed_by is None else f", by {found.reviewed_by.id} at {iso(found.reviewed_at or 0)}"
    return AlreadyResolved(f"{found.requirement_id} is already reviewed{by}", help="the first review stands")
