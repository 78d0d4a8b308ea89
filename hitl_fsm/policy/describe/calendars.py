"""The calendars that gates name, as a table: in which hours their time counts."""

from __future__ import annotations

from collections.abc import Mapping

from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.calendar_words import hours_words, week_words
from hitl_fsm.policy.describe.paper import Block, Code, Heading, Para, Table, Text, codes

_TOLD = "Where a question waits in the open hours of a calendar, no other time counts for it."
_COLUMNS = ("Calendar", "Time zone", "Open", "Closed", "Days of their own")


def calendar_table(calendars: Mapping[str, Calendar]) -> tuple[Block, ...]:
    """Nothing where no gate names one."""
    if not calendars:
        return ()
    rows = tuple(_row(calendars[name]) for name in sorted(calendars))
    return (Heading(3, ("Calendars",), "calendars"), Para((_TOLD,)), Table("Which hours count", _COLUMNS, rows))


def _row(calendar: Calendar) -> tuple[Text, ...]:
    closed: Text = ()
    if calendar.holidays:
        closed = ("on the public holidays of ", *codes(calendar.holidays, "and"))
    if calendar.closed:
        closed = (*closed, "; on " if closed else "on ", *codes(calendar.closed, "and"))
    special = "; ".join(f"{day} {hours_words(hours)}" for day, hours in sorted(calendar.open.items()))
    return (
        (Code(calendar.name),),
        (Code(calendar.timezone),),
        (week_words(calendar.week),),
        closed or ("never beside that",),
        (special or "none",),
    )
