"""What is looked up before a step is decided: open hours, grants, the crowd and reasons to look twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from hitl_fsm import Engine
from hitl_fsm.core.decide import Step
from hitl_fsm.errors import GrantGone
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Approve, GrantTerms
from hitl_fsm.model.event import (
    AnswerRecorded,
    CallReturned,
    CallsStarted,
    Entry,
    Event,
    ModelReplied,
    ProposedCall,
    RequirementTimedOut,
    RunCreated,
)
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CallState
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Gate, Patience, Review, Verdict
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.runtime.entering import Entered, enter
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.people.crowd import Crowd
from house import House, call, calls

ALICE = Actor("alice")
OFFERED = """
- {id: all, gate: {approval: {of: [role:finance], grant: {max: 1, for: 24h, scope: [agent]}}}}
"""
TRICK = "b\u043eb"


async def kept(step: Step, entry: Entry) -> str:
    return "kept"


def entered(parts: Parts, run: Run | None, event: Event, verdicts: Any = None, by: Actor = ALICE) -> Entered:
    found, result = asyncio.run(enter(parts, run, event, by, verdicts or {}, kept))
    assert result == "kept"
    return found


def asks(parts: Parts, *gates: tuple[Gate, ...], to: str = "bob") -> Entered:
    """A new run that asks for one call behind each of these rows of gates."""
    created = entered(parts, None, RunCreated("run_r", "agent", "helper", "hi", ALICE))
    assert (created.entry.seq, created.entry.circumstances) == (1, None)
    names = [f"1.{number}" for number in range(len(gates))]
    proposed = tuple(ProposedCall(name, name, "pay", {"to": to, "amount": 1}, tool_version="v1") for name in names)
    verdicts = {
        name: Verdict("gated", row, batch="hold_all", policy_digest="p") for name, row in zip(names, gates, strict=True)
    }
    return entered(parts, created.step.run, ModelReplied("", proposed), verdicts)


@pytest.fixture
def parts(house: House) -> Parts:
    return house.engine().parts


class Hours:
    """A calendar that is always open, for as long as is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def __call__(self, calendar: Any, from_ms: int, need_ms: int) -> tuple[int, ...]:
        self.asked.append((calendar.name, need_ms))
        return (from_ms + 1_000, from_ms + 1_000 + need_ms)


def with_hours(parts: Parts, hours: Hours) -> Parts:
    calendars = {name: Calendar(name, "UTC", ((),) * 7) for name in ("madrid", "rome")}
    return replace(parts, policies=PolicySet((), "p", "", (), calendars), open_times=hours)


def test_what_needs_nothing_of_the_world_is_decided_without_it(parts: Parts) -> None:
    found = asks(parts, (Confirm(50),))
    assert (found.entry.circumstances, found.entry.seq, found.entry.at) == (None, 2, parts.clock.now())
    assert len(found.step.run.open_requirements) == 1


def test_open_hours_are_asked_for_as_long_as_the_longest_wait(parts: Parts) -> None:
    hours = Hours()
    madrid = Patience((70,), "madrid", (Escalation(("a",), 90), Escalation(("b",))))
    rome = Patience((20, 30), "rome")
    short, long = Confirm(50, madrid), Confirm(200, madrid)
    found = asks(with_hours(parts, hours), (short,), (Confirm(5, rome),), (long,), (short,))
    assert hours.asked == [("madrid", 90), ("rome", 30), ("madrid", 200)], "once more where it was not enough"
    assert found.entry.circumstances is not None
    assert found.entry.circumstances.hours.keys() == {"madrid", "rome"}
    at = parts.clock.now()
    assert [one.expires_at for one in found.step.run.open_requirements] == [at + 1_000 + n for n in (50, 5, 200, 50)]
    for gate in (Confirm(None, Patience((), "madrid")), Confirm(50)):
        hours.asked.clear()
        asks(with_hours(parts, hours), (gate,))
        assert hours.asked == [], "there is no time to count"


def test_who_is_asked_next_gets_open_hours_and_nothing_else(house: House, parts: Parts) -> None:
    hours = Hours()
    gate = Approval(("a",), expires_ms=10, patience=Patience((), "madrid", (Escalation(("b",), 20),)))
    known = replace(with_hours(parts, hours), crowd=Crowd(2))
    run = asks(known, (gate,), to=TRICK).step.run
    hours.asked.clear()
    house.clock.advance(1_010)
    full = replace(known, crowd=Crowd(0))
    found = entered(full, run, RequirementTimedOut("req_r-0001"))
    assert hours.asked == [("madrid", 20)]
    assert found.entry.circumstances is not None
    assert (found.entry.circumstances.refused, found.entry.circumstances.flags) == ({}, {})
    assert found.step.run.open_requirements[0].expires_at == parts.clock.now() + 1_020


