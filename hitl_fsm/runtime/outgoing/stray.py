"""What a route says after its question was closed: refused, and on the record by its digest."""

from __future__ import annotations

import msgspec

from hitl_fsm.core.facts import content_digest
from hitl_fsm.errors import RunNotFound
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Report
from hitl_fsm.model.delivery import Delivery
from hitl_fsm.model.record import Record
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.ports import RecordLine
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.steps import load

STRAYS_PER_CALL = 20
"""Different late results of one handover that are recorded; a system that never ends must not fill the record."""
_PAGE = 1000


class _Data(msgspec.Struct, frozen=True):
    requirement: str = ""
    result: str = ""


class _Line(msgspec.Struct, frozen=True):
    event: str
    data: _Data = _Data()


_line = msgspec.json.Decoder(_Line)


async def keep_stray(parts: Parts, delivery: Delivery, answer: Report, by: Actor) -> bool:
    """Record it, unless it is the answer that was taken, or is recorded already: then a message only came twice."""
    requirement = await parts.store.requirement(delivery.about)
    if requirement is not None and _is_taken(requirement, answer, by):
        return False
    told = answer.result if answer.error is None else answer.error
    digest = content_digest([await _salt(parts, delivery.run_id), told])
    seen = await _recorded(parts, delivery)
    if digest in seen or len(seen) >= STRAYS_PER_CALL:
        return False
    data = {
        "requirement": delivery.about,
        "route": delivery.target,
        "digest": delivery.content.get("digest", ""),
        "failed": answer.error is not None,
        "result": digest,
    }
    await parts.store.append([Record("late_result", parts.clock.now(), by, delivery.run_id, data)])
    return True


def _is_taken(requirement: Requirement, answer: Report, by: Actor) -> bool:
    resolution = requirement.resolution
    return resolution is not None and resolution.by.id == by.id and resolution.answer == answer


async def _salt(parts: Parts, run_id: str) -> str:
    """What keeps others from guessing what a digest is of; nothing any more, once the run is forgotten."""
    try:
        return (await load(parts, run_id)).run.salt
    except RunNotFound:
        return ""


async def _recorded(parts: Parts, delivery: Delivery) -> set[str]:
    """The digests of late results of this handover that are on the record."""
    found: set[str] = set()
    after = 0
    while lines := await parts.store.records(after=after, limit=_PAGE, run_id=delivery.run_id):
        read = (_read(line) for line in lines)
        found |= {
            one.data.result for one in read if one.event == "late_result" and one.data.requirement == delivery.about
        }
        after = lines[-1].seq
    return found


def _read(line: RecordLine) -> _Line:
    try:
        return _line.decode(line.body)
    except msgspec.DecodeError:
        return _Line("")
