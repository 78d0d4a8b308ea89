"""Remembered permissions: which one passes a gate, and what people may do with them."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence

import msgspec

from hitl_fsm.core.grants import after_use, agent_of, alike, grant_id_of, is_excluded
from hitl_fsm.errors import GrantGone, GrantNotFound, InputRefused
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.call import Call
from hitl_fsm.model.grant import GrantRow, GrantUse
from hitl_fsm.model.record import Record
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm
from hitl_fsm.policy.granted import exception
from hitl_fsm.policy.join import gate_key
from hitl_fsm.policy.sensitive import hidden
from hitl_fsm.ports import Store
from hitl_fsm.runtime.given import checked_reason
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.pages import PAGE
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import load

GRANTS_LOOKED_AT = 1_000
"""Grants of one agent and tool that are looked at for one call; beyond them a person is asked."""


async def grants_for(
    parts: Parts,
    run: Run,
    call: Call,
    gate: Approval | Confirm,
    taken: Sequence[GrantUse] = (),
    gone: Collection[str] = (),
) -> GrantUse | None:
    """The grant that passes this gate of this call; None where a person is to be asked.

    Of several the one that ends first. `taken` are uses of the same step, which the store does not know of yet; `gone`
    are grants that are not to be tried.
    """
    if gate.grant is None:
        return None
    at, key = parts.clock.now(), gate_key(gate)
    rows = await parts.store.grants(tool=call.tool, agent=agent_of(run, call), active_at=at, limit=GRANTS_LOOKED_AT)
    for row in sorted((row for row in rows if row.grant.grant_id not in gone), key=_end):
        amount = alike(row.grant, run, call, key)
        if amount is None or is_excluded(row.grant, run, call, gate, parts.person):
            continue
        left = _after(row, taken, at)
        if left is not None and after_use(left, amount, at) is not None:
            return GrantUse(row.grant.grant_id, key, amount, call.call_id, row.grant.persons)
    return None


def _end(row: GrantRow) -> tuple[int, str]:
    return row.grant.until, row.grant.grant_id


def _after(row: GrantRow, taken: Sequence[GrantUse], at: int) -> GrantRow | None:
    """The grant as these uses leave it; None where they leave nothing."""
    for use in taken:
        if use.grant_id == row.grant.grant_id:
            spent = after_use(row, use.amount, at)
            if spent is None:
                return None
            row = msgspec.structs.replace(row, used=row.used + 1, spent=spent)
    return row


async def revoked_for(parts: Parts, call: Call) -> frozenset[str]:
    """Those grants on which the call relies that are revoked by now, or gone: it cannot begin by them."""
    relied_on = {one.grant for one in call.passed if one.grant and one.digest == call.digest}
    rows = {grant_id: await parts.store.grant(grant_id) for grant_id in relied_on}
    return frozenset(grant_id for grant_id, row in rows.items() if row is None or row.state != "active")


async def unless_gone(beginning: Awaitable[None], known: set[str]) -> bool:
    """Whether it was done; False, and nothing was, where a grant that it relies on was revoked at that moment.

    Such a grant is added to `known`. GrantGone for one that is there already: a revoked grant does not come back, so
    the store contradicts itself, and to look once more would not end.
    """
    try:
        await beginning
    except GrantGone as error:
        if error.grant_id in known:
            raise
        known.add(error.grant_id)
        return False
    return True


async def revoke_grant_of(ground: Ground, requirement_id: str, by: By) -> None:
    """End the grant that came of an answer, if one did, and if it is the word of who says so."""
    row = await ground.store.grant(grant_id_of(requirement_id))
    if row is None:
        return
    requirement = await ground.store.requirement(requirement_id)
    otherwise = Actor(id="") if requirement is None else (await load(ground.parts, requirement.run_id)).run.user
    actor = ground.actor(by, otherwise)
    if set(actor.persons) & set(row.grant.persons):
        await _revoke(ground, row, actor, None)


async def _revoke(ground: Ground, row: GrantRow, by: Actor, reason: str | None) -> None:
    grant = row.grant
    told = {"grant": grant.grant_id, "tool": grant.tool, "agent": grant.agent, "used": row.used}
    why = {} if reason is None else {"reason": reason}
    record = Record("grant_revoked", ground.parts.clock.now(), by, grant.run_id, told, why, by.id)
    await ground.store.revoke_grant(grant.grant_id, record)


def somebody(ground: Ground, by: str | Actor, what: str) -> Actor:
    """The actor that is named; InputRefused where nobody is."""
    if by is None or by == "":
        msg = f"{what} must be said"
        raise InputRefused(msg, help="nothing was done; give a name, or an Actor")
    return ground.actor(by, ENGINE)


class Grants:
    """What people need not be asked again."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @property
    def _store(self) -> Store:
        return self._ground.store

    def list(
        self,
        *,
        tool: str | None = None,
        agent: str | None = None,
        active_at: int | None = None,
        after: str = "",
        limit: int = PAGE,
    ) -> Sequence[GrantRow]:
        """In order of id. `active_at` (ms): only those that could be used then; `after`: the last id before."""
        return run_sync(self.alist(tool=tool, agent=agent, active_at=active_at, after=after, limit=limit))

    async def alist(
        self,
        *,
        tool: str | None = None,
        agent: str | None = None,
        active_at: int | None = None,
        after: str = "",
        limit: int = PAGE,
    ) -> Sequence[GrantRow]:
        return await self._store.grants(tool=tool, agent=agent, active_at=active_at, after=after, limit=limit)

    def get(self, grant_id: str) -> GrantRow:
        """One grant, with what was used of it; GrantNotFound."""
        return run_sync(self.aget(grant_id))

    async def aget(self, grant_id: str) -> GrantRow:
        row = await self._store.grant(grant_id)
        if row is None:
            msg = f"no grant {grant_id!r} in this store"
            raise GrantNotFound(msg, help="`hitl-fsm grants list` lists them")
        return row

    def revoke(self, grant_id: str, *, by: str | Actor, reason: str | None = None) -> GrantRow:
        """From now on nothing begins by it; a call that it let pass and that has not begun is asked about again.

        Anybody may: it only tightens, and the record says who did. Once revoked it stays so, and the first one counts.
        """
        return run_sync(self.arevoke(grant_id, by=by, reason=reason))

    async def arevoke(self, grant_id: str, *, by: str | Actor, reason: str | None = None) -> GrantRow:
        actor = somebody(self._ground, by, "who revokes it")
        await _revoke(self._ground, await self.aget(grant_id), actor, checked_reason(reason))
        return await self.aget(grant_id)

    def export(self, grant_id: str) -> str:
        """The grant as an exception to write under the policy's rule (YAML), for somebody to look at and keep.

        InputRefused where a value that nobody is shown would have to stand in it.
        """
        return run_sync(self.aexport(grant_id))

    async def aexport(self, grant_id: str) -> str:
        grant = (await self.aget(grant_id)).grant
        fixed = {name: value for name, value in grant.args.items() if name not in grant.vary}
        secret = hidden(fixed, grant.sensitive)
        if secret:
            msg = f"{grant_id} is for one value of {', '.join(secret)}, which nobody is shown"
            raise InputRefused(msg, help="write the exception by hand, without that value")
        asked = await self._store.requirement(grant.requirement_id)
        rules = [] if asked is None else [f"{one.policy}/{one.rule}" for one in asked.reasons if one.rule]
        return exception(grant, rules)
