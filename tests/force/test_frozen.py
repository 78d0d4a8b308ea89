"""A worker frozen at each place, overtaken when its lease has ended, and woken after that.

Nothing happens twice, its late result is kept, its commit is refused, and the run is finished. Time is not waited for:
a file moves the clock of all workers.
"""

from __future__ import annotations

from contextlib import closing

import pytest
from kill_cases import Case, Site
from kill_databases import Database, Postgres
from kill_kinds import ON_POSTGRES, ON_SQLITE, on_both
from kill_points import COMMIT, Plan, plans
from witness import Witness

from hitl_fsm import Engine
from hitl_fsm.errors import AnswerTooEarly, Fenced, RunBusy, StoreBusy, StoreError
from hitl_fsm.model import event as events
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RequirementState
from hitl_fsm.runtime.loop import run_sync

pytest_plugins = ["kill_fixtures"]

LEASE_ENDED_MS = 2 * 60_000
"""A lease of a minute is over, but a call that began before may still act."""
CALL_ENDED_MS = 10 * 60_000
"""Nobody takes a call of that age for one that still acts."""
EXPECTED = {"done", Fenced.code, AnswerTooEarly.code}
"""How a worker may end that was frozen, or that took over from one."""

REPRESENTATIVE = [
    Plan("stop", "inside the model's call of turn 2"),
    Plan("stop", "after the commit of calls_started", 2),
    Plan("stop", "in pay bob, before the effect"),
    Plan("stop", "in refund order, after the effect"),
    Plan("stop", "in book refund, before the effect"),
    Plan("stop", "before the commit of call_returned", 3),
    Plan("stop", "before the commit of answer_recorded", 2),
]

INSIDE_A_COMMIT = Plan("stop", COMMIT, 11)
"""The tool has acted, its result is written, and the transaction is not ended."""


def frozen_and_overtaken(case: Case, plan: Plan, *, stream: bool = False) -> list[str]:
    """One stands still; another takes over and goes as far as it may; the first wakes; a third finishes."""
    still = case.send(plan, stream=stream)
    if still.how != "stopped":
        return [f"it was not frozen: {still}"]
    case.shift_clock(LEASE_ENDED_MS)
    second = case.send(stream=stream)
    first = case.wake(still)
    found = [f"a worker: {one}" for one in (first, second) if (one.how, one.code) != ("exited", 0)]
    case.shift_clock(CALL_ENDED_MS)
    found += case.finished(stream=stream)
    ends = case.ends()
    if ends[-1] != "done" or not set(ends) <= EXPECTED:
        found.append(f"the workers ended as {ends}")
    return found


@pytest.mark.parametrize(
    ("database", "plan"), on_both(REPRESENTATIVE, REPRESENTATIVE[1:4:2]), indirect=["database"], ids=str
)
def test_law03_frozen_at_a_place(case: Case, plan: Plan) -> None:
    assert frozen_and_overtaken(case, plan) == []


@pytest.mark.slow
def test_law03_frozen_at_each_second_place(site: Site) -> None:
    """All but those before there is a run, which the next worker would not find. They come in pairs."""
    with site.case("unharmed") as unharmed:
        assert unharmed.finished() == []
    passed = unharmed.passed()
    every = plans(passed, "stop")[passed.index("after the commit of run_created") :]
    assert len(every) > 100
    wrong = site.tried(site.some(every, sqlite=2, postgres=4), frozen_and_overtaken)
    assert not wrong, wrong


@ON_SQLITE
@pytest.mark.slow
def test_law03_frozen_at_each_place_of_a_stream(site: Site) -> None:
    with site.case("unharmed") as unharmed:
        assert unharmed.finished(stream=True) == []
    every = [plan for plan in plans(unharmed.passed(), "stop") if plan.at.startswith("in the stream")]
    assert len(every) > 10
    wrong = site.tried(every, lambda case, plan: frozen_and_overtaken(case, plan, stream=True))
    assert not wrong, wrong


def late_results(case: Case) -> list[events.LateResult]:
    """Those in the run's log."""
    with closing(Engine(store=case.url)) as engine:
        (row,) = engine.runs.list()
        return [e.event for e in engine.runs.events(row.run_id) if isinstance(e.event, events.LateResult)]


def questions(case: Case) -> list[Requirement]:
    """All that were ever asked."""
    with closing(Engine(store=case.url)) as engine:
        return list(run_sync(engine.store.requirements(state=None)))


