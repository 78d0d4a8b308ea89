"""Each record that this process committed, as one line of the operational log, under the record's own names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hitl_fsm.ports import Landed, Log, Watcher

LEVEL_OF: Mapping[str, str] = {
    # Something went wrong, and what is to follow follows.
    **dict.fromkeys(
        (
            "approval_revoked",
            "call_failed",
            "call_lost",
            "call_sent_back",
            "dispatch_failed",
            "dispatch_not_begun",
            "grant_revoked",
            "late_result",
            "model_failed",
            "notice_failed",
            "people_refused",
            "policies_refused",
            "requirement_escalated",
            "requirement_expired",
        ),
        "warning",
    ),
    # Somebody has to look.
    **dict.fromkeys(("break_glass", "dispatch_lost", "dispatch_refused", "dispatch_unknown", "run_failed"), "error"),
}
"""The level of a line; `info` for the others."""

TOLD = (
    *("requirement", "call", "tool", "kind", "state", "outcome", "trigger", "answer", "turn", "attempt", "attempts"),
    *("frame", "grant", "delegation", "hold", "notice", "channel", "route", "became", "model", "policies", "was"),
    *("in_force", "why", "count", "waited_ms", "expires_at", "level", "question", "worker", "digest", "reader"),
)
"""What of a record's data is told: ids, names, numbers and the words of the machines. No one's own words, no values."""


class _Line(msgspec.Struct):
    at: int
    by: dict[str, Any]
    run: str = ""
    data: dict[str, Any] = {}


_read = msgspec.json.Decoder(_Line).decode


def telling(log: Log, *others: Watcher) -> Watcher:
    """What a store tells of its records, told to the log, and to others; it never raises where they do not."""

    def tell(landed: Sequence[Landed]) -> None:
        for other in others:
            other(landed)
        if log.is_heard():
            for one in landed:
                line = _read(one.body)
                stranded = line.data.get("became") in {"dead", "unknown"}
                level = "error" if stranded else LEVEL_OF.get(one.event, "info")
                log(one.event, level=level, **_fields(one.seq, line))

    return tell


def _fields(seq: int, line: _Line) -> dict[str, Any]:
    fields: dict[str, Any] = {"seq": seq, "at": line.at, "by": line.by.get("id", "")}
    if line.run:
        fields["run"] = line.run
    for name in TOLD:
        value = line.data.get(name)
        if isinstance(value, str | int):
            fields["escalated_to" if name == "level" else name] = value
    return fields
