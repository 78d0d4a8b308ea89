"""Who may speak for whom: what people give at run time, and what the roles files say.

A delegation is of one's own roles, for a while, and cannot be passed on. Who speaks by one has the giver's delegated
roles of that moment and nothing else, and counts as both people.
"""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.errors import InputRefused, LimitExceeded, NotAuthorised
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.delegation import Delegation, DelegationRow
from hitl_fsm.model.instant import iso
from hitl_fsm.model.record import Record
from hitl_fsm.policy.people import Directory, circle_of, standing_in
from hitl_fsm.policy.spans import moment_ms
from hitl_fsm.runtime.given import REASON_LIMIT, checked_name, checked_text
from hitl_fsm.runtime.ground import By, Ground
from hitl_fsm.runtime.loop import run_sync

DELEGATION_DAYS = 90
"""Days that a delegation given at run time lasts at most; what lasts longer belongs into a roles file."""
DELEGATIONS_MAX = 20
"""Delegations of one giver that are neither ended nor over."""
DELEGATED_ROLES_MAX = 100
"""Roles that one delegation names."""
GIVERS_MAX = 200
"""People before a giver, over several delegations, among whom a circle is looked for."""
PAGE = 1_000
"""Delegations read at once."""

_DAY_MS = 86_400_000
_NOBODY = Directory()

Time = int | str
"""Milliseconds since the epoch, a day (`2026-12-31`, UTC; included at the end), or an instant with its offset."""


