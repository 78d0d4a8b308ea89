"""Law 12: time never says yes. Business hours, reminders, escalation; who answers first; what is due fires once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hitl_fsm import Engine
from hitl_fsm.adapters.calendars import calendars_in
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import CalendarError, HitlError, NotAuthorised, RequirementExpired
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import CallState, RequirementState, RunState
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import load
from hitl_fsm.policy.surroundings import Surroundings
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls, policy_text

HOUR = 3_600_000
MADRID = ZoneInfo("Europe/Madrid")
OFFICE = (
    'apiVersion: hitl-fsm/v1\nkind: Calendar\nname: office\ntimezone: Europe/Madrid\nhours: {mon-fri: "09:00-18:00"}\n'
)
SCRIPT = [calls(call("pay", to="bob", amount=5))]
PEOPLE = {"maria": ["finance"], "frank": ["finance"], "carol": ["cfo"], "dora": ["board"], "otto": ["ops"]}
CHAIN = """
- id: all
  gate:
    approval:
      of: [role:finance]
      quorum: 2
      expires: 2h
      reminders: [1h]
      on_expiry:
        - {escalate: [role:cfo], expires: 3h}
        - {escalate: [role:board], expires: 4h}
"""
IN_HOURS = CHAIN.replace("quorum: 2", "calendar: office")


def ms(text: str) -> int:
    """A moment of Madrid: `2026-07-10 17:00`, a Friday."""
    return int(datetime.fromisoformat(text).replace(tzinfo=MADRID).timestamp() * 1000)


def no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def in_office(rules: str = IN_HOURS) -> PolicySet:
    known, wrong = calendars_in({"office.calendar.yaml": OFFICE.encode()})
    assert wrong == ()
    return load({"p.policy.yaml": policy_text(rules)}, no_file, Surroundings(calendars=known))


def put_clock(house: House, text: str) -> None:
    house.clock.advance(ms(text) - house.clock.now())


@pytest.fixture(autouse=True)
def people(house: House) -> None:
    house.actors = PEOPLE


def asked(engine: Engine) -> Requirement:
    (question,) = engine.inbox.list()
    return question


def started(house: House, engine: Engine) -> Any:
    return house.agent(engine, SCRIPT).run("go", user="alice")


def count(house: House, engine: Engine, run_id: str, record: str) -> int:
    return house.records(engine, run_id).count(record)


# -- business hours


def test_law12_a_question_of_friday_evening_expires_on_monday(house: House) -> None:
    put_clock(house, "2026-07-10 17:30")
    engine = house.engine(in_office())
    run = started(house, engine)
    question = asked(engine)
    assert question.remind_at == (ms("2026-07-13 09:30"),)
    assert question.expires_at == ms("2026-07-13 10:30")
    put_clock(house, "2026-07-13 09:29")
    assert engine.sweep() == (), "no time passes while nobody works"
    put_clock(house, "2026-07-13 09:30")
    assert [timer.kind for timer in engine.sweep()] == ["reminder"]
    put_clock(house, "2026-07-13 10:30")
    assert [timer.kind for timer in engine.sweep()] == ["expiry"]
    assert asked(engine).expires_at == ms("2026-07-13 13:30"), "the next ones have hours of work, too"
    assert house.effects == []
    assert count(house, engine, run.run_id, "requirement_escalated") == 1


def test_law12_the_next_ones_have_their_time_from_when_they_are_asked(house: House) -> None:
    put_clock(house, "2026-07-10 10:00")
    engine = house.engine(in_office())
    started(house, engine)
    put_clock(house, "2026-07-10 17:00")  # nobody swept at noon, when it was due
    engine.sweep()
    assert asked(engine).expires_at == ms("2026-07-13 11:00")


def test_law12_a_change_of_clocks_moves_no_office_hour(house: House) -> None:
    put_clock(house, "2026-10-23 17:00")
    engine = house.engine(in_office())
    started(house, engine)
    assert asked(engine).expires_at == ms("2026-10-26 10:00")


def test_law12_an_answer_counts_at_any_hour(house: House) -> None:
    put_clock(house, "2026-07-11 03:00")
    engine = house.engine(in_office())
    run = started(house, engine)
    run.active_requirements[0].confirm(by="maria")
    assert engine.advance(run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


class Told:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def is_heard(self) -> bool:
        return False

    def __call__(self, event: str, /, *, level: str = "info", **fields: Any) -> None:
        self.lines.append((event, {"level": level, **fields}))


def cannot_tell(calendar: Calendar, from_ms: int, need_ms: int) -> tuple[int, ...]:
    raise CalendarError("the zone is gone")


def test_law12_where_hours_cannot_be_computed_all_of_them_count(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hitl_fsm.connect.open_times", cannot_tell)
    put_clock(house, "2026-07-10 17:30")
    engine = house.engine(in_office())
    log = Told()
    engine.in_force.parts = replace(engine.parts, log=log)
    started(house, engine)
    assert asked(engine).expires_at == ms("2026-07-10 19:30"), "earlier than meant, never later"
    assert {event for event, _ in log.lines} == {"calendar_failed"}
    assert log.lines[0][1]["level"] == "error"
    assert "the zone is gone" in log.lines[0][1]["error"]


def test_law12_a_calendar_that_the_policies_do_not_have_counts_all_hours(house: House) -> None:
    put_clock(house, "2026-07-10 17:30")
    engine = house.engine(load({"p.policy.yaml": policy_text(IN_HOURS)}, no_file))
    started(house, engine)
    assert asked(engine).expires_at == ms("2026-07-10 19:30")


def test_law12_a_run_read_again_asks_no_calendar(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    put_clock(house, "2026-07-10 17:30")
    first = house.engine(in_office())
    run = started(house, first)
    was = asked(first)
    first.close()
    monkeypatch.setattr("hitl_fsm.connect.open_times", cannot_tell)
    second = house.engine(in_office())
    again, _ = replay(second.runs.events(run.run_id))
    assert again.open_requirements == (was,)
    put_clock(house, "2026-07-13 10:29")
    assert [timer.kind for timer in second.sweep()] == ["reminder"]


# -- calendars beside the policies, and their reload


def folder_of(house: House) -> Path:
    folder = house.folder / "policies"
    folder.mkdir()
    (folder / "p.policy.yaml").write_bytes(policy_text(IN_HOURS))
    (folder / "office.calendar.yaml").write_text(OFFICE)
    return folder


def engine_of(house: House, folder: Path) -> Engine:
    engine = Engine(folder, house.url, actors=PEOPLE, clock=house.clock, reload="off")
    house.engines.append(engine)
    return engine


def test_law12_a_changed_calendar_holds_for_what_is_asked_from_then_on(house: House) -> None:
    put_clock(house, "2026-07-10 17:30")
    folder = folder_of(house)
    engine = engine_of(house, folder)
    started(house, engine)
    before = asked(engine)
    (folder / "office.calendar.yaml").write_text(OFFICE.replace("mon-fri", "mon-sun"))
    assert engine.reload_policies().outcome == "activated", "a calendar is part of the set"
    assert asked(engine) == before, "what was given is kept"
    started(house, engine)
    (after,) = [one for one in engine.inbox.list() if one.requirement_id != before.requirement_id]
    assert after.expires_at == ms("2026-07-11 10:30")


def test_law06_a_wrong_calendar_stops_the_load_and_leaves_the_set_in_force(house: House) -> None:
    put_clock(house, "2026-07-10 17:30")
    folder = folder_of(house)
    engine = engine_of(house, folder)
    digest = engine.policies.digest
    for wrong in (OFFICE.replace("Madrid", "Madird"), OFFICE.replace("name: office", "name: offices"), "{"):
        (folder / "office.calendar.yaml").write_text(wrong)
        refused = engine.reload_policies()
        assert (refused.outcome, refused.digest) == ("refused", digest), wrong
        with pytest.raises(HitlError, match=r"HF1\d\d"):
            engine_of(house, folder)
    (folder / "office.calendar.yaml").write_text(OFFICE)
    (folder / "other.calendar.yaml").write_text(OFFICE.replace("name: office", "name: other") + "closed: [x]\n")
    assert engine.reload_policies().outcome == "refused", "one that nobody names, too"
    started(house, engine)
    assert asked(engine).expires_at == ms("2026-07-13 10:30")


# -- reminders


def test_law12_a_reminder_is_told_once_and_changes_nothing_else(house: House) -> None:
    engine = house.engine(CHAIN)
    run = started(house, engine)
    before = asked(engine)
    house.clock.advance(HOUR)
    other = house.engine(CHAIN)
    fired = [*engine.sweep(), *other.sweep(), *engine.sweep()]
    assert [timer.kind for timer in fired] == ["reminder"]
    assert count(house, engine, run.run_id, "requirement_reminded") == 1
    after = asked(engine)
    assert (after.state, after.expires_at, after.votes) == (before.state, before.expires_at, before.votes)
    assert engine.runs.get(run.run_id).state is RunState.PAUSED


def test_law12_nobody_is_reminded_of_what_is_answered(house: House) -> None:
    engine = house.engine(CHAIN)
    run = started(house, engine)
    for name in ("maria", "frank"):
        run.active_requirements[0].confirm(by=name)
    house.clock.advance(20 * HOUR)
    assert engine.sweep() == ()
    assert house.sql("SELECT count(*) FROM timer") == [(0,)]
    assert engine.advance(run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


# -- escalation


def test_law12_each_level_is_asked_in_its_turn_and_then_it_is_denied(house: House) -> None:
    engine = house.engine(CHAIN)
    run = started(house, engine)
    levels: list[tuple[int, int]] = []
    for wait_h in (2, 3, 4):
        question = asked(engine)
        assert question.expires_at == house.clock.now() + wait_h * HOUR
        levels.append((question.escalated, len(engine.sweep())))
        house.clock.advance(wait_h * HOUR)
        assert house.effects == []
        assert "expiry" in [timer.kind for _ in range(3) for timer in engine.sweep()]
    assert levels == [(0, 0), (1, 0), (2, 0)]
    assert engine.inbox.list() == []
    closed = engine.runs.get(run.run_id).value
    assert [one.state for one in closed.requirements] == [RequirementState.EXPIRED]
    assert [one.state for one in closed.calls] == [CallState.DENIED]
    assert count(house, engine, run.run_id, "requirement_escalated") == 2
    assert engine.advance(run.run_id).state is RunState.DONE
    assert house.effects == []
    assert house.said_to_model(engine, run.run_id) == ["Nobody answered in time. It was not executed."]


def test_law12_a_vote_of_the_level_before_does_not_count_at_the_next(house: House) -> None:
    engine = house.engine(CHAIN)
    run = started(house, engine)
    run.active_requirements[0].confirm(by="maria")
    assert engine.runs.get(run.run_id).state is RunState.RESOLVING
    house.clock.advance(2 * HOUR)
    engine.sweep()
    engine.sweep()
    assert engine.runs.get(run.run_id).state is RunState.PAUSED, "nothing that was answered holds any more"
    assert asked(engine).escalated == 1
    assert [vote.by.id for vote in asked(engine).votes] == ["maria"], "who had answered is kept"
    for former in ("maria", "frank"):
        with pytest.raises(NotAuthorised):
            engine.resolve(asked(engine).requirement_id, Approve(), by=former)
    engine.runs.get(run.run_id).active_requirements[0].confirm(by="carol")
    assert engine.advance(run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


# -- who is first


def test_law12_a_yes_before_the_timer_stands_whenever_the_sweeper_comes(house: House) -> None:
    engine = house.engine(CHAIN.replace("quorum: 2", "quorum: 1"))
    run = started(house, engine)
    house.clock.advance(2 * HOUR - 1)
    run.active_requirements[0].confirm(by="maria")
    house.clock.advance(100 * HOUR)
    assert engine.sweep() == ()
    assert engine.advance(run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


def test_law12_a_yes_after_its_time_is_refused_before_any_sweeper_came(house: House) -> None:
    ends = house.engine("- {id: all, gate: {approval: {of: [role:finance], expires: 2h}}}")
    run = started(house, ends)
    house.clock.advance(2 * HOUR)
    with pytest.raises(RequirementExpired):
        run.active_requirements[0].confirm(by="maria")
    assert ends.advance(run.run_id).state is RunState.DONE
    goes_on = house.engine(CHAIN)
    run = started(house, goes_on)
    house.clock.advance(2 * HOUR)
    with pytest.raises(NotAuthorised, match="role:cfo"):
        run.active_requirements[0].confirm(by="maria")
    assert asked(goes_on).escalated == 1
    assert house.effects == []


def test_law12_a_yes_that_comes_between_claim_and_firing_wins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine(CHAIN.replace("quorum: 2", "quorum: 1"))
    run = started(house, engine)
    claim = engine.store.claim_timers

    async def answered_meanwhile(due_by: int, owner: str, *, limit: int = 100) -> Any:
        found = await claim(due_by, owner, limit=limit)
        if found:
            house.clock.advance(-HOUR)  # the answer was given while it was time; the sweeper was only slow
            await engine.aresolve(found[0].about, Approve(), by="maria")
            house.clock.advance(HOUR)
        return found

    monkeypatch.setattr(engine.store, "claim_timers", answered_meanwhile)
    house.clock.advance(2 * HOUR)
    assert engine.sweep() == ()
    assert engine.advance(run.run_id).state is RunState.DONE
    assert len(house.effects) == 1


# -- once, after a restart


def test_law12_what_is_due_fires_once_after_a_restart_with_two_sweepers_at_once(house: House) -> None:
    first = house.engine(CHAIN)
    runs = [started(house, first) for _ in range(6)]
    first.close()
    house.clock.advance(2 * HOUR)
    sweepers = [house.engine(CHAIN) for _ in range(2)]

    async def both() -> list[Any]:
        swept = await asyncio.gather(*[one.asweep() for one in sweepers for _ in range(2)])
        return [timer for fired in swept for timer in fired]

    fired = run_sync(both())
    fired += [timer for one in sweepers for _ in range(2) for timer in one.sweep()]
    for run in runs:
        about = [timer for timer in fired if timer.run_id == run.run_id and timer.kind == "expiry"]
        assert len(about) == 1
        assert count(house, sweepers[0], run.run_id, "requirement_escalated") == 1
        assert count(house, sweepers[0], run.run_id, "requirement_reminded") <= 1
    assert {one.escalated for one in sweepers[0].inbox.list()} == {1}
    house.clock.advance(7 * HOUR)
    for one in sweepers * 3:
        one.sweep()
    assert house.effects == []


def test_law12_two_questions_of_one_calendar_have_their_own_time_each(house: House) -> None:
    rules = """
- {id: short, tools: pay, gate: {approval: {of: [role:finance], expires: 2h, calendar: office}}}
- {id: long, tools: note, gate: {approval: {of: [role:finance], expires: 40h, calendar: office}}}
"""
    put_clock(house, "2026-07-10 17:30")
    engine = house.engine(in_office(rules))
    house.agent(engine, [calls(call("pay", to="bob", amount=5), call("note", text="x"))]).run("go", user="alice")
    assert [q.expires_at for q in engine.inbox.list()] == [ms("2026-07-13 10:30"), ms("2026-07-17 12:30")]
