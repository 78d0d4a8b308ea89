"""Calendars in words, and what `diff`, `impact` and `describe` tell of them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hitl_fsm.model.action import Action
from hitl_fsm.model.actor import Actor
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.calendar_words import changed_calendars, hours_words, week_words
from hitl_fsm.policy.compare import compare_sets
from hitl_fsm.policy.describe.markdown import markdown
from hitl_fsm.policy.describe.page import page
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import check
from hitl_fsm.policy.surroundings import Surroundings
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.policies.impact import impact
from house import House, call, calls, policy_text

NINE_TO_SIX = ((540, 1080),)
OFFICE = Calendar(
    "office",
    "Europe/Madrid",
    (*[((540, 840), (960, 1080))] * 4, ((540, 900),), (), ()),
    ("ES-MD",),
    ("2026-12-24",),
    {"2026-12-31": ((540, 720),)},
)
RULES = "- {id: all, tools: pay, gate: {approval: {of: [role:finance], expires: 4h, calendar: office}}}"
PAY = Action("pay", {"to": "bob", "amount": 5}, Actor("alice"), 0)


def nothing(path: str) -> bytes:
    raise FileNotFoundError(path)


def with_calendar(calendar: Calendar, rules: str = RULES) -> PolicySet:
    project = check({"p": policy_text(rules)}, nothing, Surroundings(calendars={"office": calendar}))
    assert project.policies is not None, project.findings
    return project.policies


def test_a_week_and_a_day_are_told_by_the_clock() -> None:
    assert week_words(OFFICE.week) == "Monday to Thursday 09:00-14:00 and 16:00-18:00; Friday 09:00-15:00"
    assert week_words(((),) * 7) == "on no day of the week"
    assert (hours_words(()), hours_words(((0, 1440),))) == ("closed", "00:00-24:00")


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (replace(OFFICE, week=(NINE_TO_SIX,) * 5 + ((), ())), "open 45 h a week, was 34 h"),
        (replace(OFFICE, week=(*OFFICE.week[:4], ((600, 960),), (), ())), "other hours of the week"),
        (replace(OFFICE, timezone="UTC"), "in UTC, was in Europe/Madrid"),
        (replace(OFFICE, holidays=("ES",)), "no longer holidays of ES-MD, holidays of ES from now on"),
        (replace(OFFICE, closed=()), "no longer closed on 2026-12-24"),
        (replace(OFFICE, open={}), "on 2026-12-31 like any other day, was 09:00-12:00"),
        (replace(OFFICE, open={"2026-12-31": ()}), "on 2026-12-31 closed, was 09:00-12:00"),
    ],
)
def test_what_changed_of_a_calendar_is_told_and_needs_a_look(now: Calendar, told: str) -> None:
    said = f"the calendar office is not as it was: {told}"
    assert changed_calendars({"office": OFFICE}, {"office": now, "new": now}) == {"office": said}
    (found,) = compare_sets(with_calendar(OFFICE), with_calendar(now), [PAY])
    assert found.comparison.change == "changed"
    assert [one.told for one in found.comparison.differences] == [said]


def test_a_calendar_that_no_question_of_the_action_waits_by_changes_nothing_for_it() -> None:
    other = replace(OFFICE, closed=())
    same, looked = compare_sets(
        with_calendar(OFFICE),
        with_calendar(OFFICE),
        [PAY, Action("pay", {}, Actor("alice"), 0)],
    )
    assert same.comparison.change == looked.comparison.change == "equal"
    free = f"{RULES}\n- {{id: look, tools: look, gate: allow}}"
    (apart,) = compare_sets(
        with_calendar(OFFICE, free), with_calendar(other, free), [Action("look", {}, Actor("alice"), 0)]
    )
    assert apart.comparison.change == "equal"


def test_impact_holds_the_calendars_of_then_against_those_of_now(house: House) -> None:
    engine = house.engine(with_calendar(OFFICE))
    house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    longer = with_calendar(replace(OFFICE, closed=()))
    for old in (None, with_calendar(OFFICE)):
        found = run_sync(impact(engine.store, longer, old=old))
        (one,) = found.listed["changed"]
        (difference,) = one.comparison.differences
        assert difference.told == "the calendar office is not as it was: no longer closed on 2026-12-24"
        assert not found.is_safe
    assert run_sync(impact(engine.store, with_calendar(OFFICE))).is_safe


def test_the_page_to_sign_has_the_hours_of_the_calendars_that_gates_name() -> None:
    calendars = {"office": OFFICE, "other": replace(OFFICE, name="other")}
    project = check({"p": policy_text(RULES)}, nothing, Surroundings(calendars=calendars))
    text = markdown(page(project))
    assert "### Calendars" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| `office`")]
    for said in ("`Europe/Madrid`", "Monday to Thursday 09:00-14:00 and 16:00-18:00", "`ES-MD`", "; on `2026-12-24`"):
        assert said in row
    assert "2026-12-31 09:00-12:00" in row
    assert "`other`" not in text
    without = check({"p": policy_text("- {id: all, gate: confirm}")}, nothing, Surroundings())
    assert "Calendars" not in markdown(page(without))
