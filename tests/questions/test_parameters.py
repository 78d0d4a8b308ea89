"""What is given with a question is read strictly; what does not fit says how it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hitl_fsm.audit.questions.all import QUESTIONS, question
from hitl_fsm.audit.questions.parameters import FOREVER, values
from hitl_fsm.errors import QuestionError

NOW = 1_767_225_600_000  # 2026-01-01


def read(name: str, **given: object) -> dict[str, object]:
    return dict(values(question(name), given, NOW))


def test_times_are_days_instants_or_ago() -> None:
    assert read("expired")["since"] == 0
    assert read("expired")["until"] == FOREVER
    assert read("expired", since="2025-12-31")["since"] == NOW - 86_400_000
    assert read("expired", since="2026-01-01T01:00:00+01:00")["since"] == NOW
    assert read("expired", since="2h", until="30m") | {"agent": 0, "tool": 0} == {
        "since": NOW - 7_200_000,
        "until": NOW - 1_800_000,
        "agent": 0,
        "tool": 0,
    }
    assert read("expired", since=datetime(2026, 1, 1, tzinfo=UTC))["since"] == NOW
    assert read("holds")["at"] == NOW


def test_numbers_spans_hours_and_days() -> None:
    assert read("rubber-stamp", at_least=20, under="2s")["under"] == 2_000
    assert read("rubber-stamp", **{"at-least": "20"})["at_least"] == 20
    hours = read("after-hours", hours="22:30-24:00", days="fri-mon,wed")
    assert (hours["opens"], hours["closes"], hours["days"]) == (1_350, 1_440, ",4,5,6,0,2,")
    assert read("weak-auth", kinds="os, password")["kinds"] == ",os,password,"


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("expired", {"since": "yesterday"}, "a day"),
        ("expired", {"since": "99999999d"}, "a day"),
        ("expired", {"since": True}, "a text"),
        ("expired", {"tool": "x" * 1_001}, "at most 1000"),
        ("expired", {"tool": ["a"]}, "a text"),
        ("bursts", {"count": "-1"}, "a whole number"),
        ("bursts", {"count": "٣"}, "a whole number"),
        ("bursts", {"count": "9" * 40}, "a whole number"),
        ("bursts", {"within": "5"}, "a time span"),
        ("collusion", {"share": 101}, "0 to 100"),
        ("after-hours", {"hours": "18:00-08:00"}, "hours of one day"),
        ("after-hours", {"hours": "08:00-24:30"}, "hours of one day"),
        ("after-hours", {"days": "mon-someday"}, "days of the week"),
        ("self-approved", {"kinds": "approvel"}, "some of confirm, approval,"),
        ("self-approved", {"ways": "asked,askd"}, "some of asked, began, edited"),
        ("self-approved", {"ways": " , "}, "some of asked, began, edited"),
        ("weak-auth", {"kinds": ""}, "words with commas between"),
        ("flagged", {"flag": "near"}, "one of mixed_scripts,"),
        ("self-approved", {"since": "2026-12-01", "until": "2026-01-01"}, "--until where it ends"),
        ("self-approved", {"since": "1d", "until": "1d"}, "--until where it ends"),
        ("expired", {"colour": "red"}, "--since, --until, --agent, --tool"),
        ("integrity", {"since": "1d"}, "none"),
    ],
)
def test_what_does_not_fit_says_how_it_is_written(name: str, given: dict[str, object], told: str) -> None:
    with pytest.raises(QuestionError) as caught:
        read(name, **given)
    assert told in str(caught.value.help)


def test_what_must_be_given_is_asked_for() -> None:
    with pytest.raises(QuestionError, match="timeline needs --run") as caught:
        read("timeline")
    assert caught.value.help == "give --run: the run."


def test_a_mistyped_question_is_told_the_nearest() -> None:
    with pytest.raises(QuestionError, match="did you mean 'rubber-stamp'"):
        question("rubberstamp")
    with pytest.raises(QuestionError, match="there is no question 'zzzzzz'\n"):
        question("zzzzzz")


def test_every_default_is_one_that_could_be_given() -> None:
    for one in QUESTIONS.values():
        defaults = {p.name: p.default for p in one.parameters if p.default is not None}
        required = {p.name: "run_x" for p in one.parameters if p.default is None}
        assert values(one, {**defaults, **required}, NOW) == values(one, required, NOW)


def test_the_command_knows_every_parameter() -> None:
    from hitl_fsm.cli.audit.q import PARAMETERS

    named = {parameter.name.replace("-", "_") for one in QUESTIONS.values() for parameter in one.parameters}
    assert set(PARAMETERS) == named
