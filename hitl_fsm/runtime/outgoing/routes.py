"""`engine.routes`: what was handed to outside systems, and what they call back with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from hitl_fsm.errors import (
    AlreadyResolved,
    AnswerRefused,
    CallbackRefused,
    InputRefused,
    NotAuthorised,
    RequirementExpired,
)
from hitl_fsm.model.answer import Report
from hitl_fsm.model.delivery import Delivery, DeliveryState, Settled
from hitl_fsm.model.dispatch import Callback
from hitl_fsm.model.record import Record
from hitl_fsm.model.states import RequirementState
from hitl_fsm.ports_out import CallsBack
from hitl_fsm.runtime.door import Door
from hitl_fsm.runtime.ground import By
from hitl_fsm.runtime.handles import RunHandle
from hitl_fsm.runtime.loop import run_in_background, run_sync
from hitl_fsm.runtime.outgoing.dispatch import DETAIL_CHARS, DISPATCH, actor_of, carry, claim, find
from hitl_fsm.runtime.outgoing.stray import keep_stray

CALLBACK_BYTES = 1024 * 1024
"""Bytes of a callback; a larger one is not even looked at."""
AT_ONCE = 8
"""Calls that one process hands over at the same time."""
_PAGE = 100


class Handed(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the call of an open question has come on its way.

    `waiting`: it certainly did not begin, and is sent at `due_at` (ms). `sending`: it is under way. `sent`: the system
    has it, and will call back. `unknown`: nobody knows whether it was carried out; a person finds out and answers.
    `dead`: it certainly did not begin, and is not sent again by itself. `detail` is for people: an outside system may
    have written it.
    """

    requirement_id: str
    route: str
    state: DeliveryState
    attempts: int
    due_at: int
    detail: str = ""


