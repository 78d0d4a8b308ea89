"""One line of the audit log, before the chain gives it its sequence number and its predecessor's hash."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.actor import Actor


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """`event` is what happened, `at` when (ms since the epoch, UTC), `by` who; `data` depends on the event.

    `contents` are people's data and whatever else may have to be forgotten, by name. The stored line has a salted
    commitment for each; the values are kept beside it, under the key of `subject`, the person whom they are about.
    `v` is the version of the event's schema (`audit/events`).
    """

    event: str
    at: int
    by: Actor
    run: str = ""
    data: dict[str, Any] = {}
    contents: dict[str, Any] = {}
    subject: str = ""
    v: int = 1
