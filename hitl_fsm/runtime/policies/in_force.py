"""The policies that an engine judges by now, and how another set takes their place while it runs (ADR 0011).

A set takes over whole: it is read, compiled and kept in the store before anything is judged by it. What does not load
changes nothing: the set in force stays, and the record and the log are told once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import Literal, NamedTuple

from hitl_fsm.errors import Diagnostic, LimitExceeded, PolicyError, SettingsError
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.record import Record
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime.loop import loop_is_private
from hitl_fsm.runtime.parts import Parts, PolicySource
from hitl_fsm.runtime.people.in_force import PeopleInForce
from hitl_fsm.runtime.policies.last_told import Telling, last_told, told
from hitl_fsm.runtime.policies.refused import told_of

SETTLE_S = 0.25
"""Changed files are read again after this, until they say the same twice: an editor may still be writing them."""
SETTLE_TRIES = 8
"""Such readings in one look; if the files still change then, the next look goes on."""
PAUSE_PER_LOOK = 50
"""The wait between two looks is at least so many times as long as a look takes: it costs 2 % of a core at most."""
TURN_WAIT_S = 30.0
"""How long an explicit reload waits for a look that is under way."""
TURN_PAUSE_S = 0.01
"""Wait between two tries of that."""

ACTIVATED, REFUSED = "policies_activated", "policies_refused"
LOOKED = "the files changed"
BEGAN = "a process began with them"
PUT_IN_FORCE = Telling(cursor="policies", event=ACTIVATED, member="policies")


class Reloaded(NamedTuple):
    """What a look at the files came to.

    `digest` names the set in force now, `was` the one before. `findings` say why what is there was refused.
    """

    outcome: Literal["unchanged", "activated", "refused"]
    digest: str
    was: str
    findings: tuple[Diagnostic, ...] = ()


class InForce:
    """The engine's parts with the policies of the moment. Who judges takes `parts` once, and so a single set."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.last: Reloaded | None = None
        """The last set that was activated or refused, for who wants to tell of it."""
        self._people = PeopleInForce()
        self._kept = False
        self._refused: tuple[str, tuple[Diagnostic, ...]] | None = None
        self._took_s = 0.0
        self._turn = threading.Lock()
        self._next = time.monotonic() + (parts.reload_s or 0.0)

    @property
    def looks_every_s(self) -> float | None:
        """How often the files are looked at, at most; None where nobody looks."""
        return self.parts.reload_s if self.parts.source is not None else None

    async def fresh(self) -> Parts:
        """What to judge by. Before the first time, the set is kept in the store; now and then, the files are read."""
        if not self._kept:
            if self.parts.copies is not None:
                await self.parts.copies.begin()
            await self._begin()
            self._kept = True
        if self.parts.reload_s is not None:
            await self.look()
        await self.tell_people()
        return self.parts

    async def tell_people(self) -> None:
        """Who is who by now, on the record before anybody acts by it."""
        await self._people.tell(self.parts)

    async def look(self) -> None:
        """Read the files again, if the last look was long enough ago and nobody else is at it."""
        source, every_s = self.parts.source, self.parts.reload_s
        if source is None or every_s is None:
            return
        if time.monotonic() < self._next or not self._turn.acquire(blocking=False):
            return
        try:
            found = await self._settled(source)
            if found is not None:
                await self._take(found, ENGINE, LOOKED)
        finally:
            self._next = time.monotonic() + max(every_s, PAUSE_PER_LOOK * self._took_s)
            self._turn.release()

    async def reload(self, by: Actor, why: str) -> Reloaded:
        """Read the files now, and take what they say as it is. SettingsError where the policies are not from files."""
        source = self.parts.source
        if source is None:
            msg = "the policies of this engine are not from files"
            raise SettingsError(msg, help="build it with Engine(policies='policies/')")
        until = time.monotonic() + TURN_WAIT_S
        while not self._turn.acquire(blocking=False):
            if time.monotonic() > until:
                msg = f"somebody else has been reading the policies for {TURN_WAIT_S:g} s"
                raise LimitExceeded(msg, help="the set in force stays; is the file system there?")
            await asyncio.sleep(TURN_PAUSE_S)
        try:
            return await self._take(await self._read(source), by, why)
        finally:
            self._turn.release()

    async def _read(self, source: PolicySource) -> PolicySet | PolicyError:
        began = time.monotonic()
        try:
            return source() if loop_is_private() else await asyncio.to_thread(source)
        except PolicyError as error:
            return error
        finally:
            self._took_s = time.monotonic() - began

    async def _settled(self, source: PolicySource) -> PolicySet | PolicyError | None:
        """What the files say, once they say it twice in a row; None if they do not settle."""
        found = await self._read(source)
        if self._is_known(found):
            return found
        for _ in range(SETTLE_TRIES):
            await asyncio.sleep(SETTLE_S)
            again = await self._read(source)
            if _same(found, again):
                return again
            found = again
        return None

    def _is_known(self, found: PolicySet | PolicyError) -> bool:
        if isinstance(found, PolicyError):
            return self._refused == _told_by(found)
        return found.digest == self.parts.policies.digest

    async def _take(self, found: PolicySet | PolicyError, by: Actor, why: str) -> Reloaded:
        was = self.parts.policies.digest
        if isinstance(found, PolicyError):
            return await self._refuse(found, by, why)
        self._refused = None
        if found.digest == was:
            return Reloaded("unchanged", was, was)
        await self._keep(found, {"was": was, "why": why, "worker": self.parts.worker}, by)
        self.parts = replace(self.parts, policies=found)
        self._kept = True
        self.last = Reloaded("activated", found.digest, was)
        return self.last

    async def _begin(self) -> None:
        """A process that begins with another set than the last one on record changes sets, too."""
        parts = self.parts
        was = (await last_told(parts.store, PUT_IN_FORCE)).digest
        if was != parts.policies.digest:
            more = {"was": was, "why": BEGAN, "worker": parts.worker} if was else {}
            await self._keep(parts.policies, more, ENGINE)

    async def _keep(self, policies: PolicySet, more: dict[str, str], by: Actor) -> None:
        """Its text by its digest, before anything is judged by it; each change of sets is on the record."""
        parts = self.parts
        data = {"policies": policies.digest, "files": sorted(policies.files), "default": parts.default, **more}
        record = Record(ACTIVATED, parts.clock.now(), by, data=data)
        start, _ = await parts.store.head()
        if not await parts.store.save_policies(policies.digest, policies.text, record):
            await parts.store.append([record])
        await told(parts.store, PUT_IN_FORCE, policies.digest, start)

    async def _refuse(self, error: PolicyError, by: Actor, why: str) -> Reloaded:
        """The alarm, once for what is found: not once a look."""
        parts, findings = self.parts, error.diagnostics
        digest = parts.policies.digest
        refused = Reloaded("refused", digest, digest, findings)
        if self._refused == _told_by(error):
            return refused
        data = {"in_force": digest, "why": why, "worker": parts.worker, **told_of(error)}
        await parts.store.append([Record(REFUSED, parts.clock.now(), by, data=data)])
        self._refused, self.last = _told_by(error), refused
        return refused


def _told_by(error: PolicyError) -> tuple[str, tuple[Diagnostic, ...]]:
    return error.message, error.diagnostics


def _same(one: PolicySet | PolicyError, other: PolicySet | PolicyError) -> bool:
    if isinstance(one, PolicyError) or isinstance(other, PolicyError):
        return isinstance(one, PolicyError) and isinstance(other, PolicyError) and _told_by(one) == _told_by(other)
    return one.digest == other.digest