@ON_SQLITE
def test_law03_a_late_result_answers_the_open_question(case: Case) -> None:
    still = case.send(Plan("stop", "in pay bob, before the effect"))
    case.shift_clock(LEASE_ENDED_MS)
    case.send()
    assert case.ends() == [AnswerTooEarly.code], "it may still act: nobody can say yet that it did not happen"
    case.wake(still)
    assert case.ends()[-1] == Fenced.code
    (late,) = late_results(case)
    assert (late.call_id, late.attempt, late.result, late.begun) == ("1.1", 1, "pay of bob is done", True)
    assert case.finished() == []
    answered = {line["requirement"] for line in Witness(case.folder / "answers.jsonl").lines()}
    (superseded,) = [q for q in questions(case) if q.state is RequirementState.SUPERSEDED]
    assert superseded.kind == "outcome"
    assert superseded.requirement_id not in answered


@ON_SQLITE
def test_law03_a_late_result_is_kept_beside_the_answer_that_was_first(case: Case) -> None:
    still = case.send(Plan("stop", "in pay bob, after the effect"))
    case.shift_clock(CALL_ENDED_MS)
    case.send()
    assert case.ends() == ["done"], "a person looked, and said that it happened"
    case.wake(still)
    assert case.ends() == ["done", "done"]
    (late,) = late_results(case)
    assert late.result == "pay of bob is done"
    assert case.complaints() == []


@ON_SQLITE
def test_law03_a_worker_that_lost_its_run_does_not_begin_the_tool(case: Case) -> None:
    still = case.send(Plan("stop", "after the commit of calls_started", 2))
    case.shift_clock(CALL_ENDED_MS)
    case.send()
    assert case.ends() == ["done"], "a person looked, and said that it did not happen"
    case.wake(still)
    (late,) = late_results(case)
    assert not late.begun
    assert case.complaints() == []


@ON_SQLITE
def test_law03_a_worker_that_lost_its_run_frees_the_call_that_it_did_not_begin(case: Case) -> None:
    still = case.send(Plan("stop", "after the commit of calls_started", 2))
    case.shift_clock(LEASE_ENDED_MS)
    case.send()
    case.wake(still)
    assert case.ends() == [AnswerTooEarly.code, Fenced.code]
    assert case.finished() == [], "nobody had to be asked"
    assert case.ends()[-1] == "done"


@ON_SQLITE
def test_a_frozen_worker_that_may_be_alive_keeps_its_run_while_its_lease_lasts(case: Case) -> None:
    still = case.send(Plan("stop", "in pay bob, before the effect"))
    case.send()
    assert case.ends() == [RunBusy.code]
    case.wake(still)
    assert case.ends() == [RunBusy.code, "done"]
    assert case.complaints() == []


@ON_SQLITE
@pytest.mark.slow
def test_a_worker_that_is_frozen_inside_a_transaction_holds_the_others_up_for_a_bounded_time(case: Case) -> None:
    still = case.send(INSIDE_A_COMMIT, statements=True)
    assert still.how == "stopped"
    case.shift_clock(LEASE_ENDED_MS)
    case.send()
    assert case.ends() == [StoreBusy.code]
    case.wake(still)
    assert case.ends() == [StoreBusy.code, "done"]
    assert case.complaints() == []


@ON_POSTGRES
@pytest.mark.slow
def test_a_server_frees_what_a_worker_that_is_frozen_inside_a_transaction_holds(case: Case) -> None:
    """It ends the transaction that stands still; the next worker goes on to the question that waits."""
    still = case.send(INSIDE_A_COMMIT, statements=True)
    assert still.how == "stopped"
    case.shift_clock(LEASE_ENDED_MS)
    case.send()
    assert case.ends() == [AnswerTooEarly.code]
    case.shift_clock(CALL_ENDED_MS)
    case.send()
    assert case.ends() == [AnswerTooEarly.code, "done"]
    case.wake(still)
    assert case.complaints() == []


@ON_POSTGRES
def test_law03_a_frozen_worker_whose_connection_the_server_ended_in_its_transaction(
    case: Case, database: Database
) -> None:
    assert isinstance(database, Postgres)
    still = case.send(INSIDE_A_COMMIT, statements=True)
    database.disconnect()
    case.shift_clock(CALL_ENDED_MS)
    case.send()
    assert case.ends() == ["done"]
    assert case.wake(still).how == "exited"
    assert case.ends()[1:] in (["done"], [Fenced.code], [StoreError.code])
    assert case.complaints() == []
