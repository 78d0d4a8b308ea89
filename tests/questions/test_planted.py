"""Each question finds what was planted in a month of history, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_fsm.audit.questions.all import QUESTIONS
from hitl_fsm.audit.questions.question import Answer
from hitl_fsm.model.instant import iso
from reviewed_month import DAY, Month


def asked(month: Month, name: str, **given: object) -> list[dict[str, Any]]:
    answer: Answer = month.engine.audit.ask(name, **given)
    assert answer.damage == ()
    assert not answer.more
    assert answer.must_be_empty == QUESTIONS[name].must_be_empty
    names = [column.name for column in answer.columns]
    return [dict(zip(names, row, strict=True)) for row in answer.rows]


Key = Callable[[dict[str, Any]], Any]
# These questions themselves are on the record, where they open people's data: by the engine, since nobody is named.
EXACT: dict[str, tuple[dict[str, object], Key]] = {
    "self-approved": ({}, lambda row: row["requirement"]),
    "overrides": ({}, lambda row: row["requirement"]),
    "break-glass": ({}, lambda row: (row["requirement"], row["reason"])),
    "bursts": ({}, lambda row: (row["approver"], row["decisions"])),
    "unapproved-effects": ({}, lambda row: (row["run"], row["call"], row["why"])),
    "approved-not-run": ({}, lambda row: row["run"]),
    "indeterminate": ({}, lambda row: row["run"]),
    "edited": ({}, lambda row: (row["run"], row["changes"])),
    "policy-flips": ({}, lambda row: (row["by"], row["judged"])),
    "role-changes": ({}, lambda row: (row["approver"], row["requirement"])),
    "expired": ({}, lambda row: row["requirement"]),
    "weak-auth": ({}, lambda row: (row["approver"], row["requirement"])),
    "flagged": ({"flag": "mixed_scripts"}, lambda row: row["requirement"]),
    "after-hours": ({}, lambda row: row["requirement"]),
    "who-read": ({"reader": "ari"}, lambda row: (row["by"], row["what"])),
    "holds": ({}, lambda row: (row["hold"], row["reason"])),
    "collusion": ({}, lambda row: (row["one"], row["other"])),
}


@pytest.mark.parametrize("name", EXACT)
def test_it_finds_exactly_what_was_planted(month: Month, name: str) -> None:
    given, key = EXACT[name]
    assert [key(row) for row in asked(month, name, **given)] == month.planted[name]


def test_every_question_is_asked_here() -> None:
    others = {
        "rubber-stamp",
        "who-could-approve",
        "splitting",
        "model-changes",
        "timeline",
        "erased",
        "coverage",
        "integrity",
    }
    assert set(QUESTIONS) == set(EXACT) | others


def test_one_who_approves_without_reading_stands_apart(month: Month) -> None:
    rows = {row["approver"]: row for row in asked(month, "rubber-stamp")}
    assert next(iter(rows)) == "stan"
    assert rows["stan"]["decisions"] == 8
    assert (rows["stan"]["median"], rows["stan"]["p95"]) == (900, 900)
    assert (rows["stan"]["quick"], rows["stan"]["approved"], rows["stan"]["looked"]) == (100.0, 100.0, 100.0)
    assert {rows[one]["quick"] for one in ("ann", "bob", "cid", "burt")} == {0.0}
    assert all(30_000 <= rows[one]["median"] <= 69_000 for one in ("ann", "bob", "cid"))
    assert rows["ann"]["approved"] < 100
    assert "wally" not in rows  # one decision is no habit


def test_the_time_is_counted_from_the_first_look(month: Month) -> None:
    row = next(one for one in asked(month, "flagged", flag="mixed_scripts"))
    assert row["took"] == 40_000


def test_those_who_could_approve_are_told_as_they_were(month: Month) -> None:
    ((who, role, since),) = month.planted["who-could-approve"]
    during = asked(month, "who-could-approve", tool="pay", at=iso(since + 60_000))
    dana = next(row for row in during if row["person"] == who)
    assert (dana["role"], dana["since"], dana["until"]) == (role, since, since + DAY)
    assert dana["rules"] == "office/big"
    assert {row["person"] for row in during} >= {"ann", "olga", "selma"}
    assert "otto" not in {row["person"] for row in during}
    later = asked(month, "who-could-approve", tool="pay", at=iso(since + 2 * DAY))
    assert who not in {row["person"] for row in later}
    assert "zed" in {row["person"] for row in later}
    before = asked(month, "who-could-approve", tool="pay", at=iso(since - 60_000))
    assert not {who, "zed"} & {row["person"] for row in before}
    assert {row["person"] for row in asked(month, "who-could-approve", role="ops")} == {"otto"}


def test_small_sums_that_are_large_together(month: Month) -> None:
    (row,) = asked(month, "splitting")
    assert (row["tool"], row["user"], row["calls"], row["sum"], row["limit"]) == ("pay", "user0", 3, 120_000, 100_000)
    assert (row["currency"], row["rule"]) == ("EUR", "office/big")
    assert asked(month, "splitting", within="5s") == []
    wide = asked(month, "splitting", limit_minor=50_000)
    assert [(one["user"], one["sum"]) for one in wide] == [("user0", 120_000), ("user1", 60_000)]


def test_another_model(month: Month) -> None:
    changes = [(row["agent"], row["now"]) for row in asked(month, "model-changes") if row["was"]]
    assert changes == month.planted["model-changes"]


def test_a_run_from_its_beginning_to_its_end(month: Month) -> None:
    rows = asked(month, "timeline", run=month.runs[2])
    events = [row["event"] for row in rows]
    assert events[0] == "run_created"
    assert events[-1] == "run_done"
    order = ["requirement_opened", "requirement_viewed", "requirement_resolved", "call_authorised", "call_started"]
    places = [len(events) - 1 - events[::-1].index(event) for event in order]
    assert places == sorted(places)
    by = next(row for row in rows if row["event"] == "requirement_resolved")
    assert (by["by"], by["credential"]) == ("cid", "oidc:sso")


def test_what_was_held(month: Month) -> None:
    rows = asked(month, "erased")
    assert [(row["event"], row["about"]) for row in rows][:2] == month.planted["erased"][0]
    assert rows[2]["event"] == "hold_released"
    before = month.engine.audit.ask("holds", at="2026-03-01")
    assert before.rows == ()


def test_what_no_rule_looks_at(month: Month) -> None:
    found = {(row["what"], row["name"]): row["finding"] for row in asked(month, "coverage")}
    assert found == {
        ("rule", "office/never"): "it was never looked at",
        ("rule", "office/unseen"): "it was never looked at",
        ("tool", "hang"): "each of its calls was allowed",
        ("tool", "look"): "each of its calls was allowed",
    }


def test_the_record_holds_together(month: Month) -> None:
    assert asked(month, "integrity") == []


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("self-approved", {"until": "2026-03-03"}),
        ("self-approved", {"approver": "ann"}),
        ("self-approved", {"tool": "deploy"}),
        ("self-approved", {"agent": "buyer"}),
        ("self-approved", {"kinds": "confirm"}),
        ("bursts", {"count": 13}),
        ("bursts", {"within": "30s"}),
        ("weak-auth", {"kinds": "os"}),
        ("role-changes", {"within": "10s"}),
        ("break-glass", {"after": "60d"}),
        ("approved-not-run", {"after": "60d"}),
        ("policy-flips", {"within": "30m"}),
        ("collusion", {"count": 5}),
        ("after-hours", {"hours": "00:00-24:00", "days": "mon-sun"}),
        ("who-read", {"reader": "ann"}),
        ("flagged", {"flag": "long"}),
        ("model-changes", {"since": "2026-03-25"}),
        ("expired", {"since": "1d"}),
    ],
)
def test_narrowed_it_finds_none_of_it(month: Month, name: str, given: dict[str, object]) -> None:
    assert asked(month, name, **given) == []


def test_hours_are_those_of_the_zone(month: Month) -> None:
    (row,) = asked(month, "after-hours")
    assert row["local"].startswith("Sat 02:")
    (there,) = asked(month, "after-hours", zone="Asia/Tokyo", hours="00:00-24:00")  # where it is Saturday, too
    assert there["local"].startswith("Sat 11:")
    in_tokyo = asked(month, "after-hours", zone="Asia/Tokyo", hours="08:00-24:00", days="mon-sun")
    assert in_tokyo == []
    assert len(asked(month, "after-hours", zone="America/New_York", limit=1_000)) > 50


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("unapproved-effects", {"tool": "paay"}, "the record has no call of a tool 'paay'; did you mean 'pay'?"),
        ("self-approved", {"approver": "sellma"}, "the record has nothing by a person 'sellma'; did you mean 'selma'?"),
        ("indeterminate", {"agent": "nobody's"}, 'the record has nothing of an agent "nobody\'s"'),
        ("splitting", {"user": "user00"}, "the record has no run for a person 'user00'; did you mean 'user0'?"),
        ("who-read", {"reader": "arri"}, "the record has nothing by a person 'arri'; did you mean 'ari'?"),
        (
            "who-could-approve",
            {"role": "financ"},
            "the record has nobody with a role 'financ'; did you mean 'finance'?",
        ),
    ],
)
def test_an_empty_answer_about_a_name_that_no_line_has_says_so(
    month: Month, name: str, given: dict[str, str], told: str
) -> None:
    """Whoever mistypes a name is not told that all is as it should be."""
    answer = month.engine.audit.ask(name, **given)
    assert not answer.rows
    assert told in answer.notes


def test_nothing_about_a_name_that_the_record_has_is_said_without_more(month: Month) -> None:
    answer = month.engine.audit.ask("indeterminate", tool="pay", agent="clerk", until="2026-03-03")
    assert (answer.rows, answer.notes) == ((), ())
