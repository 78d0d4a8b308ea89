"""What is given with a question, read strictly: a value that does not fit is refused with how it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from hitl_fsm.audit.questions.question import Parameter, Question, Value
from hitl_fsm.errors import QuestionError

TEXT_LIMIT = 1_000
"""Characters of one value that is given with a question."""
COUNT_MAX = 1_000_000_000
"""The largest number that is given with one."""
_AGO = re.compile(r"([0-9]{1,6})([smhdwy])")
_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_557_600_000}
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FOREVER = 253_402_300_800_000
"""ms: the end of the year 9999."""


def values(question: Question, given: Mapping[str, object], now: int) -> dict[str, Value]:
    """Every parameter of the question, with its default where none is given; QuestionError for what does not fit."""
    known = {one.name: one for one in question.parameters}
    given = {name.replace("_", "-"): value for name, value in given.items()}
    for name in given:
        if name not in known:
            takes = ", ".join(f"--{one}" for one in known) or "none"
            msg = f"{question.name} has no parameter {name!r}"
            raise QuestionError(msg, help=f"its parameters: {takes}")
    found: dict[str, Value] = {}
    for name, one in known.items():
        value = given.get(name)
        text = one.default if value is None else _text(one, value)
        if text is None:
            msg = f"{question.name} needs --{name}"
            raise QuestionError(msg, help=f"give --{name}: {one.help[:1].lower()}{one.help[1:]}")
        found.update(_read(one, text, now))
    since, until = found.get("since", 0), found.get("until", FOREVER)
    if isinstance(since, int) and isinstance(until, int) and since >= until:
        msg = "--until is no later than --since, so that nothing can lie between them"
        raise QuestionError(msg, help="--since is where it begins, --until where it ends")
    return {name.replace("-", "_"): value for name, value in found.items()}


def _text(one: Parameter, value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > TEXT_LIMIT:
        raise _wrong(one, value, f"a text of at most {TEXT_LIMIT} characters, a number, or a time")
    return str(value)


def _read(one: Parameter, text: str, now: int) -> dict[str, Value]:
    match one.kind:
        case "hours":
            return _hours(one, text)
        case "since" | "until" | "instant":
            otherwise = {"since": 0, "until": FOREVER, "instant": now}[one.kind]
            value: Value = instant(one, text, now) if text else otherwise
        case "duration":
            value = _duration(one, text)
        case "count" | "percent":
            value = _number(one, text)
        case "days":
            value = _days(one, text)
        case "words":
            value = _words(one, text)
        case _:
            value = text
            if text and one.among and text not in one.among:
                raise _wrong(one, text, f"one of {', '.join(one.among)}")
    return {one.name: value}


def instant(one: Parameter, text: str, now: int) -> int:
    """`2026-10-01`, `2026-10-01T12:00:00Z` (UTC unless it says otherwise), `90d` ago: ms since the epoch."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(0, now - int(ago[1]) * _MS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
        found = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise _wrong(one, text, "a day (2026-10-01), an instant (2026-10-01T12:00:00Z) or how long ago (30d)") from None
    return max(0, found)


def _duration(one: Parameter, text: str) -> int:
    found = _AGO.fullmatch(text)
    if found is None:
        raise _wrong(one, text, "a time span: 30s, 10m, 24h, 7d")
    return int(found[1]) * _MS[found[2]]


def _words(one: Parameter, text: str) -> str:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or (one.among and not set(words) <= set(one.among)):
        raise _wrong(one, text, f"some of {', '.join(one.among)}" if one.among else "words with commas between")
    return f",{','.join(words)},"


def _number(one: Parameter, text: str) -> int:
    most = 100 if one.kind == "percent" else COUNT_MAX
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(COUNT_MAX)) and int(text) <= most):
        raise _wrong(one, text, f"a whole number, 0 to {most}")
    return int(text)


def _hours(one: Parameter, text: str) -> dict[str, Value]:
    found = _HOURS.fullmatch(text)
    begin, end = (0, 0) if found is None else (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4]))
    if found is None or not begin < end <= 24 * 60:
        raise _wrong(one, text, "hours of one day: 08:00-18:00")
    return {one.name: text, "opens": begin, "closes": end}


def _days(one: Parameter, text: str) -> str:
    days: list[str] = []
    for part in text.lower().split(","):
        first, dash, last = part.strip().partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise _wrong(one, text, "days of the week: mon-fri, or mon,wed,sun")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days += [DAYS[(begin + more) % 7] for more in range((end - begin) % 7 + 1)]
    return f",{','.join(str(DAYS.index(day)) for day in dict.fromkeys(days))},"


def _wrong(one: Parameter, value: object, how: str) -> QuestionError:
    return QuestionError(f"--{one.name} cannot be {str(value)[:60]!r}", help=f"it is {how}")
