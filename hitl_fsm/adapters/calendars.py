"""Calendars of this machine: its time zones, the holidays of the world, and the files below the policies' folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from hitl_fsm.errors import CalendarError, Diagnostic
from hitl_fsm.policy.calendar import WINDOWS_MAX, YEARS_MAX, Calendar, open_within

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from hitl_fsm.policy.calendar_files import Wrong

KEPT_YEARS = 256
"""Years of one country's holidays that a process remembers."""

_DAY_MS = 86_400_000
_YEAR_DAYS = 366
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_ZONES = frozenset({"localtime", "Factory"})
"""Names that every machine has, each for something else."""
_INSTALL = "pip install 'hitl-fsm[calendars]'"


def open_times(calendar: Calendar, from_ms: int, need_ms: int) -> tuple[int, ...]:
    """`ports.OpenTimes`, by this machine's time zones and the library of holidays."""
    if need_ms <= 0:
        return ()
    zone = _zone(calendar.timezone)
    found: list[int] = []
    covered = 0

    def is_holiday(day: date) -> bool:
        return any(day in holidays(code, day.year) for code in calendar.holidays)

    for begin, end, offset in _stretches(zone, from_ms):
        for opens, closes in open_within(calendar, begin, end, offset, is_holiday):
            if found and found[-1] == opens:
                found[-1] = closes
            elif len(found) < 2 * WINDOWS_MAX:
                found += (opens, closes)
            else:
                msg = f"the calendar {calendar.name!r} has no {need_ms} ms in its next {WINDOWS_MAX} open times"
                raise CalendarError(msg, help="let the question wait for less, or give the calendar longer hours")
            covered += closes - opens
        if covered >= need_ms:
            return tuple(found)
    msg = f"the calendar {calendar.name!r} is not open for {need_ms} ms within {YEARS_MAX} years"
    raise CalendarError(msg, help="give it hours; `hitl-fsm validate` checks calendars")


def _stretches(zone: ZoneInfo, from_ms: int) -> Iterator[tuple[int, int, int]]:
    """Begin, end, and how far the wall's clock is ahead of UTC (ms): no longer than a day, and without a change.

    Zones change their clocks once in a day at most; when is looked for between two of its ends that differ.
    """
    begin, offset = from_ms, _offset(zone, from_ms)
    for _ in range(YEARS_MAX * _YEAR_DAYS):
        end = (begin // _DAY_MS + 1) * _DAY_MS
        after = _offset(zone, end)
        if after != offset:
            low, high = begin, end
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            yield begin, high, offset
            begin = high
        if begin < end:
            yield begin, end, after
        begin, offset = end, after


def _offset(zone: ZoneInfo, at_ms: int) -> int:
    ahead = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).utcoffset() or timedelta()
    return ahead // timedelta(milliseconds=1)


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only for who has calendars

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"this machine does not know the time zone {name!r}"
        raise CalendarError(msg, help=_INSTALL) from error


@lru_cache(maxsize=KEPT_YEARS)
def holidays(code: str, year: int) -> frozenset[date]:
    """The public holidays of a country, or of a part of it (`ES-MD`), in one year. CalendarError if nobody knows."""
    try:
        from holidays import country_holidays  # noqa: PLC0415 - 0.1 s, and an extra
    except ImportError as error:
        msg = f"the holidays of {code!r} are not known here: the library `holidays` is missing"
        raise CalendarError(msg, help=_INSTALL) from error
    country, _, part = code.partition("-")
    try:
        return frozenset(country_holidays(country, subdiv=part or None, years=year))
    except NotImplementedError as error:
        msg = f"nobody knows the holidays of {code!r}"
        raise CalendarError(msg, help="write a country as ES, or a part of one as ES-MD") from error


class MachinePlaces:
    """`policy.calendar_files.Places`: what this machine knows."""

    def wrong_zone(self, name: str) -> Wrong | None:
        from hitl_fsm.policy.calendar_files import Wrong  # noqa: PLC0415 - with pydantic
        from hitl_fsm.policy.names import did_you_mean  # noqa: PLC0415 - as above

        known = _zones()
        if not known:
            return Wrong("this machine knows no time zones", _INSTALL)
        if name in known:
            return None
        same = next((one for one in known if one.lower() == name.lower()), None)
        hint = f"did you mean `{same}`?" if same else did_you_mean(name, known)
        return Wrong(f"there is no time zone {name!r}", hint or "a name such as Europe/Madrid, America/New_York, UTC")

    def wrong_holidays(self, code: str) -> Wrong | None:
        from hitl_fsm.policy.calendar_files import Wrong  # noqa: PLC0415 - with pydantic
        from hitl_fsm.policy.names import did_you_mean  # noqa: PLC0415 - as above

        try:
            from holidays import list_supported_countries  # noqa: PLC0415 - 0.1 s, and an extra
        except ImportError:
            return Wrong("holidays need the library `holidays`, which is not installed", _INSTALL)
        country, _, part = code.partition("-")
        parts: Mapping[str, list[str]] = list_supported_countries()
        if country not in parts:
            hint = did_you_mean(country.upper(), parts) or "two letters (ISO 3166) such as ES, DE, US"
            return Wrong(f"there are no holidays of a country {country!r}", hint)
        if part not in parts[country] and code != country:
            names = parts[country]
            hint = did_you_mean(part, names) or (f"parts: {', '.join(names[:20])}" if names else f"write `{country}`")
            return Wrong(f"{country} has no part {part!r} with holidays of its own", hint)
        return None


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """The zones by name; a walk through some six hundred files."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - only for who has calendars

    return frozenset(available_timezones() - _NOT_ZONES)


def calendars_in(files: Mapping[str, bytes]) -> tuple[dict[str, Calendar], tuple[Diagnostic, ...]]:
    """The calendars of these files without fault, by name, and what is wrong with the others."""
    if not files:
        return {}, ()
    from hitl_fsm.policy.calendar_files import read_calendars  # noqa: PLC0415 - its models take long to make

    return read_calendars(files, MachinePlaces())
