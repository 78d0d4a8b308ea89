"""Handing external calls to their routes: found in the record, written down before it begins, at most once (law 3).

A dispatch is a row. To claim it is the intent, and is on disk first. If whoever sends it dies, nobody knows what the
system did: unless the route is idempotent, it is not sent again, and the question stays open for a person.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec

from hitl_fsm.errors import (
    AlreadyResolved,
    AnswerRefused,
    CopyBehind,
    Fenced,
    HitlError,
    RequirementExpired,
    StoreError,
)
from hitl_fsm.model.actor import ENGINE, Actor
from hitl_fsm.model.answer import Report
from hitl_fsm.model.context import idempotency_key
from hitl_fsm.model.delivery import Delivery, DeliveryState, Settled
from hitl_fsm.model.dispatch import Failed, Handover, NotBegun, Outcome, Refused, Returned, Taken, Unknown
from hitl_fsm.model.reader import ROUTE
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import External
from hitl_fsm.ports import LEASE_MS, RecordLine
from hitl_fsm.ports_out import Route
from hitl_fsm.runtime.door import Door
from hitl_fsm.runtime.outgoing.copies import HELD_S, SHORT_S
from hitl_fsm.runtime.outgoing.stray import keep_stray
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import load

ATTEMPTS = 10
"""Tries of handing one call over, where it is certain, or does no harm, that it did not begin before."""
AGAIN_MS = 5_000
"""Wait before the second of them; doubled each time."""
AGAIN_MAX_MS = 600_000
"""The longest such wait."""
DETAIL_CHARS = 5_000
"""Characters of what is kept for people of how a handover went."""
TOLD_ATTEMPTS = 20
"""Tries of telling the run what a route said, while the store is away."""
TOLD_PAUSE_S = 0.5
"""Wait between two of them."""
RECORD_PAGE = 500
"""Lines of the record that are looked at together."""
DISPATCH = "dispatch:"
"""Before a question's id: the id of its dispatch, by which a callback names it."""
_RENEW_S = LEASE_MS / 3000


class _Data(msgspec.Struct, frozen=True):
    requirement: str = ""
    kind: str = ""


class _Line(msgspec.Struct, frozen=True):
    event: str
    data: _Data = _Data()


_line = msgspec.json.Decoder(_Line)


async def find(parts: Parts) -> None:
    """Make a dispatch of each question that was opened since the last look, or, at the first, is open."""
    for name, route in parts.routes.items():
        cursor = f"{ROUTE}{name}"
        at = await parts.store.cursor(cursor)
        if at is None:
            await _begin(parts, name, route, cursor)
            continue
        while lines := await parts.store.records(after=at, limit=RECORD_PAGE):
            ids = [one for one in map(_opened, lines) if one is not None]
            opened = [one for one in [await parts.store.requirement(one) for one in ids] if one is not None]
            if not await parts.store.advance(cursor, at, lines[-1].seq, _dispatches(parts, name, route, opened)):
                break  # another worker is at it
            at = lines[-1].seq


async def _begin(parts: Parts, name: str, route: Route, cursor: str) -> None:
    """The record's end is read first: what is opened after it is found by the next look."""
    end, _ = await parts.store.head()
    found: list[Requirement] = []
    after = ""
    while page := await parts.store.requirements(after=after, limit=RECORD_PAGE):
        found += page
        after = page[-1].requirement_id
    await parts.store.advance(cursor, None, end, _dispatches(parts, name, route, found))


def _dispatches(parts: Parts, name: str, route: Route, asked: list[Requirement]) -> list[Delivery]:
    now = parts.clock.now()
    return [
        Delivery(
            f"{DISPATCH}{one.requirement_id}",
            "dispatch",
            name,
            one.requirement_id,
            one.run_id,
            now,
            {"digest": one.digest},
            repeatable=route.idempotent,
        )
        for one in asked
        if one.state is RequirementState.OPEN and isinstance(one.question, External) and one.question.route == name
    ]


