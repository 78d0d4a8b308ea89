"""Times in files: days and instants as texts -> milliseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
MOMENT_PATTERN = rf"^({_DAY.pattern}|{_INSTANT.pattern})$"


class Span(NamedTuple):
    """From `since` to before `until` (ms since the epoch); None: without that end."""

    since: int | None = None
    until: int | None = None

    def holds(self, now: int) -> bool:
        """Whether `now` (ms) is in it."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)

    @property
    def is_empty(self) -> bool:
        return self.since is not None and self.until is not None and self.until <= self.since


def moment_ms(text: str, zone: tzinfo = UTC, *, end: bool = False) -> int:
    """`2026-12-31` (a whole day of `zone`), or an RFC 3339 instant with its offset, in milliseconds.

    A day begins at its first instant; as an `end` it is over at the first one of the next day, so that it is included.
    ValueError for anything else.
    """
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            return _ms(datetime(day.year, day.month, day.day, tzinfo=zone))
        if _INSTANT.fullmatch(text):
            return _ms(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        pass
    msg = f"{text!r} is no day (2026-12-31) and no instant with its offset (2026-12-31T18:00:00Z)"
    raise ValueError(msg)


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def zone_named(name: str) -> tzinfo:
    """`Europe/Madrid`; ValueError for a zone that this machine does not know."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        msg = f"there is no time zone {name!r}"
        raise ValueError(msg) from None


def span_of(since: str | None, until: str | None, zone: tzinfo) -> Span:
    """Texts that were checked to be moments."""
    return Span(
        None if since is None else moment_ms(since, zone),
        None if until is None else moment_ms(until, zone, end=True),
    )
