"""From the record to a channel: what is told, to whom, how often, and what becomes of what cannot be told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from hitl_fsm import Engine
from hitl_fsm.adapters.store.reading import LATE_TRIES
from hitl_fsm.core.facts import content_digest
from hitl_fsm.core.notices import wants
from hitl_fsm.errors import NotAuthorised, NotifyError, RequirementNotFound, SettingsError
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.notice import Notice
from hitl_fsm.runtime.outgoing import outbox
from hitl_fsm.runtime.outgoing.outbox import AGAIN_MAX_MS, AGAIN_MS, ATTEMPTS_MAX, Told
from house import House, call, calls
from moments import HUNG_S
from receiver import wait_for

ASKED = """
- id: finance
  tools: [pay]
  gate:
    - approval: {of: [role:finance], quorum: 1, expires: 1h}
- id: own
  tools: [refund]
  gate: confirm
- {id: rest, tools: [note], gate: allow}
"""
PAY = call("pay", to="bob", amount=12)


class Ear:
    """A channel of the application's own: it keeps what it hears, after what it is to raise first."""

    def __init__(self, name: str = "ear", *, for_: tuple[str, ...] = (), events: tuple[str, ...] = ()) -> None:
        self.name = name
        self.details = False
        self.heard: list[Notice] = []
        self.refusals: list[Exception] = []
        self.for_, self.events = for_, events

    def wants(self, notice: Notice) -> bool:
        return wants(notice, self.events, self.for_)

    async def send(self, notice: Notice) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        self.heard.append(notice)

    @property
    def told(self) -> list[str]:
        return [one.event for one in self.heard]


def paused(house: House, *channels: Any, asks: Any = PAY) -> tuple[Engine, Any]:
    engine = house.engine(ASKED, channels=channels)
    run = house.agent(engine, [calls(asks)]).run("go", user="alice")
    return engine, run


def paused_run(house: House, engine: Engine) -> None:
    house.agent(engine, [calls(PAY)]).run("go", user="alice")


def records(engine: Engine, name: str) -> list[dict[str, Any]]:
    lines = [msgspec.json.decode(line.body) for line in engine.audit.records()]
    return [line["data"] for line in lines if line["event"] == name]


def test_who_is_asked_is_told_once_without_the_arguments(house: House) -> None:
    ear = Ear()
    engine, run = paused(house, ear)
    assert engine.notify() == Told(sent=1)
    assert engine.notify() == Told()
    [notice] = ear.heard
    requirement = run.requirements[0]
    assert notice.id == f"notice_{requirement.id}_opened_ear"
    assert (notice.event, notice.requirement, notice.run) == ("requirement_opened", requirement.id, run.run_id)
    assert (notice.kind, notice.tool, notice.agent, notice.user) == ("approval", "pay", "helper", "alice")
    assert (notice.told, notice.who) == (("role:finance",), "role:finance")
    assert notice.asks == "May helper call pay?"
    assert notice.expires_at == house.clock.now() + 3_600_000
    assert len(notice.digest) == 12
    assert notice.args is None
    assert notice.link == ""
    [sent] = records(engine, "notice_sent")
    assert sent == {
        "notice": notice.id,
        "channel": "ear",
        "requirement": requirement.id,
        "event": "requirement_opened",
        "attempts": 1,
        "content": outbox.digest(notice, run.value.salt),
    }


def test_nobody_can_try_what_a_notice_said(house: House) -> None:
    """Its line has all of it but the words of people, and the run's salt."""
    ear = Ear()
    ear.details = True
    engine, run = paused(house, ear)
    engine.notify()
    [notice], [sent] = ear.heard, records(engine, "notice_sent")
    assert notice.args == {**PAY["args"], "memo": "-"}
    assert sent["content"] == outbox.digest(notice, run.value.salt)
    assert sent["content"] not in {outbox.digest(notice, ""), content_digest(msgspec.to_builtins(notice))}


