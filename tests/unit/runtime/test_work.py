"""The worker's loop: runs side by side, none held up by another, none taken twice; what it does not touch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hitl_fsm import tool
from hitl_fsm.errors import Fenced, ModelError, StoreBusy
from hitl_fsm.model.answer import Approve
from hitl_fsm.model.delivery import Delivery, DeliveryState
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import RunRow
from hitl_fsm.runtime import work as working
from hitl_fsm.runtime.outgoing import outbox
from hitl_fsm.runtime.policies.in_force import Reloaded
from hitl_fsm.runtime.work import Continued, Worker
from house import House, call, calls
from moments import HUNG_S

POLL_S = 0.01
HOUR = 3_600_000
PAY = [calls(call("pay", to="bob", amount=5))]


async def until(condition: Callable[[], bool]) -> None:
    """What it waits for happens in tasks of this loop and in threads."""
    async with asyncio.timeout(HUNG_S):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(POLL_S)


class Gauge:
    """An async `pay` that counts who is inside, and lets nobody out before it is told."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.begun: list[str] = []
        self.go = asyncio.Event()

    def tool(self) -> Any:
        @tool
        async def pay(to: str, amount: float) -> str:
            """Send money."""
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.begun.append(to)
            if to == "broken":
                raise _DefectError
            await self.go.wait()
            self.inside -= 1
            return "paid"

        return pay


class _DefectError(BaseException):
    """Nothing that a tool may raise."""


class Told:
    """Keeps what a worker tells."""

    publish = None

    def __init__(self) -> None:
        self.runs: list[Continued] = []
        self.defects: list[str] = []
        self.troubles = 0

    def fired(self, timer: Timer) -> None:
        """It is seen in the run."""

    def continued(self, one: Continued) -> None:
        self.runs.append(one)

    def trouble(self, error: Exception) -> None:
        del error
        self.troubles += 1

    def defect(self, run_id: str, error: BaseException) -> None:
        del error
        self.defects.append(run_id)

    def policies(self, found: Reloaded) -> None:
        """It is seen in the record."""

    def handed(self, delivery: Delivery, became: DeliveryState | None) -> None:
        """It is seen in the store."""

    def told(self, channel: str, told: outbox.Told) -> None:
        """It is seen by who is told."""


def model_is_away(*_: Any) -> Any:
    """A reply that does not come."""
    msg = "away"
    raise ModelError(msg)


def approved(agent: Any, count: int) -> list[str]:
    """Runs that are ready."""
    runs = [agent.run("go", user="alice") for _ in range(count)]
    for run in runs:
        run.active_requirements[0].confirm(by="alice")
    return [run.run_id for run in runs]


def test_a_long_run_holds_up_neither_the_sweep_nor_other_runs(house: House) -> None:
    engine = house.engine("- {id: all, gate: {confirm: {expires: 1h}}}")
    gauge = Gauge()
    long = house.agent(engine, PAY, tools=[gauge.tool()])
    (slow,) = approved(long, 1)

    async def watch() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(engine.awork(stop, POLL_S))
        await until(lambda: gauge.inside == 1)
        expiring = await long.arun("go", user="alice")
        answered = await long.arun("go", user="alice")
        await engine.aresolve(answered.active_requirements[0].id, Approve(), by="alice")
        await until(lambda: gauge.inside == 2)
        house.clock.advance(HOUR)
        async with asyncio.timeout(HUNG_S):
            while (await engine.runs.aget(expiring.run_id)).state is not RunState.DONE:  # noqa: ASYNC110 - as above
                await asyncio.sleep(POLL_S)
        assert gauge.inside == 2, "all that while it acts"
        stop.set()
        gauge.go.set()
        await worker
        assert (await engine.runs.aget(slow)).state is RunState.DONE, "it came to its end first"

    asyncio.run(watch())


