"""Instants as people read them. The model counts milliseconds since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(ms: int) -> str:
    """RFC 3339, UTC, with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
