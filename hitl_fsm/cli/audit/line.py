"""A line of the record, as cells of a table."""

from __future__ import annotations

from typing import Any

import msgspec

from hitl_fsm.model.instant import iso

TOLD = (
    "tool",
    "call",
    "requirement",
    "answer",
    "outcome",
    "state",
    "trigger",
    "note",
    "problem",
    "error",
    "reason",
    "count",
)
"""What of a line's data is worth its place in a table; `--format json` has all of it."""
GONE = "(no longer kept)"
"""Of what a line is committed to: it was erased or pruned."""
VALUE_CHARS = 120
LAST_INSTANT = 253_402_300_799_999
"""ms: the end of the year 9999."""


def line_cells(line: dict[str, Any]) -> tuple[str, ...]:
    """(seq, time, event, by, what); whatever the line holds, it gives texts."""
    if line.get("damaged"):
        return (str(line.get("seq", "")), "", "cannot be read", "", "`hitl-fsm audit verify` tells more")
    if line.get("pruned"):
        return (str(line.get("seq", "")), "", "pruned", "", "only its hash is kept")
    at, by, data = line.get("at"), line.get("by"), line.get("data")
    who = by if isinstance(by, dict) else {}
    speaker = str(who.get("id", ""))
    credential = str(who.get("authenticated_by", ""))
    if " as " in credential:
        speaker = f"{speaker} ({credential})"
    return (
        str(line.get("seq", "")),
        iso(at) if isinstance(at, int) and 0 <= at <= LAST_INSTANT else str(at),
        str(line.get("event", "")),
        speaker,
        " ".join(filter(None, (_what(data if isinstance(data, dict) else {}), _beside(line)))),
    )


def _beside(line: dict[str, Any]) -> str:
    """What is kept beside the line, where it was asked for: `opened` is what there still is of its `contents`."""
    opened, contents = line.get("opened"), line.get("contents")
    if not isinstance(opened, dict) or not isinstance(contents, dict):
        return ""
    return " ".join(f"{name}={_short(opened[name]) if name in opened else GONE}" for name in contents)


def _what(data: dict[str, Any]) -> str:
    told = [f"{name}={_short(data[name])}" for name in TOLD if data.get(name)]
    return " ".join(told)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    left_out = len(text) - VALUE_CHARS
    return text if left_out <= 0 else f"{text[:VALUE_CHARS]}… (+{left_out} characters)"
