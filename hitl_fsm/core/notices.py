"""Which lines of the record somebody is told about, whom, and when it is too late for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from hitl_fsm.core.votes import level_of, patience_of, ways_of
from hitl_fsm.core.who import asked
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.notice import Notice
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import Approval, External, Seat
from hitl_fsm.policy.sensitive import hidden, masked

DETAILS_BYTES = 16 * 1024
"""Arguments that take more than this as JSON are left out of a notice, which then says so."""
SHORT_DIGEST = 12

PREFIX = "notice_"
"""How the id of every notice begins."""

ANSWERED, REJECTED = "requirement_resolved", "requirement_rejected"

Told = Literal["asked", "requester", "everybody"]
EVENTS: Mapping[str, Told] = {
    "requirement_opened": "asked",
    "requirement_reminded": "asked",
    "requirement_escalated": "asked",
    "requirement_voted": "asked",
    "requirement_expired": "requester",
    "requirement_resolved": "requester",
    "requirement_rejected": "requester",
    "approval_revoked": "requester",
    "break_glass": "everybody",
}
"""The events that a channel may want, and whom each is for."""
USUAL = tuple(name for name in EVENTS if name != "requirement_voted")
"""What a channel is told that names no events."""
_INVITES = frozenset({"requirement_opened", "requirement_reminded", "requirement_escalated", "requirement_voted"})
"""What nobody needs to hear once the question is closed."""

_SUBJECTS: dict[str, str] = {
    "confirm": "May {agent} call {tool}?",
    "approval": "May {agent} call {tool}?",
    "user_input": "{agent} needs a form filled in for {tool}",
    "external": "{tool} is to be executed outside, and its result reported",
    "review": "{tool} was executed: may {agent} have its result?",
    "outcome": "The process died inside {tool}: did it happen?",
}
_AFTERWARDS: dict[str, str] = {
    "requirement_expired": "Nobody answered in time: {tool} for {agent}",
    "requirement_resolved": "Answered: {tool} for {agent}",
    "requirement_rejected": "Rejected: {tool} for {agent}",
    "approval_revoked": "An approval was taken back: {tool} for {agent}",
    "break_glass": "One person passed a gate alone: {tool} for {agent}",
}
_BEFORE: dict[str, str] = {
    "requirement_reminded": "Reminder: ",
    "requirement_escalated": "Escalated: ",
    "requirement_voted": "One vote more: ",
}
_KINDS_OF_PEOPLE = {"requester": "the requester", "owner": "the owner"}


class Line(msgspec.Struct, frozen=True):
    """What is read of a stored record."""

    seq: int
    event: str
    at: int
    by: Actor
    run: str = ""
    data: dict[str, Any] = {}


class Link(NamedTuple):
    """How a notice leads to its question; `base` is "" where there is no page of it."""

    base: str = ""

    def to(self, requirement_id: str) -> str:
        return f"{self.base.rstrip('/')}/{requirement_id}" if self.base else ""


def about(line: Line) -> str:
    """The id of the question that somebody is told about; "" for a line that nobody is."""
    found = line.data.get("requirement") if line.event in EVENTS else None
    return found if isinstance(found, str) else ""


def notice_of(line: Line, requirement: Requirement, link: Link) -> Notice | None:
    """What is told because of a line of the record; None where nobody needs to hear of it."""
    if line.event not in EVENTS or _is_silent(line.event, requirement):
        return None
    if EVENTS[line.event] == "requester" and line.by.id == requirement.user:
        return None  # who did it knows it
    if line.event in {"requirement_opened", "requirement_escalated"}:
        requirement = replace(requirement, escalated=_level(line, requirement))
    notice = _notice(line.event, requirement, line.at, link)
    return replace(
        notice,
        id=notice.id if line.event == "requirement_opened" else f"{notice.id}_{line.seq}",
        by=line.by.signature,
    )


def notice_of_open(requirement: Requirement, link: Link) -> Notice | None:
    """What is told of a question that was open before anybody listened: under the id that its own line would have."""
    if _is_silent("requirement_opened", requirement):
        return None
    return _notice("requirement_opened", requirement, requirement.opened_at, link)


def is_stale(notice: Notice, requirement: Requirement | None) -> bool:
    """Whether it asks for something that is over: the question is closed, or others are asked by now."""
    if notice.event not in _INVITES:
        return False
    if requirement is None or requirement.state is not RequirementState.OPEN:
        return True
    return notice.level != requirement.escalated


def with_details(notice: Notice, requirement: Requirement) -> Notice:
    """With the arguments of the action, but for those that nobody is shown, and with what the answer's giver noted."""
    resolution = requirement.resolution
    if resolution is not None and resolution.answer.note and notice.event in {ANSWERED, REJECTED}:
        notice = replace(notice, note=resolution.answer.note)
    gone = hidden(requirement.args, requirement.sensitive)
    shown = masked(requirement.args, requirement.sensitive)
    if len(msgspec.json.encode(shown)) > DETAILS_BYTES:
        return replace(notice, hidden=gone, omitted=True)
    return replace(notice, args=shown, hidden=gone)


