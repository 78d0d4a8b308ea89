"""Killed at every place of the protocol: nothing happens twice, no answer is lost, every run can be finished.

A few representative places are tried always; all of them, and each statement to the database, by `pytest -m slow`.
"""

from __future__ import annotations

import pytest
from kill_cases import Case, Site
from kill_kinds import ON_SQLITE, on_both
from kill_points import ANYWHERE, STATEMENT, Plan, plans

pytest_plugins = ["kill_fixtures"]

REPRESENTATIVE = [
    Plan("kill", "after the commit of run_created"),
    Plan("kill", "inside the model's call of turn 1"),
    Plan("kill", "after the commit of calls_started", 2),
    Plan("kill", "in pay bob, before the effect"),
    Plan("kill", "in pay bob, after the effect"),
    Plan("kill", "in book refund, after the effect"),
    Plan("kill", "before the commit of call_returned", 2),
    Plan("kill", "before the commit of answer_recorded", 2),
    Plan("kill", "after an answer was acknowledged", 2),
    Plan("kill", "after the commit of answer_recorded", 3),
    Plan("kill", "in stock left, after the effect"),
    Plan("kill", "after the commit of model_replied", 6),
]
STREAMED = Plan("kill", "in the stream of turn 3", 2)


@pytest.mark.parametrize(
    ("database", "plan"), on_both(REPRESENTATIVE, REPRESENTATIVE[2:6]), indirect=["database"], ids=str
)
def test_law03_killed_at_a_place(case: Case, plan: Plan) -> None:
    assert case.killed_and_finished(plan) == []


@ON_SQLITE
def test_law03_killed_in_the_middle_of_a_stream(case: Case) -> None:
    assert case.killed_and_finished(STREAMED, stream=True) == []


def test_law03_killed_and_killed_again_while_recovering(case: Case) -> None:
    assert case.send(Plan("kill", "in refund order, after the effect")).how == "killed"
    assert case.send(Plan("kill", "after the commit of call_lost")).how == "killed"
    assert case.send(Plan("kill", "before the commit of answer_recorded")).how == "killed"
    assert case.finished() == []


def test_nobody_is_killed_and_all_of_it_holds(case: Case) -> None:
    assert case.finished() == []
    passed = case.passed()
    assert {plan.at for plan in REPRESENTATIVE} <= set(passed), "the places have other names"
    assert len(passed) > 100


@pytest.mark.slow
def test_law03_killed_at_each_place(site: Site) -> None:
    with site.case("unharmed") as unharmed:
        assert unharmed.finished() == []
    every = plans(unharmed.passed(), "kill")
    wrong = site.tried(every, lambda case, plan: case.killed_and_finished(plan))
    assert not wrong, wrong


@ON_SQLITE
@pytest.mark.slow
def test_law03_killed_at_each_place_of_a_stream(site: Site) -> None:
    """Where the model and the store are used from a thread beside the one that reads."""
    with site.case("unharmed") as unharmed:
        assert unharmed.finished(stream=True) == []
    every = [plan for plan in plans(unharmed.passed(), "kill") if plan.at.startswith("in the stream")]
    assert len(every) > 10
    wrong = site.tried(every, lambda case, plan: case.killed_and_finished(plan, stream=True))
    assert not wrong, wrong


@pytest.mark.slow
def test_law03_killed_inside_transactions(site: Site) -> None:
    """Before a statement, or the end: each kind of transaction comes so often that every third is enough to see all."""
    with site.case("unharmed") as unharmed:
        assert unharmed.finished(statements=True) == []
    count = unharmed.passed().count(STATEMENT)
    assert count > 250
    every = site.some([Plan("kill", STATEMENT, n + 1) for n in range(count)], sqlite=3, postgres=7)
    wrong = site.tried(every, lambda case, plan: case.killed_and_finished(plan, statements=True))
    assert not wrong, wrong


NEAR = 25
"""Places after the first death that are tried: what comes later does not know of it any more."""
RECOVERIES = [
    Plan("kill", "in refund order, after the effect"),
    Plan("kill", "in alert right, after the effect"),
]


@ON_SQLITE
@pytest.mark.slow
@pytest.mark.parametrize("first", RECOVERIES, ids=str)
def test_law03_killed_again_at_each_place_of_the_recovery(site: Site, first: Plan) -> None:
    with site.case("killed once") as once:
        assert once.killed_and_finished(first) == []
    every = [Plan("kill", ANYWHERE, n + 1) for n in range(min(NEAR, len(once.passed())))]

    def twice(case: Case, second: Plan) -> list[str]:
        deaths = [case.send(first).how, case.send(second).how]
        return case.finished() if deaths == ["killed", "killed"] else [f"not killed twice: {deaths}"]

    wrong = site.tried(every, twice)
    assert not wrong, wrong
