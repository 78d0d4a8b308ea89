"""The bytes of `*.calendar.yaml` files -> calendars, with every finding of every file. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.bounded import bounded
from hitl_fsm.policy.calendar import Calendar, Hours
from hitl_fsm.policy.calendar_documents import DATE_PATTERN, DAYS_PATTERN, WINDOW_PATTERN, CalendarDocument
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.shape import not_yet, shape_findings, shown
from hitl_fsm.policy.source import Path, Source, parse

MAX_CALENDARS = 100
"""Calendars of one set of policies."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT_HELP = "it ends on its own day: write 22:00-24:00, and 00:00-06:00 on the next day"


class Wrong(NamedTuple):
    """What is wrong with a name, and what to do."""

    message: str
    help: str


class Places(Protocol):
    """What this machine knows of the world's clocks and holidays."""

    def wrong_zone(self, name: str) -> Wrong | None: ...

    def wrong_holidays(self, code: str) -> Wrong | None: ...


def read_calendars(files: Mapping[str, bytes], places: Places) -> tuple[dict[str, Calendar], tuple[Diagnostic, ...]]:
    """The calendars without fault, by name, and all that is wrong, in order of place. Never raises on bytes."""
    known: dict[str, Calendar] = {}
    first: dict[str, str] = {}
    findings: list[Diagnostic] = []
    for file in sorted(files):
        source = parse(files[file], file)
        findings += source.findings
        document = _document(source, findings)
        if document is None:
            continue
        name, node = document.name, source.node(("name",))
        if name in first:
            help_text = f"it is in {first[name]}; a name has one place"
            findings.append(source.diagnostic(Code.CALENDAR, f"the calendar `{name}` stands twice", node, help_text))
            continue
        first[name] = file
        if len(first) > MAX_CALENDARS:
            message = f"more than {MAX_CALENDARS} calendars in all files"
            findings.append(source.diagnostic(Code.TOO_LARGE, message, node, "split the project"))
            break
        reading = _Reading(source, places)
        found = reading.calendar(document)
        findings += reading.findings
        if not reading.findings:
            known[name] = found
    return known, tuple(bounded(findings))


def _document(source: Source, findings: list[Diagnostic]) -> CalendarDocument | None:
    root = source.root
    if root is None:
        return None
    if not isinstance(root.value, dict):
        findings.append(source.diagnostic(Code.WRONG_VALUE, "a calendar is a mapping of keys to values", root))
        return None
    try:
        document = CalendarDocument.model_validate(root.value)
    except ValidationError as error:
        findings += shape_findings(source, error, CalendarDocument)
        return None
    refused = list(not_yet(source, document, ()))
    findings += refused
    return None if refused or source.findings else document


class _Reading:
    """One document on its way to a calendar."""

    def __init__(self, source: Source, places: Places) -> None:
        self.source = source
        self.places = places
        self.findings: list[Diagnostic] = []

    def note(self, message: str, path: Path, help: str, *, key: bool = False) -> None:  # noqa: A002 - the word users know
        node = self.source.node(path, key=key)
        self.findings.append(self.source.diagnostic(Code.CALENDAR, message, node, help))

    def calendar(self, document: CalendarDocument) -> Calendar:
        """What it says; worth something only without findings."""
        if (wrong := self.places.wrong_zone(document.timezone)) is not None:
            self.note(wrong.message, ("timezone",), wrong.help)
        for index, code in enumerate(document.holidays):
            if (wrong := self.places.wrong_holidays(code)) is not None:
                self.note(wrong.message, ("holidays", index), wrong.help)
        week = self._week(document)
        closed = [self._date(text, ("closed", index)) for index, text in enumerate(document.closed)]
        special = {
            self._date(text, ("open", text), key=True): self._hours(windows, ("open", text))
            for text, windows in document.open.items()
        }
        for index, text in enumerate(closed):
            if text in special:
                message = f"{text} is under `closed` and under `open`"
                self.note(message, ("closed", index), "keep one of the two; an `open` date needs no more")
        if not self.findings and not any((*week, *special.values())):
            self.note("this calendar is never open", ("hours",), 'give a day hours: `mon-fri: "09:00-18:00"`', key=True)
        holidays = tuple(dict.fromkeys(document.holidays))
        return Calendar(document.name, document.timezone, week, holidays, tuple(sorted(set(closed))), special)

    def _week(self, document: CalendarDocument) -> tuple[Hours, ...]:
        week: list[Hours] = [()] * len(DAYS)
        told: dict[int, str] = {}
        for text, windows in document.hours.items():
            path = ("hours", text)
            if re.fullmatch(DAYS_PATTERN, text) is None:
                words = ", ".join(DAYS)
                message = f"{shown(text)} is no day of the week"
                self.note(message, path, did_you_mean(text, DAYS) or f"days: {words}, or a range: mon-fri", key=True)
                continue
            hours = self._hours(windows, path)
            first, _, last = text.partition("-")
            begin, end = DAYS.index(first), DAYS.index(last or first)
            for day in [one % len(DAYS) for one in range(begin, end + 1 if begin <= end else end + 1 + len(DAYS))]:
                if day in told:
                    message = f"`{DAYS[day]}` has hours twice: under `{told[day]}` and under `{text}`"
                    self.note(message, path, "name each day once", key=True)
                    break
                told[day] = text
                week[day] = hours
        return tuple(week)

    def _hours(self, windows: list[str], path: Path) -> Hours:
        found: list[tuple[int, int, int]] = []
        for index, text in enumerate(windows):
            here = (*path, index)
            if re.fullmatch(WINDOW_PATTERN, text) is None:
                self.note(f"{shown(text)} is no time from to", here, "write it as 09:00-18:00; a day ends at 24:00")
                continue
            begin, end = (_minutes(one) for one in text.split("-"))
            if begin >= end:
                self.note(f"{shown(text)} ends before it begins", here, _MIDNIGHT_HELP)
                continue
            found.append((begin, end, index))
        found.sort()
        for (_, before, _), (begin, _, index) in pairwise(found):
            if begin < before:
                self.note(f"{shown(windows[index])} overlaps another", (*path, index), "each minute stands in one")
        return _joined([(begin, end) for begin, end, _ in found])

    def _date(self, text: str, path: Path, *, key: bool = False) -> str:
        if not _is_date(text):
            self.note(f"{shown(text)} is no date", path, "write year-month-day, such as 2026-12-24", key=key)
        return text


def _is_date(text: str) -> bool:
    if re.fullmatch(DATE_PATTERN, text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _joined(hours: list[tuple[int, int]]) -> Hours:
    """Times that touch are one."""
    joined: list[tuple[int, int]] = []
    for begin, end in hours:
        if joined and joined[-1][1] >= begin:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return tuple(joined)
