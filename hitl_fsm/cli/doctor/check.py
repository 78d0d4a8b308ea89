"""What `doctor` finds, as a value."""

from __future__ import annotations

from typing import Literal

import msgspec

Outcome = Literal["ok", "note", "problem"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was looked at. A `problem` has a remedy; a `note` is worth knowing and no problem."""

    topic: str
    outcome: Outcome
    told: str
    remedy: str | None = None
