"""When a calendar is open, by the zones and holidays of this machine: changes of clocks, holidays, limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.adapters import calendars
from hitl_fsm.adapters.calendars import MachinePlaces, holidays, open_times
from hitl_fsm.errors import CalendarError
from hitl_fsm.policy.calendar import Calendar, Hours

MINUTE = 60_000
HOUR = 60 * MINUTE
NINE_TO_SIX: Hours = ((9 * 60, 18 * 60),)
MADRID = "Europe/Madrid"


def calendar(zone: str = MADRID, week: tuple[Hours, ...] = (NINE_TO_SIX,) * 5 + ((), ()), **more: Any) -> Calendar:
    return Calendar("c", zone, week, **more)


def every_day(hours: Hours, zone: str = MADRID) -> Calendar:
    return calendar(zone, (hours,) * 7)


def at(text: str) -> int:
    """`2026-10-25T02:30:00+02:00`, in ms."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def told(of: Calendar, begin: str, need_ms: int) -> list[str]:
    """The windows as the wall shows them, `begin>end`, with the distance to UTC."""
    zone = ZoneInfo(of.timezone)
    texts = [
        datetime.fromtimestamp(one / 1000, zone).strftime("%a %d %H:%M%z") for one in open_times(of, at(begin), need_ms)
    ]
    return [f"{one} > {other}" for one, other in zip(texts[::2], texts[1::2], strict=True)]


def test_a_wait_that_begins_on_friday_evening_goes_on_on_monday() -> None:
    assert told(calendar(), "2026-07-10T17:00+02:00", 2 * HOUR) == [
        "Fri 10 17:00+0200 > Fri 10 18:00+0200",
        "Mon 13 09:00+0200 > Mon 13 18:00+0200",
    ]


def test_office_hours_are_those_of_the_wall_on_the_days_of_a_change() -> None:
    week = every_day(NINE_TO_SIX)
    assert told(week, "2026-03-28T12:00+01:00", 30 * HOUR)[:2] == [
        "Sat 28 12:00+0100 > Sat 28 18:00+0100",
        "Sun 29 09:00+0200 > Sun 29 18:00+0200",
    ]
    assert told(week, "2026-10-24T17:00+02:00", 2 * HOUR) == [
        "Sat 24 17:00+0200 > Sat 24 18:00+0200",
        "Sun 25 09:00+0100 > Sun 25 18:00+0100",
    ]


def test_an_hour_that_is_left_out_is_no_time() -> None:
    night = every_day(((60, 4 * 60),))
    begin, end, *_ = open_times(night, at("2026-03-29T00:00+01:00"), 2 * HOUR)
    assert (begin, end) == (at("2026-03-29T01:00+01:00"), at("2026-03-29T04:00+02:00"))
    assert end - begin == 2 * HOUR


def test_times_that_the_wall_never_shows_are_no_time_and_half_shown_ones_half() -> None:
    gap = every_day(((2 * 60 + 15, 2 * 60 + 45),))
    assert told(gap, "2026-03-29T00:00+01:00", MINUTE) == ["Mon 30 02:15+0200 > Mon 30 02:45+0200"]
    half = every_day(((60, 2 * 60 + 30),))
    assert told(half, "2026-03-29T00:00+01:00", MINUTE) == ["Sun 29 01:00+0100 > Sun 29 03:00+0200"]
    other = every_day(((2 * 60 + 30, 4 * 60),))
    assert told(other, "2026-03-29T00:00+01:00", MINUTE) == ["Sun 29 03:00+0200 > Sun 29 04:00+0200"]


def test_times_that_the_wall_shows_twice_count_twice() -> None:
    assert told(every_day(((2 * 60 + 15, 2 * 60 + 45),)), "2026-10-25T00:00+02:00", HOUR) == [
        "Sun 25 02:15+0200 > Sun 25 02:45+0200",
        "Sun 25 02:15+0100 > Sun 25 02:45+0100",
    ]
    assert told(every_day(((60, 4 * 60),)), "2026-10-25T00:00+02:00", 4 * HOUR) == [
        "Sun 25 01:00+0200 > Sun 25 04:00+0100"
    ]
    assert told(every_day(((0, 24 * 60),)), "2026-10-25T00:00+02:00", 49 * HOUR) == [
        "Sun 25 00:00+0200 > Tue 27 01:00+0100"
    ], "open without end is one window"


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "America/Santiago"])
def test_a_midnight_that_a_change_leaves_out_loses_no_other_time(zone: str) -> None:
    begin = datetime(2017 if zone == "America/Sao_Paulo" else 2026, 1, 1, tzinfo=UTC)
    windows = open_times(every_day(((0, 24 * 60),), zone), int(begin.timestamp() * 1000), 9_000 * HOUR)
    assert len(windows) == 2


def test_holidays_of_a_country_and_of_a_part_of_it_are_closed() -> None:
    eve = "2026-04-30T18:00+02:00"  # Friday is Labour Day; 2 May is that of Madrid, a Saturday
    of_madrid = calendar(week=(NINE_TO_SIX,) * 7, holidays=("ES-MD",))
    assert told(of_madrid, eve, HOUR) == ["Sun 03 09:00+0200 > Sun 03 18:00+0200"]
    of_spain = calendar(week=(NINE_TO_SIX,) * 7, holidays=("ES",))
    assert told(of_spain, eve, HOUR) == ["Sat 02 09:00+0200 > Sat 02 18:00+0200"]
    of_germany = calendar(week=(NINE_TO_SIX,) * 7, holidays=("FR", "DE"))
    assert told(of_germany, "2026-10-02T18:00+02:00", HOUR) == ["Sun 04 09:00+0200 > Sun 04 18:00+0200"]


