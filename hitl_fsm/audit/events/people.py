"""People: what they may do, for whom, for how long; permissions that are remembered; reviews of emergencies."""

from __future__ import annotations

from typing import ClassVar, Literal

from hitl_fsm.audit.events.base import (
    ActionDigest,
    Count,
    Data,
    Decimal,
    Digest,
    GateKey,
    Moment,
    Names,
    OfCall,
    PersonId,
    RequirementId,
    RunId,
    Shape,
    ToolName,
)


class GrantMade(Data):
    """A yes that is remembered: for which tool of which agent, how often, until when, up to what, by whose word."""

    CONTENTS: ClassVar = {"args": "the arguments that the calls must have"}
    grant_id: str
    gate: GateKey
    tool: ToolName
    agent: str
    uses: Count
    until: Moment
    at: Moment
    requirement_id: RequirementId
    voters: Names
    tool_version: str = ""
    vary: Names = ()
    budget_of: str = ""
    budget: Decimal = "0"
    run_id: RunId = ""
    session: str = ""
    user: PersonId = ""
    sensitive: Names = ()


class GrantUsed(OfCall):
    """An action passed a gate by a remembered permission: nobody was asked."""

    CONTENTS: ClassVar = {"amount": "what counts against its budget"}
    grant: str


class GrantRevoked(Data):
    """A remembered permission was ended, after so many uses."""

    CONTENTS: ClassVar = {"reason": "why"}
    grant: str
    tool: ToolName
    agent: str
    used: Count


class DelegationEnded(Data):
    """Somebody does not speak for somebody else any more."""

    delegation: str
    giver: PersonId
    taker: PersonId
    roles: Names


class DelegationMade(DelegationEnded):
    """Somebody may speak for somebody else: with which roles (none: all), from when, until when."""

    CONTENTS: ClassVar = {"note": "why"}
    since: Moment | None = None
    until: Moment | None = None


class OverrideReviewed(Data):
    """Somebody else looked at a gate that one person had passed alone."""

    CONTENTS: ClassVar = {"finding": "what came of looking at it"}
    requirement: RequirementId
    tool: ToolName
    digest: ActionDigest
    broken_by: PersonId
    broken_at: Moment


class HeldFor(Shape):
    """From when until when a role or a group is held; without one of them, without that end."""

    name: str
    since: Moment | None = None
    until: Moment | None = None


class RoleChange(Shape):
    """What one person gained and lost: roles and groups, as `role:NAME` and `group:NAME`.

    `times` has when those that are gained are held, of each that has a beginning or an end.
    """

    person: PersonId
    gained: Names = ()
    lost: Names = ()
    times: tuple[HeldFor, ...] = ()


class Lent(Shape):
    """Who may speak for whom by the files; with which roles (none: all), and whether only while the giver is away."""

    giver: PersonId
    taker: PersonId
    roles: Names = ()
    since: Moment | None = None
    until: Moment | None = None
    when: Literal["always", "absent"] = "always"


class Away(Shape):
    """When somebody is absent."""

    person: PersonId
    since: Moment | None = None
    until: Moment | None = None


class PeopleActivated(Data):
    """Who is who, from now on: the roles files in use were loaded for the first time, or changed.

    `changed` are the people who gained or lost a role or a group, or have it for another time; beyond a limit they are
    counted in `more`. `delegations` and `absences` are all that the files have now. `people` and `was` name the whole
    of it by digest.
    """

    CONTENTS: ClassVar = {"held": "who is in which roles and groups now, and when, to compare with"}
    people: Digest
    was: Digest | Literal[""] = ""
    count: Count
    changed: tuple[RoleChange, ...] = ()
    more: Count = 0
    delegations: tuple[Lent, ...] = ()
    absences: tuple[Away, ...] = ()


class PeopleRefused(Data):
    """Changed roles files do not load: who is who stays as it was. `count` findings, the first of them in words."""

    in_force: Digest
    worker: str
    count: Count
    findings: Names


EVENTS: dict[str, type[Data]] = {
    "grant_made": GrantMade,
    "grant_used": GrantUsed,
    "grant_revoked": GrantRevoked,
    "delegation_made": DelegationMade,
    "delegation_ended": DelegationEnded,
    "override_reviewed": OverrideReviewed,
    "people_activated": PeopleActivated,
    "people_refused": PeopleRefused,
}
