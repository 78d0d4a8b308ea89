"""Law 3 at the way out: an external call is handed over at most once, and its intent is on disk before."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bank import program, witness
from hitl_fsm import Engine, Team
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import AlreadyResolved, NotAuthorised
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.dispatch import Failed, Handover, NotBegun, Outcome, Refused, Returned, Taken, Unknown
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import LEASE_MS
from hitl_fsm.routes import Command
from hitl_fsm.runtime.outgoing.dispatch import AGAIN_MS, ATTEMPTS, _earlier
from house import House, call, calls, policies, policy_text
from receiver import wait_for

PAY = [calls(call("pay", to="bob", amount=5)), {"say": "{last_result}"}]
OUT = "- {id: out, tools: [pay], gate: {external: {route: bank, timeout: 1h}}}"
CHECKED = "- {id: out, tools: [pay], gate: {external: {route: bank, result_schema: {type: object, required: [tx]}}}}"


class Doubled:
    """A route that says what a test wants, and keeps what it was given."""

    def __init__(self, *outcomes: Outcome | BaseException | Callable[[], Any], idempotent: bool = False) -> None:
        self.idempotent = idempotent
        self.given: list[Handover] = []
        self._outcomes = list(outcomes)

    async def hand_over(self, handover: Handover) -> Outcome:
        self.given.append(handover)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if callable(outcome) and not isinstance(outcome, type):
            outcome = await outcome()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome  # type: ignore[return-value]


def by_store_clock(house: House, engine: Engine) -> None:
    """Leases end with the test's clock."""
    store = engine.store
    assert isinstance(store, SqlStore)
    store._clock = lambda _: house.clock.now()


def started(house: House, route: Any, rules: str = OUT) -> tuple[Engine, Any]:
    engine = house.engine(rules, routes={"bank": route})
    by_store_clock(house, engine)
    return engine, house.agent(engine, PAY).run("go", user="alice")


def state(engine: Engine, run: Any) -> Any:
    (requirement,) = run.requirements
    return engine.routes.of(requirement.id)


def test_law03_a_result_at_once_is_the_calls_result(house: House) -> None:
    route = Doubled(Returned({"tx": "t1"}))
    engine, run = started(house, route, CHECKED)
    assert engine.routes.dispatch() == 1
    (given,) = route.given
    (requirement,) = run.requirements
    assert given.requirement_id == requirement.id
    assert (given.tool, given.args["amount"], given.digest) == ("pay", 5, requirement.value.digest)
    after = engine.runs.get(run.run_id)
    assert after.state is RunState.CONTINUING
    resolution = after.requirements[0].value.resolution
    assert resolution is not None
    assert resolution.by == Actor(id="route:bank", kind="service", authenticated_by="engine")
    assert [one.run.output for one in engine.continue_ready() if one.run] == ['{"tx":"t1"}']
    assert house.effects == []
    assert engine.routes.dispatch() == 0
    records = house.records(engine, run.run_id)
    assert records.index("dispatch_begun") < records.index("requirement_resolved") < records.index("dispatch_returned")


def test_law03_the_intent_is_on_disk_before_the_route_hears_of_it(house: House) -> None:
    seen: list[tuple[Any, ...]] = []

    async def look() -> Outcome:
        seen.extend(house.sql("SELECT state, attempts FROM delivery"))
        return Taken()

    engine, run = started(house, Doubled(look))
    engine.routes.dispatch()
    assert seen == [("sending", 1)]
    assert state(engine, run).state == "sent"
    assert engine.runs.get(run.run_id).is_paused


def test_law03_a_failure_is_told_to_the_model_and_its_detail_to_people_alone(house: House) -> None:
    engine, run = started(house, Doubled(Failed("exit status 3", "exit status 3; it said: secret stack trace")))
    engine.routes.dispatch()
    (done,) = engine.continue_ready()
    assert done.run is not None
    assert "exit status 3" in str(done.run.output)
    assert "secret" not in str(house.said_to_model(engine, run.run_id))
    assert "secret" in state(engine, run).detail
    assert [one.state.value for one in done.run.calls] == ["failed"]


@pytest.mark.parametrize("outcome", [Unknown("no answer"), RuntimeError("boom"), TimeoutError()])
def test_law03_what_may_have_happened_is_not_sent_again(house: House, outcome: Any) -> None:
    route = Doubled(outcome)
    engine, run = started(house, route)
    engine.routes.dispatch()
    house.clock.advance(3_000_000)
    assert engine.routes.dispatch() == 0
    assert len(route.given) == 1
    assert [one.state for one in engine.routes.stranded()] == ["unknown"]
    (requirement,) = engine.runs.get(run.run_id).active_requirements
    requirement.set_external_execution_result({"tx": "found out"}, by="maria")
    assert engine.routes.stranded() == ()