@pytest.mark.parametrize(("line", "in_hand"), [(3, 3), (1_000, 7)])
def test_runs_side_by_side_are_bounded_and_none_is_taken_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, line: int, in_hand: int
) -> None:
    monkeypatch.setattr(working, "SIDE_BY_SIDE", 2)
    monkeypatch.setattr(working, "READY_PAGE", 2)
    monkeypatch.setattr(working, "IN_LINE", line)
    engine = house.engine()
    gauge = Gauge()
    ids = approved(house.agent(engine, PAY, tools=[gauge.tool()]), 7)
    told, leave = Told(), asyncio.Event()
    most = 0
    started: list[str] = []

    class Watched(Worker):
        def _start(self, run_id: str) -> None:
            started.append(run_id)
            super()._start(run_id)

    async def watch() -> None:
        nonlocal most
        worker = Watched(engine.door, engine.routes, told, leave, POLL_S)
        running = asyncio.create_task(worker.run())
        await until(lambda: gauge.inside == 2 and worker.under_way == in_hand)
        for _ in range(10):  # rounds in which it looks again
            await asyncio.sleep(POLL_S)
            most = max(most, worker.under_way)
        assert gauge.inside == 2
        assert sorted(started) == sorted(ids)[:in_hand], "one that waits for its turn is not put in line again"
        gauge.go.set()
        await until(lambda: len(told.runs) == len(ids))
        leave.set()
        await running

    asyncio.run(watch())
    assert (gauge.most, most) == (2, in_hand)
    assert sorted(one.run_id for one in told.runs) == sorted(ids)
    assert {one.run.state for one in told.runs if one.run} == {RunState.DONE}
    assert len(gauge.begun) == len(ids)


def test_what_waits_for_its_turn_is_not_begun_once_the_worker_is_to_leave(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "SIDE_BY_SIDE", 1)
    engine = house.engine()
    gauge = Gauge()
    approved(house.agent(engine, PAY, tools=[gauge.tool()]), 3)

    async def watch() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(engine.awork(stop, POLL_S))
        await until(lambda: gauge.inside == 1)
        stop.set()
        gauge.go.set()
        await worker

    asyncio.run(watch())
    assert len(gauge.begun) == 1
    assert [row.state for row in engine.runs.list()].count("continuing") == 2


def test_a_worker_that_is_cancelled_leaves_nothing_running_and_nothing_held(house: House) -> None:
    engine = house.engine()
    gauge = Gauge()
    (run_id,) = approved(house.agent(engine, PAY, tools=[gauge.tool()]), 1)

    async def watch() -> None:
        worker = asyncio.create_task(engine.awork(asyncio.Event(), POLL_S))
        await until(lambda: gauge.inside == 1)
        worker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await worker
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(watch())
    run = engine.runs.get(run_id)
    assert run.active_requirements[0].is_outcome_unknown


def test_a_defect_in_one_run_ends_neither_the_worker_nor_the_others(house: House) -> None:
    engine = house.engine()
    gauge = Gauge()
    gauge.go.set()
    bad = house.agent(engine, [calls(call("pay", to="broken", amount=5))], tools=[gauge.tool()])
    (broken,) = approved(bad, 1)
    told, leave = Told(), asyncio.Event()

    async def watch() -> None:
        worker = asyncio.create_task(Worker(engine.door, engine.routes, told, leave, POLL_S).run())
        await until(lambda: bool(told.defects))
        good = await house.agent(engine, PAY, tools=[gauge.tool()]).arun("go", user="alice")
        await engine.aresolve(good.active_requirements[0].id, Approve(), by="alice")
        await until(lambda: bool(told.runs))
        leave.set()
        await worker

    asyncio.run(watch())
    assert told.defects == [broken], "it is not tried again at once"
    assert gauge.begun == ["broken", "bob"]


