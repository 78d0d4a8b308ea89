"""Who is who at an instant: from an identity to a person with roles, and who speaks for whom. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from hitl_fsm.model.actor import Actor
from hitl_fsm.model.delegation import Delegation
from hitl_fsm.policy.spans import Span


class Person(NamedTuple):
    """Somebody, or some machine, by the one id that stands for all others; `name` is the one in words."""

    id: str
    name: str = ""
    kind: Literal["human", "service", "agent"] = "human"


class Membership(NamedTuple):
    """That a person is in a role or a group, for a while."""

    name: str
    span: Span


_NOBODY: Mapping[str, Person] = MappingProxyType({})
_NO_NAMES: Mapping[str, str] = MappingProxyType({})
_NOTHING: Mapping[str, tuple[Membership, ...]] = MappingProxyType({})
_NO_SPANS: Mapping[str, tuple[Span, ...]] = MappingProxyType({})


class Directory(NamedTuple):
    """What roles files say of people. Everything is by persons' ids, but `identities`: from any id to the person's.

    `delegations` are those of the files; what people gave at run time is kept in the store.
    """

    people: Mapping[str, Person] = _NOBODY
    identities: Mapping[str, str] = _NO_NAMES
    roles: Mapping[str, tuple[Membership, ...]] = _NOTHING
    groups: Mapping[str, tuple[Membership, ...]] = _NOTHING
    delegations: tuple[Delegation, ...] = ()
    absences: Mapping[str, tuple[Span, ...]] = _NO_SPANS

    def person(self, identity: str) -> str:
        """The id of the person whose identity it is; one that nobody has stands for itself."""
        return self.identities.get(identity, identity)

    def knows(self, identity: str) -> bool:
        """Whether it is somebody's."""
        return identity in self.identities

    def is_away(self, person: str, now: int) -> bool:
        """Whether the person is absent at `now` (ms)."""
        return any(span.holds(now) for span in self.absences.get(person, ()))

    def actor(
        self,
        identity: str,
        now: int,
        *,
        authenticated_by: str = "application",
        on_behalf_of: str | None = None,
    ) -> Actor | None:
        """Who that is at `now` (ms), with the roles and groups of that instant; nobody known: an actor without roles.

        `on_behalf_of`: speaking for that person by a delegation of these files, with what was delegated and nothing
        else. None where no delegation allows it.
        """
        own = self._own(identity, now, authenticated_by)
        if on_behalf_of is None:
            return own
        giver = self._own(self.person(on_behalf_of), now, authenticated_by)
        return standing_in(own, giver, self.acting_for(identity, now))

    def acting_for(self, identity: str, now: int) -> tuple[Delegation, ...]:
        """The delegations of these files by which that person may speak for others at `now` (ms); one hop only."""
        return self.valid(self.delegations, self.person(identity), now)

    def valid(self, delegations: Iterable[Delegation], taker: str, now: int) -> tuple[Delegation, ...]:
        """Those of them that hold at `now` (ms) for a taker, by the person's id."""
        return tuple(
            one
            for one in delegations
            if self.person(one.taker) == taker
            and one.is_within(now)
            and (one.when == "always" or self.is_away(self.person(one.giver), now))
        )

    def _own(self, identity: str, now: int, authenticated_by: str) -> Actor:
        known = self.people.get(self.identities.get(identity, ""))
        if known is None:
            return Actor(identity, authenticated_by=authenticated_by)
        return Actor(
            identity,
            roles=_held(self.roles.get(known.id, ()), now),
            kind=known.kind,
            authenticated_by=authenticated_by,
            person=known.id,
            groups=_held(self.groups.get(known.id, ()), now),
            printed_name=known.name,
        )


def _held(memberships: Iterable[Membership], now: int) -> tuple[str, ...]:
    return tuple(sorted({one.name for one in memberships if one.span.holds(now)}))


def standing_in(taker: Actor, giver: Actor, delegations: Iterable[Delegation]) -> Actor | None:
    """`taker` speaking for `giver`, by those of the delegations that are between these two. None without any.

    Only what was delegated, as far as the giver has it now, and nothing of the taker's own. A machine that speaks for
    a person has no more than it has itself, too. What was delegated cannot be passed on, so a giver who speaks for
    somebody else gives nothing.
    """
    giver_id, taker_id = giver.person or giver.id, taker.person or taker.id
    if giver_id == taker_id or giver.on_behalf_of is not None or giver.kind != "human":
        return None
    mine = [one for one in delegations if (one.giver, one.taker) == (giver_id, taker_id)]
    if not mine:
        return None
    everything = any(not one.roles for one in mine)
    named = {role for one in mine for role in one.roles}
    given = Actor(
        giver.id,
        roles=tuple(role for role in giver.roles if everything or role in named),
        groups=giver.groups if everything else (),
        person=giver_id,
    )
    if taker.kind != "human":
        return limited(taker, given)
    return msgspec.structs.replace(taker, roles=given.roles, groups=given.groups, on_behalf_of=giver_id)


def limited(agent: Actor, principal: Actor) -> Actor:
    """An agent or a service that speaks for `principal`: only what both of them may.

    A weak principal cannot act through a strong agent, nor a strong one through a weak agent.
    """
    return msgspec.structs.replace(
        agent,
        roles=tuple(role for role in agent.roles if role in principal.roles),
        groups=tuple(group for group in agent.groups if group in principal.groups),
        on_behalf_of=principal.on_behalf_of or principal.person or principal.id,
    )


def circle_of(delegations: Sequence[Delegation]) -> tuple[Delegation, ...]:
    """Delegations that lead from one person back to the same, all of them valid at one instant; () without any.

    Those that hold only in an absence are left aside: two people may well be each other's deputies.
    """
    lasting = [one for one in delegations if one.when == "always"]
    for start in sorted({-1 if one.since is None else one.since for one in lasting}):
        found = _circle([one for one in lasting if one.is_within(start)])
        if found:
            return found
    return ()


def _circle(edges: Sequence[Delegation]) -> tuple[Delegation, ...]:
    """Depth first; who was left without meeting the own trail leads nowhere."""
    by_giver: dict[str, list[Delegation]] = {}
    for one in edges:
        by_giver.setdefault(one.giver, []).append(one)
    left: set[str] = set()
    for start, branch in by_giver.items():
        trail: list[Delegation] = []
        on_trail = {start: 0}
        branches = [iter(branch)]
        while branches:
            step = next(branches[-1], None)
            if step is None:
                branches.pop()
                left.add(trail.pop().taker if trail else start)
                continue
            if step.taker in on_trail and step.taker not in left:
                return (*trail[on_trail[step.taker] :], step)
            if step.taker not in left:
                trail.append(step)
                on_trail[step.taker] = len(trail)
                branches.append(iter(by_giver.get(step.taker, ())))
    return ()
