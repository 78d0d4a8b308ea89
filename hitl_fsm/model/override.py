"""A gate that one person passed alone, in an emergency, and the look at it that is still owed."""

from __future__ import annotations

from typing import Literal

import msgspec

from hitl_fsm.model.actor import Actor

OverrideState = Literal["open", "reviewed"]


class Override(msgspec.Struct, frozen=True, omit_defaults=True):
    """Open until somebody else than `by` has looked at it. Times are ms since the epoch."""

    requirement_id: str
    run_id: str
    tool: str
    digest: str
    by: Actor
    at: int
    reason: str
    reviewed_by: Actor | None = None
    reviewed_at: int | None = None
    finding: str = ""