class Routes:
    """The ways out of an engine, by name."""

    def __init__(self, door: Door) -> None:
        self._door = door

    @property
    def names(self) -> tuple[str, ...]:
        """Those that this process serves; a call to any other waits for whoever reports its result."""
        return tuple(self._door.parts.routes)

    # -- out

    def dispatch(self) -> int:
        """Not on the calling thread's own loop: a system may take long."""
        return run_in_background(self.adispatch())

    async def adispatch(self) -> int:
        """Hand over what is due now, and wait for it; how many were begun. A worker does so by itself."""
        if not self.names:
            return 0
        await find(self._door.parts)
        return sum(await asyncio.gather(*(self._one_after_the_other() for _ in range(AT_ONCE))))

    async def _one_after_the_other(self) -> int:
        count = 0
        while (delivery := await claim(self._door.parts)) is not None:
            await carry(self._door, delivery)
            count += 1
        return count

    def again(self, requirement_id: str, *, by: By = None) -> Handed:
        return run_sync(self.aagain(requirement_id, by=by))

    async def aagain(self, requirement_id: str, *, by: By = None) -> Handed:
        """A person says that it did not happen: hand it over once more. Only what is `unknown` or `dead` now.

        NotAuthorised for anybody but a person; AlreadyResolved where nothing is left to hand over.
        """
        door, store = self._door, self._door.parts.store
        delivery = await self._delivery(requirement_id)
        requirement = await store.requirement(requirement_id)
        is_open = requirement is not None and requirement.state is RequirementState.OPEN
        if delivery is None or not is_open or delivery.state not in {"unknown", "dead"}:
            msg = f"{requirement_id}: there is nothing to hand over again"
            raise AlreadyResolved(msg, help=f"`hitl-fsm show {requirement_id}` tells how it stands")
        run = await door.look(delivery.run_id)
        actor = door.ground.actor(by, run.user)
        if actor.kind != "human":
            msg = f"a {actor.kind} does not say that a call did not happen; only a person does"
            raise NotAuthorised(msg)
        now = door.parts.clock.now()
        told = {"requirement": requirement_id, "route": delivery.target, "was": delivery.state}
        settled = Settled(delivery.delivery_id, "", "waiting", 1, now, was=delivery.state)
        if not await store.settle_delivery(settled, [Record("dispatch_repeated", now, actor, delivery.run_id, told)]):
            msg = f"{requirement_id}: somebody else has just done so"
            raise AlreadyResolved(msg)
        return Handed(requirement_id, delivery.target, "waiting", 1, now)

    # -- back

    def receive(self, route: str, headers: Mapping[str, str], body: bytes) -> RunHandle:
        return run_sync(self.areceive(route, headers, body))

    async def areceive(self, route: str, headers: Mapping[str, str], body: bytes) -> RunHandle:
        """Take what the system behind `route` calls back with; the run as this answer left it.

        Who serves HTTP gives the headers and the exact bytes of the body, and turns errors into statuses.
        InputRefused: the headers are no mapping of texts, or the body is not bytes; who serves HTTP is to mend that.
        CallbackRefused (401): not signed with this route's secret, too old, or about nothing that was handed to it.
        AnswerRefused (422): it does not fit the schemas; it may be sent again. AlreadyResolved, RequirementExpired
        (409): too late, or sent twice; what was late is on the record. Whoever the body names has no say: the route
        answers (law 13).
        """
        callback = self._read(route, headers, body)
        delivery = await self._delivery(callback.callback_id.removeprefix(DISPATCH))
        if delivery is None or (delivery.delivery_id, delivery.target) != (callback.callback_id, route):
            raise _unasked(route)
        if delivery.attempts == 0:
            raise _unasked(route)
        return await self._taken(delivery, callback)

    def _read(self, route: str, headers: Mapping[str, str], body: bytes) -> Callback:
        _check_given(route, headers, body)
        known = self._door.parts.routes.get(route)
        if not isinstance(known, CallsBack):
            msg = f"no route {route[:64]!r} takes callbacks here"
            raise CallbackRefused(msg, help="the engine's `routes` name those that do")
        if len(body) > CALLBACK_BYTES:
            msg = f"the callback has more than {CALLBACK_BYTES} bytes"
            raise CallbackRefused(msg, help="a result is smaller; give a reference to what is large")
        return known.callback(headers, body)

    async def _taken(self, delivery: Delivery, callback: Callback) -> RunHandle:
        door, name = self._door, delivery.target
        answer = Report(callback.result) if callback.error is None else Report(error=callback.error)
        actor = actor_of(name, f"webhook:{name}")
        try:
            run = await door.resolve(delivery.about, answer, actor, delivery.content.get("digest"))
        except (AlreadyResolved, RequirementExpired):
            await keep_stray(door.parts, delivery, answer, actor)
            raise
        except AnswerRefused as error:
            await self._note(delivery, "; ".join((error.message, *error.problems)), delivery.state)
            raise
        await self._note(delivery, "", "sent")
        return RunHandle(door, run)

    async def _note(self, delivery: Delivery, detail: str, state: DeliveryState) -> None:
        """For people, where nobody is sending it any more; who is will write down how it went."""
        if delivery.state in {"sent", "unknown"}:
            content = {**delivery.content, "detail": detail[:DETAIL_CHARS]}
            told = Settled(delivery.delivery_id, "", state, delivery.attempts, delivery.due_at, delivery.state, content)
            await self._door.parts.store.settle_delivery(told)

    # -- looking

    def of(self, requirement_id: str) -> Handed | None:
        return run_sync(self.aof(requirement_id))

    async def aof(self, requirement_id: str) -> Handed | None:
        """How far a question's call has come; None where nothing hands it over."""
        found = await self._delivery(requirement_id)
        return None if found is None else _handed(found)

    def stranded(self) -> tuple[Handed, ...]:
        return run_sync(self.astranded())

    async def astranded(self) -> tuple[Handed, ...]:
        """What somebody must look at: `unknown` and `dead`, of questions that are still open."""
        store = self._door.parts.store
        found: list[Handed] = []
        for state in ("unknown", "dead"):
            after = ""
            while page := await store.deliveries(kind="dispatch", state=state, after=after, limit=_PAGE):
                for one in page:
                    requirement = await store.requirement(one.about)
                    if requirement is not None and requirement.state is RequirementState.OPEN:
                        found.append(_handed(one))
                after = page[-1].delivery_id
        return tuple(found)

    async def _delivery(self, requirement_id: str) -> Delivery | None:
        found = await self._door.parts.store.deliveries(kind="dispatch", about=requirement_id)
        return next(iter(found), None)


def _handed(one: Delivery) -> Handed:
    return Handed(one.about, one.target, one.state, one.attempts, one.due_at, str(one.content.get("detail", "")))


def _check_given(route: Any, headers: Any, body: Any) -> None:
    """InputRefused for what no signature could be checked with. A mapping is whatever has items: frameworks differ."""
    if not isinstance(route, str):
        msg = f"the route must be its name (str), not {type(route).__name__}"
        raise InputRefused(msg, help="the name that the engine's `routes` give it")
    has_items = callable(getattr(headers, "items", None))
    if not has_items or not all(isinstance(text, str) for pair in headers.items() for text in pair):
        msg = f"the headers must be a mapping of texts (str), not {type(headers).__name__}"
        pairs = "{name.decode(): value.decode() for name, value in pairs}"
        raise InputRefused(msg, help=f"give those of the request, as in request.headers; of pairs of bytes {pairs}")
    if not isinstance(body, bytes):
        msg = f"the body must be bytes, not {type(body).__name__}"
        raise InputRefused(msg, help="give it exactly as it came, before it is read as text or JSON: it is signed")


def _unasked(route: str) -> CallbackRefused:
    return CallbackRefused(
        f"the callback is about nothing that was handed to route {route}",
        help="callback_id is that of the message which it answers",
    )
