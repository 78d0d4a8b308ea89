"""Calendars in words: which hours they have, and what changed between two of the same name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from hitl_fsm.policy.calendar import Calendar, Hours

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOUR = 60


def week_words(week: tuple[Hours, ...]) -> str:
    """`Monday to Friday 09:00-18:00`; days that follow each other with the same hours are told together."""
    told = []
    for hours, days in groupby(range(len(week)), key=lambda day: week[day]):
        if hours:
            names = [_DAYS[day] for day in days]
            told.append(f"{names[0] if len(names) == 1 else f'{names[0]} to {names[-1]}'} {hours_words(hours)}")
    return "; ".join(told) or "on no day of the week"


def hours_words(hours: Hours) -> str:
    """`09:00-14:00 and 16:00-18:00`; without any, `closed`."""
    return " and ".join(f"{_clock(begin)}-{_clock(end)}" for begin, end in hours) or "closed"


def changed_calendars(old: Mapping[str, Calendar], new: Mapping[str, Calendar]) -> dict[str, str]:
    """What became of each calendar that both have and that is not as it was, by name."""
    both = ((name, old[name], new[name]) for name in sorted(old.keys() & new.keys()))
    return {
        name: f"the calendar {name} is not as it was: {', '.join(_changes(before, after))}"
        for name, before, after in both
        if before != after
    }


def _changes(old: Calendar, new: Calendar) -> Iterator[str]:
    before, after = _a_week(old), _a_week(new)
    if before != after:
        yield f"open {after:g} h a week, was {before:g} h"
    elif old.week != new.week:
        yield "other hours of the week"
    if old.timezone != new.timezone:
        yield f"in {new.timezone}, was in {old.timezone}"
    for word, was, now in (("holidays of", old.holidays, new.holidays), ("closed on", old.closed, new.closed)):
        yield from (f"no longer {word} {one}" for one in was if one not in now)
        yield from (f"{word} {one} from now on" for one in now if one not in was)
    for day in sorted(old.open.keys() | new.open.keys()):
        if old.open.get(day) != new.open.get(day):
            yield f"on {day} {_special(new, day)}, was {_special(old, day)}"


def _special(calendar: Calendar, day: str) -> str:
    return hours_words(calendar.open[day]) if day in calendar.open else "like any other day"


def _a_week(calendar: Calendar) -> float:
    return sum(end - begin for day in calendar.week for begin, end in day) / _HOUR


def _clock(minutes: int) -> str:
    return f"{minutes // _HOUR:02d}:{minutes % _HOUR:02d}"
