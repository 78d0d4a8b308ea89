"""Who acts."""

from __future__ import annotations

from typing import Literal

import msgspec


class Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    """A human, agent, service or timer, with roles and how it was authenticated.

    `authenticated_by` names the credential (`application` when the embedding program vouches,
    `os:<uid>` for a shell user); `on_behalf_of` names the person for whom the actor spoke.
    """

    id: str
    roles: tuple[str, ...] = ()
    kind: Literal["human", "agent", "service", "timer"] = "human"
    authenticated_by: str = "application"
    on_behalf_of: str | None = None


ENGINE = Actor(id="hitl-fsm", kind="service", authenticated_by="engine")
TIMER = Actor(id="timer", kind="timer", authenticated_by="engine")