def test_a_store_that_is_away_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine()
    gauge = Gauge()
    gauge.go.set()
    approved(house.agent(engine, PAY, tools=[gauge.tool()]), 1)
    real, told, leave = engine.store.ready, Told(), asyncio.Event()

    async def away(*, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        if told.troubles < 2:
            msg = "away"
            raise StoreBusy(msg)
        return await real(after=after, limit=limit)

    monkeypatch.setattr(engine.store, "ready", away)

    async def watch() -> None:
        worker = asyncio.create_task(Worker(engine.door, engine.routes, told, leave, POLL_S).run())
        await until(lambda: bool(told.runs))
        leave.set()
        await worker

    asyncio.run(watch())
    assert told.troubles == 2
    assert len(gauge.begun) == 1


def test_a_run_that_failed_meanwhile_is_not_retried_because_it_was_ready_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of ready runs was read before another worker's run failed."""
    engine, other = house.engine(), house.engine()
    agent = house.agent(engine, PAY)
    (run_id,) = approved(agent, 1)
    stale = asyncio.run(engine.store.ready())
    house.agent(other, [*PAY, model_is_away])
    assert other.advance(run_id).state is RunState.FAILED
    before = len(engine.runs.events(run_id))

    async def as_it_was(*, after: str = "", limit: int = 100) -> Sequence[RunRow]:
        del limit
        return () if after else stale

    monkeypatch.setattr(engine.store, "ready", as_it_was)
    assert engine.continue_ready() == ()
    with pytest.raises(Fenced, match="is not ready any more: it is failed"):
        asyncio.run(engine.door.take_up(run_id, None))
    assert len(engine.runs.events(run_id)) == before
    monkeypatch.undo()
    assert engine.advance(run_id).state is RunState.DONE, "who asks for it has it retried"


def test_plain_functions_of_several_ready_runs_act_side_by_side(house: House) -> None:
    both = threading.Barrier(2)

    @tool
    def pay(to: str, amount: float) -> str:
        """Send money."""
        both.wait(HUNG_S)
        return "paid"

    engine = house.engine()
    ids = approved(house.agent(engine, PAY, tools=[pay]), 2)
    states = [one.run.state for one in engine.continue_ready() if isinstance(one.run, Run)]
    assert states == [RunState.DONE, RunState.DONE]
    assert [house.said_to_model(engine, run_id) for run_id in ids] == [["paid"], ["paid"]]


def test_what_is_ready_is_found_over_pages_and_a_defect_is_raised_when_the_others_have_gone_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "READY_PAGE", 2)
    monkeypatch.setattr(working, "IN_LINE", 2)
    engine = house.engine()
    gauge = Gauge()
    gauge.go.set()
    ids = approved(house.agent(engine, PAY, tools=[gauge.tool()]), 5)
    assert [one.run_id for one in asyncio.run(engine.acontinue_ready())] == sorted(ids)
    real = engine.door.take_up
    more = approved(house.agent(engine, PAY, tools=[gauge.tool()]), 5)

    async def take_up(run_id: str, publish: Any) -> Any:
        if run_id == more[0]:
            raise _DefectError
        return await real(run_id, publish)

    monkeypatch.setattr(engine.door, "take_up", take_up)
    with pytest.raises(_DefectError):
        asyncio.run(engine.acontinue_ready())
    left = [row.run_id for row in engine.runs.list() if row.state != "done"]
    assert left == [more[0]]


def test_an_overdue_timer_that_stays_does_not_make_the_worker_run_hot(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = house.engine("- {id: all, gate: {confirm: {expires: 1h}}}")
    bad = house.agent(engine, PAY).run("go", user="alice")
    house.sql("UPDATE event SET body = ? WHERE run_id = ? AND seq = 1", b"\0", bad.run_id)
    house.clock.advance(HOUR)
    engine = house.engine()
    rounds, real = [0], working.sweep

    async def counted(parts: Any) -> Any:
        rounds[0] += 1
        return await real(parts)

    monkeypatch.setattr(working, "sweep", counted)

    async def watch() -> None:
        stop = asyncio.Event()
        worker = asyncio.create_task(engine.awork(stop, HUNG_S))
        await until(lambda: rounds[0] > 0)
        for _ in range(100):  # the rounds of a hot one would come meanwhile
            assert await engine.store.next_timer() is not None
        stop.set()
        await worker

    asyncio.run(watch())
    assert rounds == [1]
