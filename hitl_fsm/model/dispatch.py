"""An external call on its way to the system that carries it out, and what became of that way."""

from __future__ import annotations

from typing import Any

import msgspec


class Handover(msgspec.Struct, frozen=True):
    """What a route is given. The same at each attempt, but for `attempt`, which counts from 1.

    `args` are exactly those that `digest` binds. `idempotency_key` stays the same over all attempts of one execution
    of the call. `callback_id` names this handover in a callback. `expires_at` is ms since the epoch, None: never.
    """

    requirement_id: str
    run_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    digest: str
    idempotency_key: str
    callback_id: str
    attempt: int
    expires_at: int | None = None


class Returned(msgspec.Struct, frozen=True, tag="returned"):
    """It was carried out, with this result."""

    result: Any


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """The system has it, and will call back."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The system says that it failed. The model reads `told`; `detail` is for people only."""

    told: str
    detail: str = ""


class NotBegun(msgspec.Struct, frozen=True, tag="not_begun"):
    """It certainly did not begin; another try may help."""

    detail: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It certainly did not begin, and will not without somebody's doing."""

    detail: str


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """It may have been carried out; nobody knows (law 3)."""

    detail: str


Outcome = Returned | Taken | Failed | NotBegun | Refused | Unknown


class Callback(msgspec.Struct, frozen=True):
    """What a system called back with, under a signature that was checked; either a result, or why it failed."""

    callback_id: str
    result: Any = None
    error: str | None = None
