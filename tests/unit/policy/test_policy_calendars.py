"""Calendar files: what they may say, each thing that is wrong with one at its place, and what the policies keep of them."""

# ruff: noqa: E501 - tables of cases, one a line

from __future__ import annotations

import json
from datetime import date

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from hitl_fsm.errors import PolicyError
from hitl_fsm.policy import calendar_files
from hitl_fsm.policy.calendar import Calendar, day_of, hours_of
from hitl_fsm.policy.calendar_files import Wrong, read_calendars
from hitl_fsm.policy.calendar_schema import calendar_schema
from hitl_fsm.policy.load import check, load, recheck, restore
from hitl_fsm.policy.surroundings import Surroundings
from house import policy_text

HEAD = "apiVersion: hitl-fsm/v1\nkind: Calendar\nname: madrid\n"
EVERYTHING = (
    HEAD
    + """\
owner: hr@example.com
description: The office in Madrid.
timezone: Europe/Madrid
hours:
  mon-thu: ["14:00-18:00", "09:00-13:00"]
  fri: 09:00-15:00
  sat-sun: []
holidays: [ES-MD, ES]
closed: [2026-12-31, 2026-12-24, 2026-12-24]
open:
  2026-12-26: ["10:00-12:00", "12:00-24:00"]
"""
)
SMALL = 'timezone: UTC\nhours: {mon-fri: "09:00-18:00"}\n'
DAY = ((540, 780), (840, 1080))


class Europe:
    """Knows two zones and one country."""

    def wrong_zone(self, name: str) -> Wrong | None:
        return None if name in {"Europe/Madrid", "UTC"} else Wrong(f"there is no time zone {name!r}", "another")

    def wrong_holidays(self, code: str) -> Wrong | None:
        return None if code.startswith("ES") else Wrong(f"no country {code!r}", "another")


def told(*texts: str) -> tuple[dict[str, Calendar], list[tuple[str, int, int, str]]]:
    files = {f"c{number}.calendar.yaml": text.encode() for number, text in enumerate(texts)}
    known, findings = read_calendars(files, Europe())
    return known, [(one.code, one.place.line, one.place.column, one.message) for one in findings]


def test_everything_that_can_be_said() -> None:
    known, found = told(EVERYTHING)
    assert found == []
    assert known == {
        "madrid": Calendar(
            "madrid",
            "Europe/Madrid",
            (DAY, DAY, DAY, DAY, ((540, 900),), (), ()),
            ("ES-MD", "ES"),
            ("2026-12-24", "2026-12-31"),
            {"2026-12-26": ((600, 1440),)},
        )
    }
    Draft202012Validator(calendar_schema()).validate(yaml.load(EVERYTHING, yaml.BaseLoader))


def test_a_week_may_go_over_its_end() -> None:
    known, found = told(HEAD + 'timezone: UTC\nhours: {sat-mon: "10:00-12:00"}')
    assert found == []
    assert [bool(day) for day in known["madrid"].week] == [True, False, False, False, False, True, True]


