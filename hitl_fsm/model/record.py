"""One line of the audit log, before the chain gives it its sequence number and its predecessor's hash."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.actor import Actor


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """`event` is what happened, `at` when (ms since the epoch, UTC), `by` who; `data` depends on the event."""

    event: str
    at: int
    by: Actor
    run: str = ""
    data: dict[str, Any] = {}
