"""A remembered permission, with a scope and an end."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hitl_fsm.model.actor import Actor


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gate that need not be asked about again, for calls that are alike.

    Alike: of `agent` and `tool`, at the gate `gate` (its key), with exactly `args`, but for `vary`; in `run_id`, or in
    `session` of `user`, where they are set. `uses` further calls, until `until` (ms), and the sum of the argument
    `budget_of` not above `budget`. `requirement_id` is the question that was answered, by `by`, at `at` (ms).
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
    vary: tuple[str, ...] = ()
    budget_of: str = ""
    budget: int | float = 0
    run_id: str = ""
    session: str = ""
    user: str = ""


class GrantRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grant as it stands in the store: how often it was used, and what that came to."""

    grant: Grant
    state: Literal["active", "revoked"] = "active"
    used: int = 0
    spent: int | float = 0


class GrantUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """One gate of one call passed by a grant; `amount` counts against its budget."""

    grant_id: str
    gate: str
    amount: int | float = 0
