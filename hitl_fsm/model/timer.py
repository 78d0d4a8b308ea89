"""What is to happen to a run at a time, unless something else happens to it before."""

from __future__ import annotations

from typing import Literal

import msgspec


class Timer(msgspec.Struct, frozen=True):
    """`about` is the requirement's id, `due_at` is in ms since the epoch. A run has one timer of a kind and subject."""

    run_id: str
    about: str
    kind: Literal["expiry", "reminder"]
    due_at: int
