"""When a calendar is open, by days and minutes of the place it is about. No zone file, no clock: those are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import msgspec

NO_CALENDARS: Mapping[str, Calendar] = MappingProxyType({})
WINDOWS_MAX = 1_000
"""Open times of one wait."""
YEARS_MAX = 10
"""Years that one wait may take until so much open time has passed."""
_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
_EPOCH = date(1970, 1, 1)
_YEAR_WEEKS = 52

Hours = tuple[tuple[int, int], ...]
"""The open times of one day: begin and end in minutes since its midnight, in order, none touching another."""
IsHoliday = Callable[[date], bool]


class Calendar(msgspec.Struct, frozen=True, omit_defaults=True):
    """When work is done somewhere. `timezone` is a name of the IANA database, `week` has Monday to Sunday.

    On `holidays` (`ES`, or `ES-MD` with a part of the country) and on the dates `closed` it is closed; the dates `open`
    have hours of their own, whatever else is said of them. Dates are ISO 8601.
    """

    name: str
    timezone: str
    week: tuple[Hours, ...]
    holidays: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    open: dict[str, Hours] = {}

    def covers(self, need_ms: int) -> bool:
        """Whether so much open time comes within the limits, holidays left aside."""
        weekly_ms = _open_ms(self.week)
        if not weekly_ms:
            return need_ms <= _open_ms(self.open.values())
        weeks = -(-need_ms // weekly_ms)
        return weeks * sum(map(len, self.week)) <= WINDOWS_MAX and weeks <= YEARS_MAX * _YEAR_WEEKS


def _open_ms(days: Iterable[Hours]) -> int:
    return sum(end - begin for day in days for begin, end in day) * _MINUTE_MS


def hours_of(calendar: Calendar, day: date, is_holiday: IsHoliday) -> Hours:
    """When it is open on that day, by the clock on the wall."""
    text = day.isoformat()
    if (special := calendar.open.get(text)) is not None:
        return special
    usual = calendar.week[day.weekday()]
    return () if not usual or text in calendar.closed or is_holiday(day) else usual


def open_within(
    calendar: Calendar, begin_ms: int, end_ms: int, offset_ms: int, is_holiday: IsHoliday
) -> Iterator[tuple[int, int]]:
    """The open times between two moments (ms since the epoch), while the wall's clock is `offset_ms` ahead of UTC.

    Open is every moment at which the clock on the wall shows a time within the hours. So an hour that a change of
    clocks leaves out is no time at all, and one that it repeats counts twice.
    """
    day = day_of(begin_ms + offset_ms)
    midnight_ms = (day - _EPOCH).days * _DAY_MS - offset_ms
    while midnight_ms < end_ms:
        for begin, end in hours_of(calendar, day, is_holiday):
            opens = max(begin_ms, midnight_ms + begin * _MINUTE_MS)
            closes = min(end_ms, midnight_ms + end * _MINUTE_MS)
            if opens < closes:
                yield opens, closes
        day, midnight_ms = day + timedelta(days=1), midnight_ms + _DAY_MS


def day_of(local_ms: int) -> date:
    """The date that a wall's clock shows, of ms since the epoch by that clock."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=local_ms)).date()
