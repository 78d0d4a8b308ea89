"""A remembered permission, with a scope and an end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from hitl_fsm.model.actor import Actor


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gate that need not be asked about again, for calls that are alike (`core.grants.alike`).

    Alike: of `agent` and `tool` (in its `tool_version`), at the gate `gate` (its key), with exactly `args`, but for the
    values of `vary`; in `run_id`, in `session`, for `user`, where they are set. `uses` further calls, until `until`
    (ms), and the sum of the argument `budget_of` not above `budget`. `requirement_id` is the question that was
    answered, by `by`, at `at` (ms). `sensitive` are the arguments that nobody is shown.
    """

    grant_id: str
    gate: str
    tool: str
    agent: str
    args: dict[str, Any]
    uses: int
    until: int
    by: tuple[Actor, ...]
    at: int
    requirement_id: str
    tool_version: str = ""
    vary: tuple[str, ...] = ()
    budget_of: str = ""
    budget: int | float = 0
    run_id: str = ""
    session: str = ""
    user: str = ""
    sensitive: tuple[str, ...] = ()

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody whose word it is."""
        return tuple(dict.fromkeys(one for actor in self.by for one in actor.persons))


class GrantRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grant as it stands in the store: how often it was used, and what that came to (exactly: money is added up)."""

    grant: Grant
    state: Literal["active", "revoked"] = "active"
    used: int = 0
    spent: Decimal = Decimal(0)


class GrantUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One gate (its key) of one call passed by a grant; `amount` counts against its budget.

    `by` are the people whose word the grant is.
    """

    grant_id: str
    gate: str
    amount: int | float = 0
    call_id: str = ""
    by: tuple[str, ...] = ()
