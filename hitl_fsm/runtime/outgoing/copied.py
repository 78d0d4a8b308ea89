"""What waits for second copies of the record: calls that a person's word, or an audited verdict, lets begin (law 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from hitl_fsm.errors import CopyBehind, StoreError
from hitl_fsm.model.call import Call
from hitl_fsm.model.effect import Effect, StartCalls
from hitl_fsm.model.event import CallNotBegun, Event
from hitl_fsm.model.run import Run
from hitl_fsm.runtime.flights import Flights
from hitl_fsm.runtime.hold import Hold
from hitl_fsm.runtime.outgoing.copies import HELD_S, SHORT_S, WAIT_S, Copies
from hitl_fsm.runtime.parts import Parts


def is_watched(call: Call) -> bool:
    """Whether the record of what let it begin must be with every copy before it does.

    A question that a model asks is none: its answer goes back to the model, and nothing begins.
    """
    return not call.dynamic and bool(call.verdict.gates or call.passed or call.asked or call.verdict.audit)


class Ahead:
    """Before an intent: all that the record has of a run is with every copy, or the run waits as it is."""

    __slots__ = ("_hold", "_parts", "_version")

    def __init__(self, parts: Parts, hold: Hold) -> None:
        self._parts = parts
        self._hold = hold
        self._version = 0

    def in_turn(self, run: Run, effects: Sequence[Effect]) -> Sequence[Effect]:
        """What is due, with the calls that wait for copies after all else: nothing waits with them."""
        if self._parts.copies is None:
            return effects
        found: list[Effect] = []
        held: list[str] = []
        for effect in effects:
            if isinstance(effect, StartCalls):
                held += [one for one in effect.call_ids if is_watched(run.call(one))]
                free = tuple(one for one in effect.call_ids if one not in held)
                found += [StartCalls(free)] if free else []
            else:
                found.append(effect)
        return [*found, StartCalls(tuple(held))] if held else found

    async def is_clear(
        self, run: Run, call_ids: tuple[str, ...], flights: Flights, land: Callable[[], Awaitable[None]]
    ) -> bool:
        """Whether these may begin as they are judged now. False: time has passed, so look at everything again.

        What comes back meanwhile is landed. Raises CopyBehind when it takes too long.
        """
        copies = self._parts.copies
        if copies is None or self._version == run.version or not any(is_watched(run.call(one)) for one in call_ids):
            return True
        if not flights:
            copies.require_place()
        try:
            await copies.until(SHORT_S)
        except CopyBehind as error:
            if not await self._wait(copies, run, flights, error):
                await land()
            return False
        self._version = run.version
        return True

    async def follow(self) -> None:
        """At the end of a turn: what is written by now comes to the copies, too, if that takes no time."""
        if self._parts.copies is not None:
            await self._parts.copies.soon()

    async def _wait(self, copies: Copies, run: Run, flights: Flights, error: CopyBehind) -> bool:
        """Until the copies have it; False when something came back, or is to come back, that was begun earlier."""
        self._parts.log("waits_for_copy", level="warning", run=run.run_id, error=error.message)
        if not flights:
            copies.require_place()
        with copies.in_place():
            await self._hold.claim(run)
            self._hold.renew()
            waiting = asyncio.ensure_future(copies.until(WAIT_S))
            try:
                if not await flights.beside(waiting) or (flights and waiting.exception() is not None):
                    return False
                waiting.result()
                self._version = run.version
                return True
            finally:
                waiting.cancel()


async def once_copied(copies: Copies | None, call: Call, work: Callable[[], Awaitable[Event]]) -> Event:
    """Do it once its intent is with every copy; if that is not soon, it did not begin, whoever asks."""
    if copies is None or not is_watched(call):
        return await work()
    try:
        await copies.until(HELD_S)
    except (CopyBehind, StoreError) as error:
        return CallNotBegun(call.call_id, error.message)
    except asyncio.CancelledError:  # the worker is stopped: what it knows is worth more than the end of this task
        return CallNotBegun(call.call_id, "its worker was stopped before the record's copies had the intent")
    return await work()