def _opened(line: RecordLine) -> str | None:
    """The question to an outside system that a line of the record tells of."""
    try:
        read = _line.decode(line.body)
    except msgspec.DecodeError:
        return None
    return read.data.requirement if (read.event, read.data.kind) == ("requirement_opened", "external") else None


async def claim(parts: Parts) -> Delivery | None:
    """The earliest that is due, written down as begun; None when none is. Who claims it must `carry` it."""
    if not await _is_copied(parts, SHORT_S):
        return None
    now = parts.clock.now()
    return await parts.store.claim_dispatch(now, parts.worker, tuple(parts.routes), lambda one: _claimed(one, now))


async def carry(door: Door, delivery: Delivery) -> DeliveryState | None:
    """Hand it over, and write down what became of it; None where somebody else did so before."""
    parts, route = door.parts, door.parts.routes[delivery.target]
    keeping = asyncio.ensure_future(_keep(parts, delivery))
    try:
        return await _settle(parts, route, delivery, await _sent(door, route, delivery))
    finally:
        keeping.cancel()


async def _sent(door: Door, route: Route, delivery: Delivery) -> Outcome:
    """What became of it, as far as it is known; a result that the run does not take is one that nobody has."""
    handover = await _ready(door.parts, route, delivery)
    if not isinstance(handover, Handover):
        return handover
    if not await _is_copied(door.parts, HELD_S):
        return NotBegun("a second copy of the record was behind")
    try:
        outcome = await route.hand_over(handover)
    except Exception as error:  # noqa: BLE001 - a route of the application may raise anything: nobody knows what it did
        return Unknown(f"{type(error).__name__}: {error}")
    match outcome:
        case Returned(result):
            problem = await _tell(door, delivery, Report(result))
        case Failed(told):
            problem = await _tell(door, delivery, Report(error=told))
        case _:
            return outcome
    return outcome if problem is None else problem


async def _is_copied(parts: Parts, within_s: float) -> bool:
    """Whether all that is in the record by now is with its second copies: nothing goes out before."""
    if parts.copies is not None:
        try:
            await parts.copies.until(within_s)
        except (CopyBehind, StoreError) as error:
            parts.log("waits_for_copy", level="warning", error=error.message)
            return False
    return True


async def _ready(parts: Parts, route: Route, delivery: Delivery) -> Handover | Refused | NotBegun | Unknown:
    """What is handed over, looked at right before; or why it is not."""
    try:
        run = (await load(parts, delivery.run_id)).run
    except HitlError as error:
        return NotBegun(error.message)
    requirement = next((one for one in run.requirements if one.requirement_id == delivery.about), None)
    if requirement is None or requirement.state is not RequirementState.OPEN:
        return Refused("the question was closed before")
    objection = _outdated(delivery, requirement, parts.clock.now())
    if objection is not None:
        return Refused(objection)
    return await _unless_sent(parts, route, delivery, requirement, run.requirements)


def _outdated(delivery: Delivery, requirement: Requirement, now: int) -> str | None:
    if requirement.digest != delivery.content.get("digest"):
        return "it is about another action than the one that was to be handed over"
    if requirement.expires_at is not None and now >= requirement.expires_at:
        return "its time was over before"
    return None


async def _unless_sent(
    parts: Parts, route: Route, delivery: Delivery, requirement: Requirement, asked: tuple[Requirement, ...]
) -> Handover | Unknown:
    """What may have been begun before, in another way, is not begun now."""
    if delivery.repeatable and delivery.attempts > 1 and not route.idempotent:
        return Unknown("it may have been handed over when this route was idempotent, which it is no more")
    earlier = await _earlier(parts, asked, requirement)
    if earlier is not None:
        return Unknown(f"the same call was handed over before, for {earlier}")
    return Handover(
        requirement_id=requirement.requirement_id,
        run_id=requirement.run_id,
        call_id=requirement.call_id,
        tool=requirement.tool,
        args=requirement.args,
        digest=requirement.digest,
        idempotency_key=idempotency_key(
            requirement.run_id, requirement.call_id, requirement.execution, idempotent=False
        ),
        callback_id=delivery.delivery_id,
        attempt=delivery.attempts,
        expires_at=requirement.expires_at,
    )


