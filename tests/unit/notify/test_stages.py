"""Reminders, escalations, votes, broken glass, revocations: who is told of each, in which words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from test_outbox import Ear

from hitl_fsm import Engine
from hitl_fsm.core.notices import EVENTS, USUAL, Line, Link, is_stale, notice_of, with_details
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import Approval, Confirm, Escalation, External, Patience, Seat, UserInput
from hitl_fsm.model.visible import MASK
from house import House, call, calls

LONG = """
- id: all
  tools: [pay]
  gate:
    - approval:
        of: [role:finance]
        quorum: 2
        expires: 4h
        reminders: [1h]
        on_expiry: {escalate: [role:cfo], expires: 8h}
        break_glass: [role:oncall]
"""
HOUR = 3_600_000


def started(house: House, ear: Ear) -> tuple[Engine, Any]:
    house.actors |= {"carla": ["cfo"], "olga": ["oncall"]}
    engine = house.engine(LONG, channels=[ear])
    engine.notify()
    return engine, house.agent(engine, [calls(call("pay", to="bob", amount=12))]).run("go", user="alice")


def test_people_are_reminded_and_the_next_are_asked(house: House) -> None:
    ear = Ear()
    engine, run = started(house, ear)
    engine.notify()
    house.clock.advance(HOUR)
    engine.sweep()
    house.clock.advance(3 * HOUR)
    engine.sweep()
    run.requirements[0].confirm(by="carla")
    engine.notify()
    assert ear.told == ["requirement_opened", "requirement_reminded", "requirement_escalated", "requirement_resolved"]
    opened, reminded, escalated, resolved = ear.heard
    assert (opened.who, opened.told) == ("2 people of role:finance", ("role:finance",))
    assert (reminded.asks, reminded.told) == ("Reminder: May helper call pay?", ("role:finance",))
    assert (escalated.asks, escalated.told) == ("Escalated: May helper call pay?", ("role:cfo",))
    assert escalated.expires_at == house.clock.now() + 8 * HOUR
    assert (resolved.told, resolved.by) == (("requester", "alice"), "carla")
    assert len({one.id for one in ear.heard}) == 4


def test_a_single_vote_is_told_only_to_who_asked_for_that(house: House) -> None:
    usual, votes = Ear("usual"), Ear("votes", events=("requirement_voted",))
    engine = house.engine(LONG, channels=[usual, votes])
    run = house.agent(engine, [calls(call("pay", to="bob", amount=12))]).run("go", user="alice")
    engine.notify()
    run.requirements[0].confirm(by="maria")
    engine.notify()
    assert (usual.told, votes.told) == (["requirement_opened"], ["requirement_voted"])
    assert votes.heard[0].by == "maria"


def test_broken_glass_is_told_to_everybody_with_its_reason(house: House) -> None:
    legal = Ear("legal", for_=("role:legal",))
    engine, run = started(house, legal)
    run.requirements[0].break_glass(note="the plant is on fire", by="olga")
    engine.notify()
    assert legal.told == ["break_glass"]
    assert (legal.heard[0].by, legal.heard[0].note, legal.heard[0].who) == ("olga", "the plant is on fire", "everybody")


def requirement(question: Any = None, **fields: Any) -> Requirement:
    question = Approval(("role:finance",)) if question is None else question
    given: dict[str, Any] = {"agent": "clerk", "user": "alice", **fields}
    return Requirement("req_1", "run_1", "1.0", "pay", {"to": "bob", "iban": "DE1"}, "ab" * 32, question, 1, **given)


def line(event: str, by: str = "maria", **data: Any) -> Line:
    return Line(7, event, 9, Actor(id=by), "run_1", {"requirement": "req_1", **data})


TWO = Patience(escalate=(Escalation(("role:cfo",)), Escalation(("role:ceo", "maria"), quorum=2)))


@pytest.mark.parametrize(
    ("question", "level", "who", "told"),
    [
        (Confirm(), 0, "the requester", ("requester", "alice")),
        (UserInput({}, ("role:hr",)), 0, "role:hr", ("role:hr",)),
        (External("bank"), 0, "anybody", ()),
        (OutcomeUnknown(), 0, "anybody", ()),
        (Approval(("a", "b"), ways=((Seat(("a",), 2),), (Seat(("a",)), Seat(("b",))))), 0, None, ("a", "b")),
        (Approval(("a",), patience=TWO), 1, "role:cfo", ("role:cfo",)),
        (Approval(("a",), patience=TWO), 2, "2 people of role:ceo or maria", ("role:ceo", "maria")),
        (Approval(("a",), patience=TWO), 9, "2 people of role:ceo or maria", ("role:ceo", "maria")),
    ],
)
def test_who_is_asked_in_words_and_as_names(question: Any, level: int, who: str | None, told: tuple[str, ...]) -> None:
    event = "requirement_escalated" if level else "requirement_opened"
    notice = notice_of(line(event, level=level), requirement(question), Link())
    assert notice is not None
    assert (notice.who, notice.told) == (who or "2 people of a, or a and b", told)


def test_what_no_chat_announces_is_not_announced() -> None:
    silent = requirement(External("bank", silent=True))
    assert notice_of(line("requirement_opened"), silent, Link()) is None
    assert notice_of(line("requirement_expired"), silent, Link()) is not None


def test_what_nobody_is_told_of_makes_no_notice() -> None:
    assert notice_of(line("requirement_superseded"), requirement(), Link()) is None
    assert notice_of(line("requirement_resolved", by="alice"), requirement(), Link()) is None
    assert set(EVENTS) - set(USUAL) == {"requirement_voted"}


def test_it_is_too_late_once_it_is_closed_or_others_are_asked() -> None:
    asked = requirement(Approval(("a",), patience=TWO))
    notice = notice_of(line("requirement_opened"), asked, Link())
    done = notice_of(line("requirement_resolved"), asked, Link())
    assert notice is not None
    assert done is not None
    assert not is_stale(notice, asked)
    assert is_stale(notice, None)
    assert is_stale(notice, replace(asked, escalated=1))
    assert is_stale(notice, replace(asked, state=RequirementState.REJECTED))
    assert not is_stale(done, None)


def test_what_nobody_is_shown_is_not_told_either() -> None:
    asked = replace(requirement(), args={"to": "bob", "card": {"number": "4111"}}, sensitive=("card.number", "gone"))
    notice = notice_of(line("requirement_opened"), asked, Link())
    assert notice is not None
    told = with_details(notice, asked)
    assert (told.args, told.hidden) == ({"to": "bob", "card": {"number": MASK}}, ("card.number",))


def test_people_are_told_once_of_all_reminders_that_were_due_while_nobody_swept(house: House) -> None:
    ear = Ear()
    house.actors |= {"carla": ["cfo"]}
    often = LONG.replace("reminders: [1h]", "reminders: [30m, 1h, 90m, 3h]")
    assert often != LONG
    engine = house.engine(often, channels=[ear])
    run = house.agent(engine, [calls(call("pay", to="bob", amount=12))]).run("go", user="alice")
    engine.notify()
    house.clock.advance(2 * HOUR)
    assert [timer.kind for timer in engine.sweep()] == ["reminder"]
    assert engine.sweep() == ()
    assert ear.told == ["requirement_opened", "requirement_reminded"]
    told = [one for one in engine.runs.timeline(run.run_id) if one["event"] == "requirement_reminded"]
    assert [one["data"]["number"] for one in told] == [3]
    house.clock.advance(HOUR)
    assert [timer.kind for timer in engine.sweep()] == ["reminder"], "what is not over yet has its own time"
    assert engine.runs.get(run.run_id).requirements[0].value.reminded == 4
