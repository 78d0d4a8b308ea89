"""From an event to the entry that a log gets: decided with all that it must know of the world at that moment.

What that is only shows when it is decided: which questions would open. So a step is decided, what it needs is looked
up, and it is decided again with that; the core is pure, and the entry that is kept says it all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

from hitl_fsm.core.decide import Step, decide
from hitl_fsm.core.hours import covered
from hitl_fsm.core.votes import patience_of
from hitl_fsm.errors import GrantGone
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.circumstances import Circumstances
from hitl_fsm.model.event import Entry, Event
from hitl_fsm.model.flag import Flag
from hitl_fsm.model.grant import GrantUse
from hitl_fsm.model.requirement import Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, External, UserInput, Verdict
from hitl_fsm.policy.join import gate_key
from hitl_fsm.runtime.parts import Parts
from hitl_fsm.runtime.people.grants import grants_for
from hitl_fsm.runtime.people.suspicion import flags_for

T = TypeVar("T")

LOOKS = 32
"""Times that a step is decided, each with what the one before showed to be needed: more than a call has gates."""
LOST_GRANTS = 8
"""Grants that may be used up or revoked between look and step; after so many no further one is tried for it."""


class Entered(NamedTuple):
    """A step with the entry that led to it."""

    entry: Entry
    step: Step


async def enter(
    parts: Parts,
    run: Run | None,
    event: Event,
    by: Actor,
    verdicts: dict[str, Verdict],
    write: Callable[[Step, Entry], Awaitable[T]],
) -> tuple[Entered, T]:
    """Decide an event and have it written. Where a grant was used up or revoked meanwhile, another one, or people.

    GrantGone only where it is none that this step uses: a call was about to begin by it.
    """
    gone: frozenset[str] = frozenset()
    while True:
        entered = await _entered(parts, run, event, by, verdicts, gone)
        try:
            return entered, await write(entered.step, entered.entry)
        except GrantGone as error:
            if error.grant_id not in {use.grant_id for use in entered.step.grant_uses}:
                raise
            gone |= {error.grant_id}


async def _entered(
    parts: Parts, run: Run | None, event: Event, by: Actor, verdicts: dict[str, Verdict], gone: frozenset[str]
) -> Entered:
    version = run.version if run else 0
    entry = Entry(seq=version + 1, at=parts.clock.now(), by=by, event=event, verdicts=verdicts)
    found = Circumstances()
    looked: set[str] = set()
    step = decide(run, entry)
    for _ in range(LOOKS):
        fresh = [one for one in _asked_anew(run, step.run) if _subject(one) not in looked]
        if not fresh:
            break
        looked.update(map(_subject, fresh))
        more = await _look_around(parts, (run, step.run), fresh, found, entry.at, gone)
        if more == found:
            break
        found = more
        entry = Entry(entry.seq, entry.at, by, event, verdicts, found)
        step = decide(run, entry)
    return Entered(entry, step)


def _asked_anew(before: Run | None, after: Run) -> list[Requirement]:
    """The questions that a step opens, or puts to others."""
    if before is not None and after.requirements is before.requirements:
        return []
    known = {r.requirement_id: r.escalated for r in before.requirements} if before else {}
    return [r for r in after.open_requirements if known.get(r.requirement_id) != r.escalated]


def _subject(requirement: Requirement) -> str:
    question = requirement.question
    key = gate_key(question) if isinstance(question, Approval | Confirm) else requirement.kind
    return f"{requirement.call_id} {key} {requirement.escalated}"


async def _look_around(
    parts: Parts,
    runs: tuple[Run | None, Run],
    fresh: Sequence[Requirement],
    found: Circumstances,
    at: int,
    gone: frozenset[str],
) -> Circumstances:
    """What is known already, and what these questions need besides. `runs`: before the step, and after."""
    run, opened = runs[1], _opened(*runs)
    hours, grants = dict(found.hours), dict(found.grants)
    flags, refused = dict(found.flags), dict(found.refused)
    for requirement in fresh:
        call_id, question = requirement.call_id, requirement.question
        patience = patience_of(question)
        if patience.calendar and covered(hours.get(patience.calendar, ())) < _longest(question):
            hours[patience.calendar] = parts.calendars(patience.calendar, at, _longest(question))
        if requirement.escalated:
            continue
        taken = [use for uses in grants.values() for use in uses]
        use = await _grant(parts, run, requirement, taken, gone)
        if use is not None:
            grants[call_id] = (*grants.get(call_id, ()), use)
            continue
        if isinstance(question, Approval | Confirm | UserInput | External):
            beside = _beside(opened, requirement, refused)
            told = await parts.crowd.objection(parts.store, requirement.agent, at, beside)
            if told:
                refused[call_id] = told
        marks: tuple[Flag, ...] = await flags_for(parts, run, run.call(call_id))
        if marks:
            flags[call_id] = marks
    return Circumstances(hours, grants, flags, refused)


def _beside(opened: Sequence[Requirement], requirement: Requirement, refused: Collection[str]) -> int:
    """How many questions of the same agent the step opens before that one, but for those that are refused."""
    before = opened[: opened.index(requirement)]
    return sum(one.agent == requirement.agent and one.call_id not in refused for one in before)


def _opened(before: Run | None, after: Run) -> list[Requirement]:
    known = {r.requirement_id for r in before.requirements} if before else set()
    return [r for r in after.open_requirements if r.requirement_id not in known]


async def _grant(
    parts: Parts, run: Run, requirement: Requirement, taken: Sequence[GrantUse], gone: frozenset[str]
) -> GrantUse | None:
    """A grant that passes the gate; votes that were cast make it a question for people."""
    question = requirement.question
    if not isinstance(question, Approval | Confirm) or question.grant is None or requirement.votes:
        return None
    if len(gone) >= LOST_GRANTS:
        return None
    return await grants_for(parts, run, run.call(requirement.call_id), question, taken, gone)


def _longest(question: Question) -> int:
    """The open time that may have to be counted, in ms."""
    patience = patience_of(question)
    waits = [getattr(question, "expires_ms", None), *patience.reminders_ms]
    return max(0, *(wait or 0 for wait in (*waits, *(level.expires_ms for level in patience.escalate))))