def test_dates_of_their_own_come_before_holidays_and_weekdays() -> None:
    own = calendar(holidays=("ES",), closed=("2026-12-24",), open={"2026-12-25": ((600, 660),), "2026-12-28": ()})
    assert told(own, "2026-12-23T18:00+01:00", 2 * HOUR) == [
        "Fri 25 10:00+0100 > Fri 25 11:00+0100",
        "Tue 29 09:00+0100 > Tue 29 18:00+0100",
    ]


def test_a_calendar_that_never_opens_again_is_an_error() -> None:
    never = calendar(week=((),) * 7, open={"2020-01-01": NINE_TO_SIX})
    with pytest.raises(CalendarError, match="not open for 60000 ms within 10 years"):
        open_times(never, at("2026-01-01T00:00+00:00"), MINUTE)
    assert open_times(never, at("2026-01-01T00:00+00:00"), 0) == ()


def test_a_wait_of_too_many_windows_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "WINDOWS_MAX", 3)
    begin = at("2026-07-13T00:00+02:00")
    assert len(open_times(calendar(), begin, 27 * HOUR)) == 6
    with pytest.raises(CalendarError, match="in its next 3 open times"):
        open_times(calendar(), begin, 27 * HOUR + 1)


def test_what_this_machine_does_not_know_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CalendarError, match="time zone 'Mars/Base'"):
        open_times(calendar("Mars/Base"), 0, 1)
    with pytest.raises(CalendarError, match="holidays of 'ES-XX'"):
        open_times(calendar(holidays=("ES-XX",)), 0, 1)
    monkeypatch.setitem(sys.modules, "holidays", None)
    holidays.cache_clear()
    with pytest.raises(CalendarError, match="the library `holidays` is missing") as caught:
        open_times(calendar(holidays=("ES",)), 0, 1)
    assert "hitl-fsm[calendars]" in str(caught.value.help)
    wrong = MachinePlaces().wrong_holidays("ES")
    assert wrong is not None
    assert "not installed" in wrong.message


def test_what_is_known_of_places() -> None:
    places = MachinePlaces()
    assert [places.wrong_zone(one) for one in ("Europe/Madrid", "UTC", "Asia/Kolkata")] == [None] * 3
    assert [places.wrong_holidays(one) for one in ("ES", "ES-MD", "DE-BY", "US-CA")] == [None] * 4
    hints = {one: wrong.help for one in ("Europe/Madird", "europe/madrid") if (wrong := places.wrong_zone(one))}
    assert hints == dict.fromkeys(hints, "did you mean `Europe/Madrid`?")
    assert len(hints) == 2
    for odd in ("", "..", "/etc/passwd", "localtime", "right/Europe/Madrid", "Europe", "x" * 99, "a\0"):
        assert places.wrong_zone(odd) is not None, odd
    for odd in ("", "E", "es", "ES-", "ES-ZZ", "-MD", "XX", "ES-MD-X"):
        assert places.wrong_holidays(odd) is not None, odd


def test_a_machine_without_zones_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "_zones", frozenset)
    wrong = MachinePlaces().wrong_zone("UTC")
    assert wrong is not None
    assert "hitl-fsm[calendars]" in wrong.help


def test_holidays_are_looked_up_once_a_year() -> None:
    assert date(2026, 5, 2) in holidays("ES-MD", 2026)
    before = holidays.cache_info().misses
    open_times(calendar(holidays=("ES-MD",)), at("2026-02-01T00:00+01:00"), 200 * HOUR)
    assert holidays.cache_info().misses == before


# -- against a look at every minute

ZONES = st.sampled_from(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
CHANGES = st.sampled_from(
    [datetime(2026, *one, tzinfo=UTC) for one in [(3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31), (7, 1)]]
)
MINUTES = st.integers(0, 24 * 60)


@st.composite
def some_hours(draw: st.DrawFn) -> Hours:
    edges = sorted(draw(st.sets(MINUTES, max_size=4)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


def shown_open(of: Calendar, begin: datetime, minutes: int) -> Iterator[bool]:
    zone = ZoneInfo(of.timezone)
    for minute in range(minutes):
        wall = (begin + timedelta(minutes=minute)).astimezone(zone)
        now = wall.hour * 60 + wall.minute
        yield any(opens <= now < closes for opens, closes in of.week[wall.weekday()])


@settings(max_examples=40, deadline=None)  # 2,000 looks at a wall take their time
@given(ZONES, CHANGES, st.tuples(*[some_hours()] * 7), st.integers(0, 600), st.integers(1, 900))
def test_open_is_when_the_wall_shows_open_hours(
    zone: str, day: datetime, week: tuple[Hours, ...], late: int, need: int
) -> None:
    of, begin = calendar(zone, week), day + timedelta(minutes=late)
    first = int(begin.timestamp() * 1000)
    if not any(week):
        return
    windows = open_times(of, first, need * MINUTE)
    assert all(one < other for one, other in pairwise(windows)), "in order, and none touches another"
    assert sum(windows[1::2]) - sum(windows[::2]) >= need * MINUTE
    until = min(windows[-1], first + 36 * HOUR)
    for minute, is_open in enumerate(shown_open(of, begin, (until - first) // MINUTE)):
        moment = first + minute * MINUTE
        inside = any(opens <= moment < closes for opens, closes in zip(windows[::2], windows[1::2], strict=True))
        assert inside == is_open, begin + timedelta(minutes=minute)
