"""What of a line becomes facts, by event. Members that are not named here are not read."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What a column takes; a line with another number cannot be read."""
Looked = Annotated[tuple[Any, ...], msgspec.Meta(min_length=4)]
"""Policy, rule, line, what came of it."""


class By(msgspec.Struct):
    """An actor as lines have it."""

    id: str = ""
    roles: tuple[str, ...] = ()
    kind: str = "human"
    authenticated_by: str = "application"
    on_behalf_of: str | None = None
    person: str = ""
    groups: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """The person."""
        return self.person or self.id

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody whose word it is."""
        return (self.own, self.on_behalf_of) if self.on_behalf_of else (self.own,)


class Line(msgspec.Struct, Generic[T]):
    """One line; `data` as the event has it."""

    seq: Int
    prev: str
    event: str
    at: Int
    by: By
    data: T
    run: str = ""
    contents: msgspec.Raw = msgspec.Raw()


class Nothing(msgspec.Struct):
    """Of an event that counts only as one of its run's lines."""


class Bare(msgspec.Struct):
    """A line of which nothing but this is read."""

    seq: Int
    prev: str
    event: str
    at: Int
    run: str = ""


class Created(msgspec.Struct):
    kind: str = ""
    name: str = ""
    user: str = ""
    model: str = ""
    policies: str = ""


class Replied(msgspec.Struct):
    model: str = ""
    provider: str = ""
    instead_of: tuple[str, ...] = ()


class Money(msgspec.Struct):
    at: str
    minor: Int
    currency: str


class OfCall(msgspec.Struct):
    """`was` is a digest, or (in other events) something else that is not read."""

    call: str = ""
    tool: str = ""
    digest: str = ""
    attempt: Int = 0


class Reason(msgspec.Struct):
    effect: str = ""


class Judged(msgspec.Struct):
    call: str
    tool: str = ""
    digest: str = ""
    outcome: str = ""
    gates: tuple[str, ...] = ()
    policies: str = ""
    looked: tuple[Looked, ...] = ()
    money: tuple[Money, ...] = ()
    reasons: tuple[Reason, ...] = ()
    was: str = ""


class Pass(msgspec.Struct):
    gate: str = ""
    by: tuple[str, ...] = ()
    grant: str = ""


class Authorised(msgspec.Struct):
    call: str
    digest: str = ""
    passes: tuple[Pass, ...] = ()


class Flagged(msgspec.Struct):
    kind: str = ""
    where: str = ""


class Opened(msgspec.Struct):
    requirement: str
    kind: str = ""
    call: str = ""
    tool: str = ""
    digest: str = ""
    agent: str = ""
    gate: str = ""
    severity: str = "low"
    of: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    flags: tuple[Flagged, ...] = ()
    expires_at: Int = 0


class Closed(msgspec.Struct):
    requirement: str
    digest: str = ""
    answer: str = ""
    presented: str = ""
    waited_ms: Int = 0
    escalated: Int = 0


class Voted(msgspec.Struct):
    requirement: str
    answer: str = ""
    shown: str = ""
    presented: str = ""
    level: Int = 0
    counts: bool = True


class Viewed(msgspec.Struct):
    """`answered`: it was written with the answer, and is no look before it."""

    requirement: str
    presented: str = ""
    answered: bool = False


class OfRequirement(msgspec.Struct):
    """`level` and `of` are of `requirement_escalated`: who is asked from now on."""

    requirement: str = ""
    call: str = ""
    level: Int = 0
    of: tuple[str, ...] = ()


class Activated(msgspec.Struct):
    policies: str = ""
    was: str = ""
    why: str = ""


class OfGrant(msgspec.Struct):
    grant: str = ""
    call: str = ""
    tool: str = ""


class Granted(msgspec.Struct):
    """`voters` are ids; a grant is for a run, or else for a session, or else for an agent."""

    grant_id: str
    requirement_id: str = ""
    gate: str = ""
    tool: str = ""
    uses: Int = 0
    until: Int = 0
    at: Int = 0
    voters: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    budget_of: str = ""
    budget: str | int | float = 0
    run_id: str = ""
    session: str = ""


class Delegated(msgspec.Struct):
    delegation: str = ""
    giver: str = ""
    taker: str = ""
    roles: tuple[str, ...] = ()
    since: Int | None = None
    until: Int | None = None


class HeldFor(msgspec.Struct):
    name: str
    since: Int | None = None
    until: Int | None = None


class RoleChange(msgspec.Struct):
    person: str
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    times: tuple[HeldFor, ...] = ()


class Lent(msgspec.Struct):
    giver: str
    taker: str
    roles: tuple[str, ...] = ()
    since: Int | None = None
    until: Int | None = None
    when: str = "always"


class Away(msgspec.Struct):
    person: str
    since: Int | None = None
    until: Int | None = None


class People(msgspec.Struct):
    was: str = ""
    changed: tuple[RoleChange, ...] = ()
    delegations: tuple[Lent, ...] = ()
    absences: tuple[Away, ...] = ()


class Read(msgspec.Struct):
    what: str = ""
    about: str = ""
    lines: Int | None = None
    contents: bool = False
