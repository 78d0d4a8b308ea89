"""A legal hold: what must not be forgotten while it lasts."""

from __future__ import annotations

from typing import Literal

import msgspec

from hitl_fsm.model.actor import Actor

HoldKind = Literal["subject", "run", "all"]
HoldState = Literal["active", "released"]


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """`about` is a person, by id, or a run ("" for all there is); `reason` says why, `at` since when (ms)."""

    hold_id: str
    kind: HoldKind
    about: str
    by: Actor
    at: int
    reason: str


class HoldRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hold as it stands."""

    hold: Hold
    state: HoldState