def test_flags_are_looked_for_where_somebody_is_asked(parts: Parts) -> None:
    found = asks(parts, (Confirm(),), to=TRICK)
    assert found.entry.circumstances is not None
    assert [flag.kind for flag in found.entry.circumstances.flags["1.0"]] == ["mixed_scripts"]
    (asked,) = found.step.run.open_requirements
    assert asked.flags == found.entry.circumstances.flags["1.0"]
    assert found.entry.circumstances.refused == {}


@pytest.mark.parametrize(("limit", "open_"), [(0, 0), (1, 1), (2, 2), (3, 3)])
def test_questions_of_one_step_are_counted_among_those_that_are_open(parts: Parts, limit: int, open_: int) -> None:
    found = asks(replace(parts, crowd=Crowd(limit)), (Confirm(),), (Confirm(5),), (External("x"),))
    assert len(found.step.run.open_requirements) == open_
    denied = [call_ for call_ in found.step.run.calls if call_.state is CallState.DENIED]
    assert len(denied) == 3 - open_
    assert all("people are asked no more" in str(call_.result) for call_ in denied)


def test_a_question_that_stays_open_is_not_looked_at_again(parts: Parts) -> None:
    run = asks(parts, (Confirm(),), (Confirm(5), Confirm(7))).step.run
    second = run.open_requirements[1]
    full = replace(parts, crowd=Crowd(0))
    found = entered(full, run, AnswerRecorded(second.requirement_id, Approve(), second.digest))
    states = [one.state for one in found.step.run.calls]
    assert states == [CallState.GATED, CallState.DENIED], "only what would be asked now is not"
    assert found.entry.circumstances is not None
    assert found.entry.circumstances.refused.keys() == {"1.1"}


def test_a_result_that_waits_for_its_review_is_not_refused_by_a_crowd(parts: Parts) -> None:
    run = asks(parts, (Review(),)).step.run
    run = entered(parts, run, CallsStarted(("1.0",), "w")).step.run
    found = entered(replace(parts, crowd=Crowd(0)), run, CallReturned("1.0", "x"))
    assert [one.question for one in found.step.run.open_requirements] == [Review()]
    assert found.entry.circumstances is None


# -- grants


def granted(house: House, **options: Any) -> Engine:
    """An engine in whose store one payment of 1 to bob may be repeated once."""
    engine = house.engine(OFFERED, **options)
    run = house.agent(engine, [calls(call("pay", to="bob", amount=1))]).run("go", user="alice")
    run.active_requirements[0].confirm(by="maria", grant=GrantTerms("agent"))
    engine.advance(run.run_id)
    return engine


def again(house: House, engine: Engine) -> Any:
    return house.agent(engine, [calls(call("pay", to="bob", amount=1), call("pay", to="bob", amount=1))]).run("go")


def test_law02_two_calls_of_one_step_do_not_take_the_same_last_use(house: House) -> None:
    run = again(house, granted(house))
    assert [one.state.value for one in run.value.calls] == ["succeeded", "gated"]
    assert len(run.active_requirements) == 1


def test_a_grant_that_is_gone_at_the_write_leaves_the_question_to_people(house: House) -> None:
    engine = granted(house)
    (row,) = engine.grants.list()
    tried: list[int] = []
    run, (event, verdicts) = once_more(engine)

    async def write(step: Step, entry: Entry) -> None:
        tried.append(len(step.grant_uses))
        if step.grant_uses:
            raise GrantGone("gone", grant_id=row.grant.grant_id)

    found, _ = asyncio.run(enter(engine.parts, run, event, ALICE, verdicts, write))
    assert tried == [1, 0]
    assert len(found.step.run.open_requirements) == 1

    async def other(step: Step, entry: Entry) -> None:
        raise GrantGone("gone", grant_id="grant_other")

    with pytest.raises(GrantGone):
        asyncio.run(enter(engine.parts, run, event, ALICE, verdicts, other))


def once_more(engine: Engine) -> tuple[Run, tuple[Event, dict[str, Verdict]]]:
    """A new run of the same agent, and the reply and verdict by which the payment is asked for again."""
    (done,) = engine.runs.list()
    entries = engine.runs.events(done.run_id)
    replied = next(one for one in entries if isinstance(one.event, ModelReplied))
    created = next(one for one in entries if isinstance(one.event, RunCreated))
    fresh = msgspec.structs.replace(created.event, run_id="run_z")
    run = entered(engine.parts, None, fresh).step.run
    return run, (replied.event, dict(replied.verdicts))