def test_law03_an_idempotent_route_is_given_the_same_again(house: House) -> None:
    route = Doubled(Unknown("no answer"), Unknown("again none"), Returned("ok"), idempotent=True)
    engine, run = started(house, route)
    for _ in range(5):
        engine.routes.dispatch()
        house.clock.advance(AGAIN_MS * 10)
    assert [one.attempt for one in route.given] == [1, 2, 3]
    assert len({(one.idempotency_key, one.callback_id, one.requirement_id) for one in route.given}) == 1
    assert engine.runs.get(run.run_id).state is RunState.CONTINUING


def test_law03_what_certainly_did_not_begin_is_tried_again_and_not_for_ever(house: House) -> None:
    route = Doubled(NotBegun("connection refused"))
    engine, run = started(house, route, OUT.replace("1h", "100d"))
    assert engine.routes.dispatch() == 1
    assert engine.routes.dispatch() == 0  # not yet
    for _ in range(30):
        house.clock.advance(AGAIN_MS * 200)
        engine.routes.dispatch()
    assert len(route.given) == ATTEMPTS
    assert state(engine, run).state == "dead"
    assert "connection refused" in state(engine, run).detail


def test_law03_a_result_that_does_not_fit_stays_open_with_its_reason(house: House) -> None:
    engine, run = started(house, Doubled(Returned({"fee": 1})), CHECKED)
    engine.routes.dispatch()
    assert state(engine, run).state == "unknown"
    assert "tx: is required" in state(engine, run).detail
    assert engine.runs.get(run.run_id).is_paused


@pytest.mark.parametrize("end", ["answered", "expired", "cancelled"])
def test_law03_a_question_that_was_closed_is_not_handed_over(house: House, end: str) -> None:
    route = Doubled(Taken())
    engine, run = started(house, route)
    asyncio.run(_find(engine))
    if end == "answered":
        run.requirements[0].reject(by="maria")
    elif end == "expired":
        house.clock.advance(3_600_000)
    else:
        engine.cancel(run.run_id)
    assert engine.routes.dispatch() == 1
    assert route.given == []
    assert state(engine, run).state == "dead"
    assert engine.routes.stranded() == () or end == "expired"  # nobody has swept yet


async def _find(engine: Engine) -> None:
    from hitl_fsm.runtime.outgoing.dispatch import find

    await find(engine.parts)


@pytest.mark.any_line
def test_law03_a_dispatch_about_another_action_is_not_sent(house: House) -> None:
    route = Doubled(Taken())
    engine, run = started(house, route)
    asyncio.run(_find(engine))
    house.sql("UPDATE delivery SET body = ?", b'{"content":{"digest":"00"}}')
    engine.routes.dispatch()
    assert route.given == []
    assert state(engine, run).state == "dead"


async def test_law03_a_sender_that_died_is_not_followed_by_another(house: House) -> None:
    gone = asyncio.Event()

    async def hangs() -> Outcome:
        gone.set()
        await asyncio.sleep(3600)
        return Taken()

    route = Doubled(hangs, Returned("twice"))
    engine, run = await asyncio.to_thread(started, house, route)
    sending = asyncio.ensure_future(engine.routes.adispatch())
    await gone.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    other = house.engine(OUT, routes={"bank": route})
    by_store_clock(house, other)
    assert await other.routes.adispatch() == 0  # its claim is alive
    house.clock.advance(LEASE_MS + 1)
    assert await other.routes.adispatch() == 0
    assert len(route.given) == 1
    (handed,) = await other.routes.astranded()
    assert handed.state == "unknown"
    records = await asyncio.to_thread(house.records, other, run.run_id)
    assert records[-1] == "dispatch_lost"


async def test_law03_two_workers_hand_over_once(house: House) -> None:
    route = Doubled(Returned("ok"))
    engines = [house.engine(OUT, routes={"bank": route}) for _ in range(4)]
    runs = [await house.agent(engines[0], PAY).arun("go", user="alice") for _ in range(3)]
    await asyncio.gather(*(engine.routes.adispatch() for engine in engines))
    await asyncio.gather(*(engine.routes.adispatch() for engine in engines))
    assert sorted(one.run_id for one in route.given) == sorted(run.run_id for run in runs)