def test_the_hours_of_a_day() -> None:
    calendar = told(EVERYTHING)[0]["madrid"]
    asked: list[date] = []

    def is_holiday(day: date) -> bool:
        asked.append(day)
        return day == date(2026, 12, 25)

    hours = [hours_of(calendar, date(2026, 12, day), is_holiday) for day in (22, 24, 25, 26, 27)]
    assert hours == [DAY, (), (), ((600, 1440),), ()]
    assert asked == [date(2026, 12, 22), date(2026, 12, 25)], "nobody is asked about what is closed or open anyway"
    assert [day_of(-1), day_of(0), day_of(86_400_000)] == [date(1969, 12, 31), date(1970, 1, 1), date(1970, 1, 2)]


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ('timezone: Europe/Madird\nhours: {mon: "09:00-18:00"}', "HF128", 4, 11, "no time zone 'Europe/Madird'"),
        (SMALL + "holidays: XX", "HF128", 6, 11, "no country 'XX'"),
        (SMALL + "holidays: [ES, XX]", "HF128", 6, 16, "no country 'XX'"),
        ('timezone: UTC\nhours: {mon: ["09:00-13:00", "12:00-18:00"]}', "HF128", 5, 30, "'12:00-18:00' overlaps another"),
        ('timezone: UTC\nhours: {mon: ["12:00-18:00", "09:00-13:00"]}', "HF128", 5, 15, "'12:00-18:00' overlaps another"),
        ('timezone: UTC\nhours: {mon: "22:00-06:00"}', "HF128", 5, 14, "'22:00-06:00' ends before it begins"),
        ('timezone: UTC\nhours: {mon: "09:00-09:00"}', "HF128", 5, 14, "ends before it begins"),
        ('timezone: UTC\nhours: {mon: "9-18"}', "HF128", 5, 14, "'9-18' is no time from to"),
        ('timezone: UTC\nhours: {mon: "09:00-24:30"}', "HF128", 5, 14, "is no time from to"),
        ('timezone: UTC\nhours: {mon: "09:00-18:00\\n"}', "HF128", 5, 14, "is no time from to"),
        ('timezone: UTC\nhours: {mon-fry: "09:00-18:00"}', "HF128", 5, 9, "'mon-fry' is no day of the week"),
        ('timezone: UTC\nhours: {mon-fri: "09:00-18:00", wed: "09:00-12:00"}', "HF128", 5, 33, "`wed` has hours twice: under `mon-fri` and under `wed`"),
        ("timezone: UTC\nhours: {mon: []}", "HF128", 5, 1, "this calendar is never open"),
        ("timezone: UTC\nhours: {}", "HF128", 5, 1, "this calendar is never open"),
        (SMALL + "closed: [2026-02-30]", "HF128", 6, 10, "'2026-02-30' is no date"),
        (SMALL + "closed: 24.12.2026", "HF128", 6, 9, "'24.12.2026' is no date"),
        (SMALL + 'open: {26-12-2026: "09:00-18:00"}', "HF128", 6, 8, "'26-12-2026' is no date"),
        (SMALL + "closed: [2026-12-24]\nopen: {2026-12-24: []}", "HF128", 6, 10, "under `closed` and under `open`"),
        (SMALL + "closed: [5]", "HF108", 6, 10, "expected text, found 5"),
        (SMALL + "holiday: ES", "HF106", 6, 1, "unknown key `holiday`"),
        (SMALL + "holidays:", "HF108", 6, 10, "expected text, found nothing"),
        ("timezone: UTC", "HF107", 1, 1, "`hours` is missing"),
        (SMALL + "owner: &x y", "HF104", 6, 8, "the anchor &x is refused"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place(text: str, code: str, line: int, column: int, says: str) -> None:
    known, found = told(HEAD + text)
    assert known == {}
    assert [one[:3] for one in found] == [(code, line, column)]
    assert says in found[0][3]


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = 'timezone: X/Y\nhours: {mon: "18:00-09:00", tuesday: "09:00-18:00"}\nholidays: [DE, FR]\nclosed: [x]'
    assert len(told(HEAD + text)[1]) == 6


def test_a_wrong_day_is_helped_with() -> None:
    _, findings = read_calendars({"c": (HEAD + "timezone: UTC\nhours: {tues: []}").encode()}, Europe())
    assert findings[0].help == "did you mean `tue`?"


@pytest.mark.parametrize("text", ["", "[]", "5", "{", "kind: Policy", "a: 1\n---\nb: 2", "\0"])
def test_what_is_no_calendar_raises_nothing(text: str) -> None:
    known, found = told(text)
    assert known == {}
    assert found


def test_a_name_has_one_place_and_the_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    known, found = told(HEAD + SMALL, HEAD + SMALL)
    assert list(known) == ["madrid"]
    assert [one[3] for one in found] == ["the calendar `madrid` stands twice"]
    monkeypatch.setattr(calendar_files, "MAX_CALENDARS", 1)
    found = told(HEAD + SMALL, HEAD.replace("madrid", "paris") + SMALL)[1]
    assert [(one[0], one[3]) for one in found] == [("HF105", "more than 1 calendars in all files")]


@pytest.mark.parametrize(
    "more",
    [
        {"hours": {"monday": []}},
        {"hours": {"mon": "9-18"}},
        {"closed": ["24.12."]},
        {"open": {"tomorrow": []}},
        {"holidays": "Spain"},
        {"zone": "UTC"},
    ],
)
def test_the_schema_refuses_what_no_place_could_mean(more: dict[str, object]) -> None:
    whole = {"apiVersion": "hitl-fsm/v1", "kind": "Calendar", "name": "a", "timezone": "UTC", "hours": {"mon": []}}
    validator = Draft202012Validator(calendar_schema())
    validator.validate(whole)
    with pytest.raises(ValidationError):
        validator.validate(whole | more)


# -- what policies keep of them

MADRID = Calendar("madrid", "Europe/Madrid", (DAY,) * 5 + ((), ()))
PARIS = Calendar("paris", "Europe/Paris", (DAY,) * 5 + ((), ()))
RULES = """
- id: all
  gate:
    approval: {of: [role:finance], expires: 4h, calendar: madrid, edit: {calendar: {enum: [other]}}}
"""


def no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def around(*calendars: Calendar) -> Surroundings:
    return Surroundings(calendars={one.name: one for one in calendars})


def test_a_set_has_the_calendars_that_a_gate_names_and_comes_back_with_them() -> None:
    text = policy_text(RULES)
    policies = load({"p": text}, no_file, around(PARIS, MADRID))
    assert policies.calendars == {"madrid": MADRID}
    again = restore(policies.text, digest=policies.digest)
    assert (again.calendars, again.text, again.digest) == ({"madrid": MADRID}, policies.text, policies.digest)
    looked_at = recheck(policies, Surroundings())
    assert looked_at.policies is not None
    assert looked_at.policies.digest == policies.digest


def test_a_calendar_that_changes_is_another_set_and_one_that_nobody_names_is_none() -> None:
    text = policy_text(RULES)
    other = Calendar("madrid", "Europe/Madrid", (DAY,) * 7)
    sets = [load({"p": text}, no_file, around(*one)) for one in ((MADRID,), (MADRID, PARIS), (other,))]
    assert sets[0].digest == sets[1].digest != sets[2].digest
    plain = policy_text("- {id: all, gate: confirm}")
    alone, beside = load({"p": plain}, no_file), load({"p": plain}, no_file, around(MADRID))
    assert (alone.digest, alone.text) == (beside.digest, beside.text)
    assert json.loads(alone.text)["version"] == 1, "sets that were stored by earlier versions keep their names"


def test_a_calendar_that_there_is_not_is_told_where_it_is_named() -> None:
    text = policy_text(RULES.replace("calendar: madrid", "calendar: madird"))
    (found,) = check({"p": text}, no_file, around(MADRID)).findings
    line = text.decode().splitlines()[found.place.line - 1]
    assert (found.code, found.message) == ("HF128", "there is no calendar `madird`")
    assert line[found.place.column - 1 :].startswith("madird, edit")
    assert found.help == "did you mean `madrid`?"
    (found,) = check({"p": text}, no_file, around()).findings
    assert "`*.calendar.yaml`" in str(found.help)
    with pytest.raises(PolicyError, match="there is no calendar `madird`"):
        load({"p": text}, no_file, around(MADRID))
    assert load({"p": text}, no_file).calendars == {}, "where nobody told of calendars, nothing is said"


@pytest.mark.parametrize(
    "gate",
    [
        "confirm: {expires: 1h, calendar: x}",
        "user_input: {schema: {type: object, properties: {a: {type: string}}}, expires: 1h, calendar: x}",
        "review: {expires: 1h, calendar: x}",
        "approval: {stages: [{name: a, of: [role:ops], expires: 1h}, {name: b, of: [role:finance], expires: 1h, calendar: x}]}",
    ],
)
def test_each_gate_that_can_name_one_is_looked_at(gate: str) -> None:
    text = policy_text(f"- id: all\n  gate: [{{{gate}}}]")
    found = check({"p": text}, no_file, around(MADRID)).findings
    assert [one.message for one in found] == ["there is no calendar `x`"]
    assert text.decode().splitlines()[found[0].place.line - 1][found[0].place.column - 1] == "x"


def test_a_calendar_that_opens_too_seldom_for_a_wait_is_told() -> None:
    hour = 3_600_000
    assert MADRID.covers(100 * 5 * 8 * hour), "100 weeks of 10 open times"
    assert not MADRID.covers(100 * 5 * 8 * hour + 1)
    rare = Calendar("madrid", "UTC", (((0, 60),), *[()] * 6))
    assert rare.covers(520 * hour)
    assert not rare.covers(520 * hour + 1)
    dates = Calendar("madrid", "UTC", ((),) * 7, open={"2026-01-01": ((0, 60),), "2026-01-02": ((0, 180),)})
    assert dates.covers(4 * hour)
    assert not dates.covers(4 * hour + 1)
    longer = RULES.replace("edit:", "on_expiry: [{escalate: [cfo], expires: 5h}], edit:")
    text = policy_text(longer)
    (found,) = check({"p": text}, no_file, around(dates)).findings
    assert text.decode().splitlines()[found.place.line - 1][found.place.column - 1 :].startswith("madrid, on_expiry")
    assert found.message == "the calendar `madrid` opens too seldom for the 5 h that are waited in it"
    assert check({"p": policy_text(RULES)}, no_file, around(dates)).findings == ()


def test_what_is_asked_where_a_condition_fails_may_wait_in_hours_too() -> None:
    asks = "on_error: {approval: {of: [role:finance], expires: 1h, calendar: x}}\nvars: {calendar: x}"
    text = policy_text("- {id: all, when: vars.calendar == args.to, gate: confirm}", extra=asks)
    (found,) = check({"p": text}, no_file, around(MADRID)).findings
    assert text.decode().splitlines()[found.place.line - 1][found.place.column - 2 :] == " x}}"
    named = text.replace(b"calendar: x}}", b"calendar: madrid}}")
    assert load({"p": named}, no_file, around(MADRID)).calendars == {"madrid": MADRID}


@pytest.mark.parametrize(
    "damaged", ["[]", "5", '{"madrid":5}', '{"madrid":{"name":"madrid"}}', '{"madrid":{"name":"madrid","timezone":5}}']
)
def test_law06_a_text_with_damaged_calendars_restores_nothing(damaged: str) -> None:
    stored = json.loads(load({"p": policy_text(RULES)}, no_file, around(MADRID)).text)
    stored["calendars"] = json.loads(damaged)
    with pytest.raises(PolicyError):
        restore(json.dumps(stored))
