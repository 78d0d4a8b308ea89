"""Telling people: what the record says is made into deliveries, and deliveries are sent until they arrive.

Nothing of this is in the way of a run: the steps of runs write their records, and whoever has channels reads them, from
a cursor that each channel has in the store. So what is told survives a crash, and any number of workers may do it. A
sender that dies after it sent, and before it said so, sends again: at least once, under the same id.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hitl_fsm.core.facts import content_digest
from hitl_fsm.core.notices import Line, Link, about, is_stale, notice_of, notice_of_open, with_details
from hitl_fsm.errors import HitlError, NotifyError
from hitl_fsm.model.actor import ENGINE
from hitl_fsm.model.delivery import Delivery, DeliveryState, Settled
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.reader import CHANNEL
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.ports import RecordLine
from hitl_fsm.ports_out import Notifier
from hitl_fsm.runtime.outgoing.named import Kind
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import load

BREAK_GLASS = "break_glass"
CHANNELS_MAX = 20
"""Channels of one engine."""
RECORDS_PAGE = 500
"""Lines of the record that are read, and whose notices are written, at once."""
OPEN_AT_START = 1_000
"""Open questions that a new channel is told of; what came before them is in the inbox."""
SIDE_BY_SIDE = 8
"""Notices that one channel is sent at the same time."""
SEND_S = 20.0
"""How long sending one may take; less than a claim holds."""
ATTEMPTS_MAX = 12
"""Attempts of one notice, over some two and a half hours; then it is dead, and `doctor` tells."""
AGAIN_MS = 5_000
"""Wait before the second attempt; doubled each time, and shortened by up to half at random."""
AGAIN_MAX_MS = 3_600_000
"""The longest such wait."""
CHANNELS = Kind(
    one="channel",
    several="channels",
    method="send",
    most=CHANNELS_MAX,
    lacks="is no channel",
    see="`hitl_fsm.notify`; one of your own is a `ports_out.Notifier`",
    fewer="Apprise can send to several services by one URL",
)

_line = msgspec.json.Decoder(Line)
_random = secrets.SystemRandom()


class Told(NamedTuple):
    """What one round came to: sent, given up, and too late to be sent; those that are tried again are in none."""

    sent: int = 0
    dead: int = 0
    dropped: int = 0


async def notify(parts: Parts) -> Told:
    """Tell every channel what there is to tell, once. A channel that takes nothing holds up no other."""
    found = await asyncio.gather(*(tell(parts, channel) for channel in parts.channels))
    return Told(*(sum(column) for column in zip(*found, strict=True))) if found else Told()


async def tell(parts: Parts, channel: Notifier) -> Told:
    """One round of one channel."""
    while await _read_on(parts, channel):
        pass
    told = Told()
    while True:
        due, owner = parts.clock.now(), parts.worker
        batch = await parts.store.claim_deliveries(due, owner, "notice", targets=(channel.name,), limit=SIDE_BY_SIDE)
        fates = await asyncio.gather(*(_send(parts, channel, one) for one in batch))
        told = Told(*(count + fates.count(fate) for count, fate in zip(told, Told._fields, strict=True)))
        if len(batch) < SIDE_BY_SIDE or "waiting" in fates:  # a channel that fails is left alone until the next round
            return told


# -- from the record to deliveries


async def _read_on(parts: Parts, channel: Notifier) -> bool:
    """Make deliveries of the next page of the record; whether there may be more."""
    store, name = parts.store, f"{CHANNEL}{channel.name}"
    cursor = await store.cursor(name)
    if cursor is None:
        await _begin(parts, channel, name)
        return True
    seen = max(cursor, parts.looked.get(channel.name, 0))
    lines = await store.records(after=seen, limit=RECORDS_PAGE)
    if not lines:
        return False
    deliveries = await _deliveries(parts, channel, lines)
    last = lines[-1].seq
    moves = bool(deliveries) or len(lines) == RECORDS_PAGE
    if moves and not await store.advance(name, cursor, last, deliveries):
        return True  # another worker was faster, but may have read less: again, from where it came to
    parts.looked[channel.name] = last
    return len(lines) == RECORDS_PAGE


async def _deliveries(parts: Parts, channel: Notifier, lines: Sequence[RecordLine]) -> list[Delivery]:
    found: dict[str, Requirement | None] = {}
    deliveries: list[Delivery] = []
    for line in map(_read, lines):
        if line is None or not (asked := about(line)):
            continue
        if asked not in found:
            found[asked] = await parts.store.requirement(asked)
        requirement = found[asked]
        if requirement is None:  # its run was forgotten
            continue
        notice = notice_of(line, requirement, Link(parts.base_url))
        if notice is not None and line.event == BREAK_GLASS:
            notice = msgspec.structs.replace(notice, note=await _reason(parts, asked))
        if notice is not None and not is_stale(notice, requirement) and channel.wants(notice):
            deliveries.append(_delivery(parts, channel, notice))
    return deliveries


async def _reason(parts: Parts, requirement_id: str) -> str:
    """Why somebody passed a gate alone: the line is only committed to it."""
    override = await parts.store.override(requirement_id)
    return "" if override is None else override.reason


async def _begin(parts: Parts, channel: Notifier, name: str) -> None:
    """A channel that is new to this store is told what is open, not what was."""
    last, _ = await parts.store.head()
    open_now = await parts.store.requirements(limit=OPEN_AT_START)
    if len(open_now) == OPEN_AT_START:
        parts.log("notices_left_out", level="warning", channel=channel.name, told_of=OPEN_AT_START)
    notices = [notice_of_open(one, Link(parts.base_url)) for one in open_now]
    wanted = [one for one in notices if one is not None and channel.wants(one)]
    await parts.store.advance(name, None, last, [_delivery(parts, channel, one) for one in wanted])


def _delivery(parts: Parts, channel: Notifier, notice: Notice) -> Delivery:
    notice = msgspec.structs.replace(notice, id=f"{notice.id}_{channel.name}")
    content = msgspec.to_builtins(notice)
    due = parts.clock.now()
    return Delivery(notice.id, "notice", channel.name, notice.requirement, notice.run, due, content, repeatable=True)


def _read(line: RecordLine) -> Line | None:
    """A line that cannot be read tells nobody anything; `audit verify` tells that it is there."""
    try:
        return _line.decode(line.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# -- sending


async def _send(parts: Parts, channel: Notifier, delivery: Delivery) -> str:
    """One attempt, and what became of it: a field of Told, or `waiting`."""
    try:
        notice = msgspec.convert(delivery.content, Notice)
    except msgspec.ValidationError:
        return await _give_up(parts, delivery, "what was to be sent cannot be read")
    requirement = await parts.store.requirement(notice.requirement)
    if is_stale(notice, requirement):
        return await _settle(parts, delivery, "dropped")
    if delivery.attempts > ATTEMPTS_MAX:  # its senders died, each time
        return await _give_up(parts, delivery, "each attempt was cut off")
    if channel.details and requirement is not None:
        notice = with_details(notice, requirement)
    error = await _refused(channel, notice)
    if error is not None:
        return await _again(parts, delivery, error)
    told = digest(notice, await _salt(parts, delivery.run_id))
    return await _settle(parts, delivery, "sent", _record(parts, "notice_sent", delivery, content=told))


async def _refused(channel: Notifier, notice: Notice) -> NotifyError | None:
    """Why the channel did not take it; None when it did."""
    try:
        async with asyncio.timeout(SEND_S):
            await channel.send(notice)
    except TimeoutError:
        return NotifyError(f"it took longer than {SEND_S:g} s")
    except NotifyError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a channel of the application may raise anything; it is tried again
        return NotifyError(f"the channel failed: {type(error).__name__}")
    return None


async def _again(parts: Parts, delivery: Delivery, error: NotifyError) -> str:
    if not error.retryable or delivery.attempts >= ATTEMPTS_MAX:
        return await _give_up(parts, delivery, error.message)
    parts.log("notice_not_sent", level="warning", notice=delivery.delivery_id, error=error.message)
    wait_ms = max(pause_ms(delivery.attempts), int(1000 * min(error.retry_after_s, AGAIN_MAX_MS / 1000)))
    due = parts.clock.now() + wait_ms
    await parts.store.settle_delivery(Settled(delivery.delivery_id, parts.worker, "waiting", delivery.attempts, due))
    return "waiting"


async def _give_up(parts: Parts, delivery: Delivery, why: str) -> str:
    failed = msgspec.structs.replace(_record(parts, "notice_failed", delivery), contents={"error": why})
    return await _settle(parts, delivery, "dead", failed)


async def _settle(parts: Parts, delivery: Delivery, state: DeliveryState, *records: Record) -> str:
    settled = Settled(delivery.delivery_id, parts.worker, state, delivery.attempts, delivery.due_at)
    await parts.store.settle_delivery(settled, records)
    return state


async def _salt(parts: Parts, run_id: str) -> str:
    """Of the run; where it has none, or cannot be read, one that nobody will know."""
    try:
        found = (await load(parts, run_id)).run.salt
    except HitlError:
        found = ""
    return found or secrets.token_hex(16)


def digest(notice: Notice, salt: str) -> str:
    """Of what was sent (SHA-256, hex), under its run's salt: it may have arguments, and words of people."""
    return content_digest([salt, msgspec.to_builtins(notice)])


def pause_ms(attempts: int) -> int:
    """How long to wait after so many attempts."""
    longest = min(AGAIN_MAX_MS, AGAIN_MS << min(attempts - 1, 16))
    return _random.randint(longest // 2, longest)


def _record(parts: Parts, event: str, delivery: Delivery, **told: str) -> Record:
    data = {
        "notice": delivery.delivery_id,
        "channel": delivery.target,
        "requirement": delivery.about,
        "event": delivery.content.get("event", ""),
        "attempts": delivery.attempts,
        **told,
    }
    return Record(event, parts.clock.now(), ENGINE, delivery.run_id, data)