def test_law03_a_process_without_the_route_leaves_it_alone(house: House) -> None:
    engine, run = started(house, Doubled(Taken()))
    asyncio.run(_find(engine))
    other = house.engine(OUT, routes={"ledger": Doubled(Taken())})
    assert other.routes.dispatch() == 0
    assert house.engine(OUT).routes.dispatch() == 0
    assert state(other, run).state == "waiting"


def test_law03_what_was_opened_before_the_route_was_there_is_handed_over_too(house: House) -> None:
    house.agent(house.engine(OUT), PAY).run("go", user="alice")
    route = Doubled(Taken())
    assert house.engine(OUT, routes={"bank": route}).routes.dispatch() == 1
    assert len(route.given) == 1


def test_law03_a_result_after_its_time_is_refused_and_recorded(house: House) -> None:
    async def slow() -> Outcome:
        house.clock.advance(3_600_001)
        return Returned({"tx": "late"})

    engine, run = started(house, Doubled(slow))
    engine.routes.dispatch()
    (late,) = [line for line in engine.runs.timeline(run.run_id) if line["event"] == "late_result"]
    assert late["by"]["id"] == "route:bank"
    assert len(late["data"]["result"]) == 64
    (done,) = engine.continue_ready()
    assert done.run is not None
    assert [one.state.value for one in done.run.calls] == ["denied"]
    assert "late" not in str(house.said_to_model(engine, run.run_id))


def test_law03_a_person_may_say_that_it_did_not_happen(house: House) -> None:
    route = Doubled(Unknown("no answer"), Returned("ok"))
    engine, run = started(house, route)
    (requirement,) = run.requirements
    with pytest.raises(AlreadyResolved):
        engine.routes.again(requirement.id, by="maria")
    engine.routes.dispatch()
    with pytest.raises(NotAuthorised):
        engine.routes.again(requirement.id, by=Actor(id="bot", kind="agent"))
    engine.routes.again(requirement.id, by="maria")
    engine.routes.dispatch()
    assert engine.runs.get(run.run_id).state is RunState.CONTINUING
    assert [one.attempt for one in route.given] == [1, 2]


def test_law03_refused_for_good_is_not_tried_again(house: House) -> None:
    route = Doubled(Refused("it answered 403"))
    engine, run = started(house, route)
    engine.routes.dispatch()
    house.clock.advance(1_000_000)
    engine.routes.dispatch()
    assert len(route.given) == 1
    assert state(engine, run).state == "dead"


async def test_law03_a_worker_hands_over_and_goes_on(house: House, tmp_path: Path) -> None:
    pay = program(tmp_path, "done(given['arguments']['amount']); print(json.dumps({'tx': given['idempotency_key']}))")
    engine = house.engine(CHECKED, routes={"bank": Command([sys.executable, "-S", pay])})
    run = await house.agent(engine, PAY).arun("go", user="alice")
    stop = asyncio.Event()
    working = asyncio.ensure_future(engine.awork(stop, 0.02))
    await asyncio.to_thread(wait_for, lambda: engine.runs.get(run.run_id).value.is_ended)
    stop.set()
    await working
    now = await engine.runs.aget(run.run_id)
    assert now.output == f'{{"tx":"{run.run_id}:{run.value.calls[0].call_id}:1"}}'
    assert witness(tmp_path) == ["5"]


def test_law08_a_members_call_is_handed_over_too(house: House) -> None:
    route = Doubled(Returned({"tx": "t1"}))
    engine = house.engine(policies(policy_text(OUT, extra="default: allow", tools='["*"]')), routes={"bank": route})
    member = house.agent(engine, PAY)
    team = Team("desk", [member], engine=engine, mode="broadcast")
    run = team.run("go", user="alice")
    assert run.is_paused
    engine.continue_ready()
    assert [one.run_id for one in route.given] == [run.run_id]
    assert '{"tx":"t1"}' in str(engine.runs.get(run.run_id).output)


def test_law03_a_question_asked_anew_about_what_was_sent_waits_for_a_person(house: House) -> None:
    route = Doubled(Taken())
    engine, run = started(house, route)
    engine.routes.dispatch()
    first = run.requirements[0].value
    again = msgspec.structs.replace(first, requirement_id=first.requirement_id[:-1] + "2")
    parts = engine.parts
    assert asyncio.run(_earlier(parts, (first, again), again)) == first.requirement_id
    assert asyncio.run(_earlier(parts, (first, again), first)) is None
    assert asyncio.run(_earlier(parts, (first,), msgspec.structs.replace(again, execution=2))) is None
