"""A worker says what it handed over, and what it told people."""

from __future__ import annotations

import asyncio

from hitl_fsm.errors import HitlError
from hitl_fsm.model.delivery import Delivery, DeliveryState
from hitl_fsm.model.dispatch import Handover, Outcome, Unknown
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.timer import Timer
from hitl_fsm.runtime.outgoing.outbox import Told, notify
from hitl_fsm.runtime.policies.in_force import Reloaded
from hitl_fsm.runtime.work import Continued, Worker
from house import House, call, calls
from moments import HUNG_S

PAY = [calls(call("pay", to="bob", amount=1))]


class Bank:
    """A route whose system dies while it is asked."""

    idempotent = False

    async def hand_over(self, handover: Handover) -> Outcome:
        return Unknown(f"nobody answers for {handover.tool}")


class Bell:
    """A channel that takes everything."""

    name = "bell"
    details = False

    def wants(self, notice: Notice) -> bool:
        return True

    async def send(self, notice: Notice) -> None:
        """It rings."""


class LooksOn:
    """Keeps both, and sets `stop` when it has heard of both."""

    publish = None

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self.gone_out: list[tuple[str, DeliveryState | None]] = []
        self.rung: list[tuple[str, Told]] = []

    def fired(self, timer: Timer) -> None: ...

    def continued(self, one: Continued) -> None: ...

    def trouble(self, error: HitlError) -> None: ...

    def defect(self, run_id: str, error: BaseException) -> None:
        raise error

    def policies(self, found: Reloaded) -> None: ...

    def handed(self, delivery: Delivery, became: DeliveryState | None) -> None:
        self.gone_out.append((delivery.target, became))
        self._heard()

    def told(self, channel: str, told: Told) -> None:
        self.rung.append((channel, told))
        self._heard()

    def _heard(self) -> None:
        if self.gone_out and self.rung:
            self._stop.set()


def test_what_is_handed_over_and_told_is_said_to_who_looks_on(house: House) -> None:
    rules = "- {id: out, gate: {external: {route: bank}}}"
    engine = house.engine(rules, routes={"bank": Bank()}, channels=[Bell()])

    async def watch() -> LooksOn:
        await notify(engine.parts)  # the channel begins here: what is asked later is told on it
        await house.agent(engine, PAY).arun("go", user="alice")
        stop = asyncio.Event()
        heard = LooksOn(stop)
        worker = Worker(engine.door, engine.routes, heard, stop, 0.05)
        await asyncio.wait_for(worker.run(), HUNG_S)
        await worker.all_ended()
        return heard

    heard = asyncio.run(watch())
    assert heard.gone_out == [("bank", "unknown")]
    assert heard.rung == [("bell", Told(sent=1))]
