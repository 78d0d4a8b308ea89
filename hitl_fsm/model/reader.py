"""Readers of the record: by the prefix of its name in the store, what each is."""

from __future__ import annotations

from typing import Final

CHANNEL: Final = "notices:"
COPY: Final = "sink:"
ROUTE: Final = "route:"
TRACE: Final = "telemetry:"

_KINDS: Final = {CHANNEL: "channel", COPY: "second copy", ROUTE: "route", TRACE: "trace"}


def kind_of(reader: str) -> str:
    """In words; "unknown" for a name that no part of this program gives."""
    return next((kind for prefix, kind in _KINDS.items() if reader.startswith(prefix)), "unknown")


def channel_of(reader: str) -> str:
    """The channel whose notices it makes; "" for what is none."""
    return reader.removeprefix(CHANNEL) if reader.startswith(CHANNEL) else ""