async def _earlier(parts: Parts, asked: tuple[Requirement, ...], now: Requirement) -> str | None:
    """A question about the same execution of the call that was superseded after its route had begun."""
    for one in asked:
        same = (one.call_id, one.execution) == (now.call_id, now.execution) and isinstance(one.question, External)
        if not same or one.requirement_id == now.requirement_id:
            continue
        found = await parts.store.deliveries(kind="dispatch", about=one.requirement_id)
        if any(delivery.state in {"sending", "sent", "unknown"} for delivery in found):
            return one.requirement_id
    return None


async def _tell(door: Door, delivery: Delivery, answer: Report) -> Outcome | None:
    """Through the one door inside. What is not taken is told to people; None when it was."""
    for _ in range(TOLD_ATTEMPTS):
        try:
            await door.resolve(delivery.about, answer, actor_of(delivery.target), delivery.content.get("digest"))
        except AnswerRefused as error:
            return Unknown("; ".join((error.message, *error.problems)))
        except (Fenced, StoreError):
            await asyncio.sleep(TOLD_PAUSE_S)
        except (AlreadyResolved, RequirementExpired):  # somebody else, or time, was first
            await keep_stray(door.parts, delivery, answer, actor_of(delivery.target))
            return None
        except HitlError as error:
            return Unknown(f"its answer was not taken: {error.message}")
        else:
            return None
    return Unknown("it answered, but that could not be written down")


def actor_of(route: str, authenticated_by: str = "engine") -> Actor:
    """A route, as who says something: never anybody whom its messages name (law 13)."""
    return Actor(id=f"route:{route}", kind="service", authenticated_by=authenticated_by)


# -- what is written down of it


async def _settle(parts: Parts, route: Route, delivery: Delivery, outcome: Outcome) -> DeliveryState | None:
    now = parts.clock.now()
    state: DeliveryState
    match outcome:
        case Returned() | Taken() | Failed():
            state = "sent"
        case NotBegun():
            state = "waiting" if delivery.attempts < ATTEMPTS else "dead"
        case Unknown():
            again = route.idempotent and delivery.repeatable and delivery.attempts < ATTEMPTS
            state = "waiting" if again and not await _is_closed(parts, delivery) else "unknown"
        case Refused():
            state = "dead"
    due = now + min(AGAIN_MAX_MS, AGAIN_MS * 2 ** (delivery.attempts - 1)) if state == "waiting" else delivery.due_at
    content: dict[str, Any] = {**delivery.content, "detail": getattr(outcome, "detail", "")[:DETAIL_CHARS]}
    settled = Settled(delivery.delivery_id, parts.worker, state, delivery.attempts, due, content=content)
    told = str(outcome.__struct_config__.tag)
    if not await parts.store.settle_delivery(settled, [record_of(f"dispatch_{told}", delivery, now, became=state)]):
        parts.log("dispatch_lost", level="warning", run=delivery.run_id, about=delivery.about, outcome=told)
        return None
    return state


async def _is_closed(parts: Parts, delivery: Delivery) -> bool:
    requirement = await parts.store.requirement(delivery.about)
    return requirement is None or requirement.state is not RequirementState.OPEN


def _claimed(delivery: Delivery, at: int) -> Record:
    return record_of("dispatch_lost" if delivery.state == "unknown" else "dispatch_begun", delivery, at)


def record_of(event: str, delivery: Delivery, at: int, **more: Any) -> Record:
    """A line of the record about a handover: which, to where, the how-manieth; no words of an outside system."""
    data = {
        "requirement": delivery.about,
        "route": delivery.target,
        "digest": delivery.content.get("digest", ""),
        "attempt": delivery.attempts,
        **more,
    }
    return Record(event, at, ENGINE, delivery.run_id, data)


async def _keep(parts: Parts, delivery: Delivery) -> None:
    """The claim stays ours for as long as it takes."""
    while True:
        await asyncio.sleep(_RENEW_S)
        with suppress(HitlError):  # it is tried again; if the claim ends meanwhile, somebody is asked
            await parts.store.renew_delivery(delivery.delivery_id, parts.worker)