def test_a_link_leads_to_the_question_where_there_is_a_page(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HITL_FSM_BASE_URL", "https://desk.example.com/inbox/")
    ear = Ear()
    engine, run = paused(house, ear)
    engine.notify()
    assert ear.heard[0].link == f"https://desk.example.com/inbox/{run.requirements[0].id}"


def test_law13_a_forwarded_link_shows_and_answers_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it holds is where to look: who has it, and was not asked, is nobody."""
    monkeypatch.setenv("HITL_FSM_BASE_URL", "https://desk.example.com/inbox")
    ear = Ear()
    engine, run = paused(house, ear)
    engine.notify()
    place = urlsplit(ear.heard[0].link)
    (asked,) = run.active_requirements
    assert (place.path, place.query, place.fragment, place.username) == (f"/inbox/{asked.id}", "", "", None)
    for who in ("otto", "alice", "nobody"):
        with pytest.raises(NotAuthorised):
            engine.resolve(place.path.rsplit("/", 1)[1], Approve(), by=who)
    assert engine.inbox.get(asked.id).votes == ()


def test_a_channel_hears_only_what_is_for_its_people(house: House) -> None:
    finance, legal, alice = Ear("f", for_=("role:finance",)), Ear("l", for_=("role:legal",)), Ear("a", for_=("alice",))
    engine, run = paused(house, finance, legal, alice)
    engine.notify()
    assert (finance.told, legal.told, alice.told) == (["requirement_opened"], [], [])
    run.requirements[0].reject(by="maria", note="no")
    engine.notify()
    assert (finance.told[1:], legal.told, alice.told) == ([], [], ["requirement_rejected"])
    [told] = alice.heard
    assert (told.told, told.who, told.by, told.note) == (("requester", "alice"), "the requester", "maria", "")


def test_who_answered_the_own_question_is_not_told_of_it(house: House) -> None:
    ear = Ear()
    engine, run = paused(house, ear, asks=call("refund", order_id="o1"))
    engine.notify()
    assert ear.heard[0].told == ("requester", "alice")
    run.requirements[0].confirm(by="alice")
    engine.notify()
    assert ear.told == ["requirement_opened"]


def test_an_expiry_is_told_to_the_requester(house: House) -> None:
    ear = Ear()
    house.engine(ASKED, channels=[ear]).notify()
    engine, _ = paused(house, ear)
    house.clock.advance(3_600_001)
    assert len(engine.sweep()) == 1  # which also tells the channels
    assert ear.told == ["requirement_expired"]  # that it was asked is not told any more
    assert ear.heard[0].by == "timer"


def test_what_is_answered_meanwhile_is_not_asked(house: House) -> None:
    ear = Ear()
    ear.refusals = [NotifyError("down")]
    engine, run = paused(house, ear)
    assert engine.notify() == Told()
    run.requirements[0].confirm(by="maria")
    house.clock.advance(AGAIN_MAX_MS)
    assert engine.notify() == Told(sent=1, dropped=1)
    assert ear.told == ["requirement_resolved"]
    assert [one.state for one in engine.notices.list()] == ["dropped", "sent"]


def test_with_details_the_arguments_are_told(house: House) -> None:
    ear = Ear()
    ear.details = True
    engine, run = paused(house, ear)
    engine.notify()
    assert ear.heard[0].args == {"to": "bob", "amount": 12, "memo": "-"}
    run.requirements[0].reject(by="maria", note="too much")
    engine.notify()
    assert ear.heard[1].note == "too much"
    [opened, _] = engine.notices.list()
    assert "bob" not in str(opened.content)


def test_long_arguments_are_left_out_and_that_is_said(house: House) -> None:
    ear = Ear()
    ear.details = True
    engine, _ = paused(house, ear, asks=call("pay", to="b" * 20_000, amount=1))
    engine.notify()
    assert (ear.heard[0].args, ear.heard[0].omitted) == (None, True)


def test_one_that_fails_is_tried_again_later_and_then_given_up(house: House) -> None:
    ear = Ear()
    ear.refusals = [NotifyError("down")] * ATTEMPTS_MAX
    engine, run = paused(house, ear)
    for attempt in range(1, ATTEMPTS_MAX):
        assert engine.notify() == Told()
        assert engine.notify() == Told()  # not due yet
        [waiting] = engine.notices.list(state="waiting")
        assert waiting.attempts == attempt
        late = asyncio.run(engine.store.health(house.clock.now())).late_notices
        assert late == (attempt >= LATE_TRIES), "known long before it is given up"
        longest = min(AGAIN_MAX_MS, AGAIN_MS * 2 ** (attempt - 1))
        assert longest / 2 <= waiting.due_at - house.clock.now() <= longest
        house.clock.advance(longest)
    assert engine.notify() == Told(dead=1)
    house.clock.advance(10 * AGAIN_MAX_MS)
    assert engine.notify() == Told()
    [failed] = records(engine, "notice_failed")
    assert (failed["channel"], failed["attempts"]) == ("ear", ATTEMPTS_MAX)
    health = asyncio.run(engine.store.health(house.clock.now()))
    assert (health.dead_notices, health.late_notices) == (1, 0)

    [dead] = engine.notices.list(state="dead", requirement=run.requirements[0].id)
    engine.notices.retry(dead.delivery_id, by="otto")
    with pytest.raises(RequirementNotFound, match="was given up"):
        engine.notices.retry(dead.delivery_id)
    assert engine.notify() == Told(sent=1)
    assert records(engine, "notice_retried") == [{"notice": dead.delivery_id}]
    assert len(ear.heard) == 1


def test_a_final_no_and_what_a_channel_of_the_application_raises(house: House) -> None:
    ear = Ear()
    ear.refusals = [ValueError("secret words"), NotifyError("gone", retryable=False)]
    engine, _ = paused(house, ear)
    assert engine.notify() == Told()
    house.clock.advance(AGAIN_MAX_MS)
    assert engine.notify() == Told(dead=1)
    assert "secret words" not in str(engine.audit.records())


def test_a_channel_may_say_when_to_come_again(house: House) -> None:
    ear = Ear()
    ear.refusals = [NotifyError("busy", retry_after_s=600)]
    engine, _ = paused(house, ear)
    engine.notify()
    house.clock.advance(599_000)
    assert engine.notify() == Told()
    house.clock.advance(1_000)
    assert engine.notify() == Told(sent=1)


def test_one_that_hangs_holds_up_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Ear):
        async def send(self, notice: Notice) -> None:
            await asyncio.sleep(60)

    monkeypatch.setattr(outbox, "SEND_S", 0.05)
    ear = Ear()
    engine, _ = paused(house, ear, Deaf("deaf"))
    assert engine.notify() == Told(sent=1)
    assert [one.state for one in engine.notices.list()] == ["waiting", "sent"]


def test_a_new_channel_hears_what_is_open_and_not_what_was(house: House) -> None:
    _, run = paused(house)
    _, other = paused(house)
    run.requirements[0].confirm(by="maria")
    ear = Ear()
    late = house.engine(ASKED, channels=[ear])
    late.notify()
    assert [(one.event, one.requirement) for one in ear.heard] == [("requirement_opened", other.requirements[0].id)]
    late.notify()
    other.requirements[0].confirm(by="maria")
    late.notify()
    assert ear.told == ["requirement_opened", "requirement_resolved"]


def test_two_workers_tell_each_thing_once(house: House) -> None:
    ears = [Ear(), Ear()]
    engines = [house.engine(ASKED, channels=[ear]) for ear in ears]
    agent = house.agent(engines[0], [calls(*[PAY] * 20)])
    agent.run("go", user="alice")

    async def both() -> None:
        await asyncio.gather(*(engine.anotify() for engine in engines))

    for _ in range(3):
        asyncio.run(both())
    heard = [one.id for ear in ears for one in ear.heard]
    assert len(heard) == len(set(heard)) == 20


def test_nothing_is_lost_where_the_reader_who_read_less_is_faster(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast_ear, slow_ear = Ear(), Ear()
    fast, slow, other = (house.engine(ASKED, channels=ears) for ears in ([fast_ear], [slow_ear], []))
    fast.notify()
    paused_run(house, other)
    moved: list[bool] = []
    first, second = fast.store.advance, slow.store.advance

    async def faster(*read: Any) -> bool:
        await asyncio.to_thread(paused_run, house, other)

        async def slower(*more: Any) -> bool:
            monkeypatch.setattr(slow.store, "advance", second)
            moved.append(await first(*read))
            moved.append(await second(*more))
            return moved[-1]

        monkeypatch.setattr(slow.store, "advance", slower)
        await slow.anotify()
        return moved[0]

    monkeypatch.setattr(fast.store, "advance", faster)
    asyncio.run(fast.anotify())
    assert moved == [True, False]
    assert len({one.requirement for one in (*fast_ear.heard, *slow_ear.heard)}) == 2
    assert len(fast_ear.heard) + len(slow_ear.heard) == 2


def test_a_worker_tells_people_while_it_works(house: House) -> None:
    ear = Ear()
    engine, _ = paused(house, ear)

    async def worked() -> None:
        stop = asyncio.Event()
        work = asyncio.ensure_future(engine.awork(stop, poll_s=0.01))
        await asyncio.to_thread(wait_for, lambda: bool(ear.heard))
        stop.set()
        await work

    asyncio.run(asyncio.wait_for(worked(), HUNG_S))
    assert ear.told == ["requirement_opened"]


def test_a_spoiled_delivery_is_given_up(house: House) -> None:
    ear = Ear()
    ear.refusals = [NotifyError("down")]
    engine, _ = paused(house, ear)
    engine.notify()
    house.sql("UPDATE delivery SET body = ?", b"{}")
    house.clock.advance(AGAIN_MAX_MS)
    assert engine.notify() == Told(dead=1)


def test_one_whose_senders_all_died_is_given_up(house: House) -> None:
    ear = Ear()
    ear.refusals = [NotifyError("down")]
    engine, _ = paused(house, ear)
    engine.notify()
    house.sql("UPDATE delivery SET attempts = ?", ATTEMPTS_MAX)
    house.clock.advance(AGAIN_MAX_MS)
    assert engine.notify() == Told(dead=1)
    assert ear.heard == []


def test_what_is_no_channel_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path)
    with pytest.raises(SettingsError, match="a str is no channel"):
        house.engine(channels=["slack"])
    with pytest.raises(SettingsError, match="two channels are called 'ear'"):
        house.engine(channels=[Ear(), Ear()])
    with pytest.raises(SettingsError, match="21 channels are too many"):
        house.engine(channels=[Ear(f"e{n}") for n in range(21)])
