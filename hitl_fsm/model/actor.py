"""Who acts."""

from __future__ import annotations

from typing import Literal

import msgspec


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    """A human, agent, service or timer, with roles and how it was authenticated.

    `authenticated_by` names the credential (`application` when the embedding program vouches, `os:<uid>` for a shell
    user). `person` is who it is, where one person has several ids (empty: the id itself). `on_behalf_of` is the person
    for whom the actor spoke, by a delegation; the roles are then those of the delegation. `printed_name` is the name in
    words, as it stands under a signature (21 CFR 11.50).
    """

    id: str
    roles: tuple[str, ...] = ()
    kind: Literal["human", "agent", "service", "timer"] = "human"
    authenticated_by: str = "application"
    on_behalf_of: str | None = None
    person: str = ""
    groups: tuple[str, ...] = ()
    printed_name: str = ""

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody whose word this is: the person, and whom the person stands in for. Neither counts twice."""
        own = self.person or self.id
        return (own,) if self.on_behalf_of in (None, own) else (own, self.on_behalf_of or "")

    @property
    def signature(self) -> str:
        """Who it was, for a reader."""
        return f"{self.printed_name} ({self.id})" if self.printed_name else self.id


ENGINE = Actor(id="hitl-fsm", kind="service", authenticated_by="engine")
TIMER = Actor(id="timer", kind="timer", authenticated_by="engine")