def wants(notice: Notice, events: tuple[str, ...], for_: tuple[str, ...]) -> bool:
    """Whether a channel for these events and these people takes it; empty: all that is usual, everybody.

    A gate that one person passed alone is for everybody who wants such events.
    """
    if notice.event not in (events or USUAL):
        return False
    return not for_ or EVENTS[notice.event] == "everybody" or not notice.told or bool(set(for_) & set(notice.told))


def names(told: tuple[str, ...], user: str) -> tuple[str, ...]:
    """With the requester's own name, so that a channel of that person is one of them."""
    return tuple(dict.fromkeys((*told, user))) if "requester" in told and user else told


def _notice(event: str, requirement: Requirement, at: int, link: Link) -> Notice:
    audience = EVENTS[event]
    told = asked(requirement) if audience == "asked" else ("requester",) if audience == "requester" else ()
    words = {"agent": requirement.agent or "an agent", "tool": requirement.tool}
    asks = _AFTERWARDS.get(event) or _BEFORE.get(event, "") + _SUBJECTS[requirement.kind]
    return Notice(
        id=f"{PREFIX}{requirement.requirement_id}_{event.removeprefix('requirement_')}",
        event=event,
        at=at,
        requirement=requirement.requirement_id,
        run=requirement.run_id,
        kind=requirement.kind,
        tool=requirement.tool,
        agent=requirement.agent,
        user=requirement.user,
        severity=requirement.severity,
        digest=requirement.digest[:SHORT_DIGEST],
        told=names(told, requirement.user),
        who=_who(requirement) if audience == "asked" else "the requester" if audience == "requester" else "everybody",
        asks=asks.format(**words),
        level=requirement.escalated,
        expires_at=requirement.expires_at if audience == "asked" else None,
        link=link.to(requirement.requirement_id),
    )


def _who(requirement: Requirement) -> str:
    """Whose answer is asked for, in words."""
    if isinstance(requirement.question, Approval) or level_of(requirement) is not None:
        return ", or ".join(" and ".join(_seat(seat) for seat in way) for way in ways_of(requirement)) or "anybody"
    of = asked(requirement)
    return " or ".join(_person(name) for name in of) or "anybody"


def _seat(seat: Seat) -> str:
    people = " or ".join(_person(name) for name in seat.of) or "anybody"
    return people if seat.count == 1 else f"{seat.count} people of {people}"


def _person(name: str) -> str:
    return _KINDS_OF_PEOPLE.get(name, name)


def _is_silent(event: str, requirement: Requirement) -> bool:
    """What no chat announces."""
    question = requirement.question
    return EVENTS[event] == "asked" and isinstance(question, External) and question.silent


def _level(line: Line, requirement: Requirement) -> int:
    """To which level the question rose then; it may have risen further since."""
    level = line.data.get("level", 0)
    levels = len(patience_of(requirement.question).escalate)
    return min(level, levels) if isinstance(level, int) and level > 0 else 0