class Delegations:
    """Made, ended and used through the engine; each change is on the record."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def add(
        self,
        to: str,
        *,
        by: Actor | str,
        until: Time,
        since: Time | None = None,
        roles: Sequence[str] = (),
        note: str = "",
    ) -> Delegation:
        return run_sync(self.aadd(to, by=by, until=until, since=since, roles=roles, note=note))

    async def aadd(
        self,
        to: str,
        *,
        by: Actor | str,
        until: Time,
        since: Time | None = None,
        roles: Sequence[str] = (),
        note: str = "",
    ) -> Delegation:
        """Let `to` speak for `by`, with some of the roles that `by` has now, or with all that `by` has then.

        Raises InputRefused for what cannot be given, LimitExceeded beyond DELEGATIONS_MAX of one giver.
        """
        parts = self._ground.parts
        now = parts.clock.now()
        giver = self._giver(by)
        taker = self._ground.actor(checked_name(to, "who it is given to"), Actor(to))
        made = Delegation(
            parts.person(giver.persons[0]),
            parts.person(taker.persons[0]),
            _roles(roles),
            now if since is None else _ms(since, end=False),
            _ms(until, end=True),
            delegation_id=f"dlg_{parts.ids.run_id().removeprefix('run_')}",
            by=giver,
            at=now,
            note=checked_text(note, "the note", REASON_LIMIT),
        )
        self._check(made, giver, taker)
        if circle_of([made, *await self._leading_to(made.giver, now)]):
            msg = f"{made.taker} speaks for {made.giver} already, over others: that would be a circle"
            raise InputRefused(msg, help="end one of them first: `hitl-fsm delegate --list`")
        if not await parts.store.add_delegation(
            made, _record("delegation_made", made, giver, now), most=DELEGATIONS_MAX
        ):
            msg = f"{made.giver} has given {DELEGATIONS_MAX} delegations"
            raise LimitExceeded(msg, help="end one of them first: `hitl-fsm delegate --list`")
        return made

    def end(self, delegation_id: str, *, by: Actor | str) -> Delegation:
        return run_sync(self.aend(delegation_id, by=by))

    async def aend(self, delegation_id: str, *, by: Actor | str) -> Delegation:
        """End one before its time; only its giver may. Raises InputRefused where there is none, NotAuthorised."""
        parts = self._ground.parts
        name = checked_name(delegation_id, "the delegation's id")
        rows = await parts.store.delegations(delegation_id=name)
        if not rows or rows[0].state == "ended":
            raise _not_found(name)
        made, who = rows[0].delegation, self._giver(by)
        if parts.person(made.giver) != parts.person(who.persons[0]):
            msg = f"{who.id} may not end {name}: {made.giver} gave it"
            raise NotAuthorised(msg, help="whoever gave it ends it")
        if not await parts.store.end_delegation(name, _record("delegation_ended", made, who, parts.clock.now())):
            raise _not_found(name)
        return made

    def list(
        self, *, giver: str | None = None, taker: str | None = None, ended: bool = False
    ) -> Sequence[DelegationRow]:
        """Those that hold, or will; with `ended` the others too, by any id of giver or taker."""
        return run_sync(self.alist(giver=giver, taker=taker, ended=ended))

    async def alist(
        self, *, giver: str | None = None, taker: str | None = None, ended: bool = False
    ) -> Sequence[DelegationRow]:
        person = self._ground.parts.person
        return await self._kept(
            giver=None if giver is None else person(giver),
            taker=None if taker is None else person(taker),
            until_after=None if ended else self._ground.parts.clock.now(),
        )

    def acting_for(self, name: str) -> tuple[Delegation, ...]:
        return run_sync(self.aacting_for(name))

    async def aacting_for(self, name: str) -> tuple[Delegation, ...]:
        """The delegations by which somebody may speak for others at this moment; Tampered where one was altered."""
        return await self._valid(self._ground.actor(name, Actor(name)))

    def actor(self, name: str, on_behalf_of: str) -> Actor:
        return run_sync(self.aactor(name, on_behalf_of))

    async def aactor(self, name: str, on_behalf_of: str) -> Actor:
        """Somebody who speaks for somebody else now, to be used as `by`. NotAuthorised where no delegation says so."""
        return await self.aspeaking(self._ground.actor(name, Actor(name)), on_behalf_of)

    def speaking(self, taker: Actor, on_behalf_of: str) -> Actor:
        return run_sync(self.aspeaking(taker, on_behalf_of))

    async def aspeaking(self, taker: Actor, on_behalf_of: str) -> Actor:
        """As `aactor`, for who is known already; the credential stays what it is."""
        giver = self._ground.actor(checked_name(on_behalf_of, "who is spoken for"), Actor(on_behalf_of))
        found = standing_in(taker, giver, await self._valid(taker))
        if found is None:
            msg = f"{taker.id} may not speak for {on_behalf_of}"
            raise NotAuthorised(msg, help="only by a delegation that holds now: `hitl-fsm delegate --list`")
        return found

    # -- inside

    def _giver(self, by: By) -> Actor:
        """A person, who speaks for nobody else."""
        giver = self._ground.actor(by, Actor(""))
        if giver.kind != "human" or giver.on_behalf_of is not None or not giver.id:
            msg = "only a person delegates, and only what is the own"
            raise InputRefused(msg, help="`by` is the one who gives it")
        return giver

    def _check(self, made: Delegation, giver: Actor, taker: Actor) -> None:
        parts = self._ground.parts
        since, until = made.since or 0, made.until or 0
        problem = ""
        if made.giver == made.taker:
            problem = f"{made.taker} is the same person"
        elif parts.people is not None and not parts.people().knows(taker.id):
            problem = f"the directory knows nobody called {taker.id}"
        elif until <= max(since, made.at):
            problem = f"it would be over at {iso(until)}, before it begins"
        elif until > made.at + DELEGATION_DAYS * _DAY_MS:
            problem = f"it would last longer than {DELEGATION_DAYS} days from now"
        elif missing := [role for role in made.roles if role not in giver.roles]:
            problem = f"{made.giver} has no role {missing[0]}"
        if problem:
            msg = f"{made.giver} cannot delegate to {made.taker}: {problem}"
            raise InputRefused(msg, help="nothing was kept; a delegation is of roles that one has, to somebody else")

    async def _valid(self, taker: Actor) -> tuple[Delegation, ...]:
        parts = self._ground.parts
        now, person = parts.clock.now(), parts.person(taker.persons[0])
        if parts.people is not None and not parts.people().knows(person):
            return ()  # whoever was taken off the directory has what was delegated no more
        kept = [row.delegation for row in await self._kept(taker=person, until_after=now)]
        directory = _NOBODY if parts.people is None else parts.people()
        return directory.valid((*directory.delegations, *kept), person, now)

    async def _kept(
        self, *, giver: str | None = None, taker: str | None = None, until_after: int | None = None
    ) -> Sequence[DelegationRow]:
        found: list[DelegationRow] = []
        while True:
            after = found[-1].delegation.delegation_id if found else ""
            page = await self._ground.store.delegations(
                giver=giver, taker=taker, until_after=until_after, after=after, limit=PAGE
            )
            found.extend(page)
            if len(page) < PAGE:
                return found

    async def _leading_to(self, giver: str, now: int) -> Sequence[Delegation]:
        """Whatever makes somebody speak for somebody who speaks for … `giver`; with the files' own delegations."""
        people = self._ground.parts.people
        found = [] if people is None else list(people().delegations)
        seen, ahead = {giver}, [giver]
        while ahead:
            if len(seen) > GIVERS_MAX:
                msg = f"more than {GIVERS_MAX} people have delegated to each other before {giver}"
                raise LimitExceeded(msg, help="end some delegations; a circle could not be ruled out")
            person = ahead.pop()
            kept = [row.delegation for row in await self._kept(taker=person, until_after=now)]
            found += kept
            before = {one.giver for one in (*kept, *found) if one.taker == person} - seen
            seen |= before
            ahead += before
        return found


def _roles(value: Sequence[str]) -> tuple[str, ...]:
    if isinstance(value, str) or len(value) > DELEGATED_ROLES_MAX:
        msg = f"roles are a list of at most {DELEGATED_ROLES_MAX} names"
        raise InputRefused(msg, help='roles=["cfo"]; without it, all')
    return tuple(sorted({checked_name(role, "a role") for role in value}))


def _ms(value: Time, *, end: bool) -> int:
    if isinstance(value, str):
        try:
            return moment_ms(value, end=end)
        except ValueError as error:
            raise InputRefused(str(error), help="nothing was kept") from None
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"a time is a text, or milliseconds, not {type(value).__name__}"
        raise InputRefused(msg, help="nothing was kept")
    return value


def _record(event: str, made: Delegation, by: Actor, now: int) -> Record:
    data = {"delegation": made.delegation_id, "giver": made.giver, "taker": made.taker, "roles": list(made.roles)}
    if event != "delegation_made":
        return Record(event, now, by, data=data)
    note = {"note": made.note} if made.note else {}
    return Record(event, now, by, "", {**data, "since": made.since, "until": made.until}, note, by.id)


def _not_found(delegation_id: str) -> InputRefused:
    msg = f"there is no delegation {delegation_id!r} that holds"
    return InputRefused(msg, help="`hitl-fsm delegate --list` lists them")
