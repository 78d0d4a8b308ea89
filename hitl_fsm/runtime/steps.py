"""Between the core's steps and the store: a run out of its log, and a step as one commit."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hitl_fsm.core.decide import Step
from hitl_fsm.core.replay import replay
from hitl_fsm.core.timers import timers_of
from hitl_fsm.errors import RequirementNotFound, RunNotFound, Tampered
from hitl_fsm.model import event as events
from hitl_fsm.model.event import Entry, Event
from hitl_fsm.model.message import Message
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.timer import Timer
from hitl_fsm.ports import Commit, Lease, Store
from hitl_fsm.runtime.known import Known
from hitl_fsm.runtime.parts import Parts

LeaseWord = Literal["take", "keep", "none"]


class Loaded(NamedTuple):
    """A run as it stands in the store, its conversation, the fence that its row has, and who holds it ("": nobody)."""

    run: Run
    messages: list[Message]
    fence: int
    owner: str


async def load(parts: Parts, run_id: str) -> Loaded:
    """A run from the store, replayed from where it is known; Tampered if the row and the log do not tell the same."""
    known = parts.known.get(run_id)
    stored = await parts.store.load(run_id, after=known.run.version - 1) if known else None
    if known is None or stored is None or not stored.entries or stored.entries[0] != known.last:
        known, stored = None, await parts.store.load(run_id)
    if stored is None:
        msg = f"no run {run_id!r} in this store"
        raise RunNotFound(msg, help="`hitl-fsm runs list` shows what there is")
    run, messages = replay(stored.entries[1:], known.run, known.messages) if known else replay(stored.entries)
    if run is None or run.run_id != run_id or run.version != stored.version or run.state.value != stored.state:
        msg = f"the row of {run_id} and its log do not tell the same"
        raise Tampered(msg, help="nothing was executed; `hitl-fsm audit verify` tells more")
    parts.known.put(Known(run, tuple(messages), stored.entries[-1]))
    return Loaded(run, messages, stored.fence, stored.owner)


async def requirement_of(store: Store, requirement_id: str) -> Requirement:
    """A question as its row has it; RequirementNotFound."""
    row = await store.requirement(requirement_id)
    if row is None:
        msg = f"no requirement {requirement_id!r} in this store"
        raise RequirementNotFound(msg, help="`hitl-fsm inbox` lists what is open")
    return row


async def commit(parts: Parts, before: Run | None, step: Step, entry: Entry, lease: LeaseWord, fence: int) -> int:
    """Write one step in one transaction; returns the run's fence after it."""
    fence = await parts.store.commit(_as_commit(before, step, entry, lease, Lease(parts.worker, fence)))
    parts.known.follow(before, step, entry)
    return fence


async def claim(parts: Parts, run: Run, fence: int) -> int:
    """Take a run without moving it; returns its new fence. RunBusy, or Fenced, when another worker was first."""
    return await parts.store.commit(
        Commit(
            run=run,
            expected_version=run.version,
            fence=fence,
            lease="take",
            owner=parts.worker,
            entries=(),
            calls=(),
            requirements=(),
            records=(),
        )
    )


async def correct_timer(parts: Parts, loaded: Loaded, found: Timer) -> bool:
    """Make a stored timer what the run says of it: it is moved, or deleted. False if that is what it is already.

    Nothing else changes, so that nobody who advances the run is fenced, and there is nothing for the record.
    """
    run = loaded.run
    right = tuple(timer for timer in timers_of(run) if (timer.about, timer.kind) == (found.about, found.kind))
    if right == (found,):
        return False
    await parts.store.commit(
        Commit(
            run=run,
            expected_version=run.version,
            fence=loaded.fence,
            lease="none",
            owner=parts.worker,
            entries=(),
            calls=(),
            requirements=(),
            records=(),
            timers=right,
            timers_over=(found,),
        )
    )
    return True


def _as_commit(before: Run | None, step: Step, entry: Entry, lease: LeaseWord, worker: Lease) -> Commit:
    """What one step changed, ready to be written."""
    old_calls = {c.call_id: c for c in before.calls} if before else {}
    old_requirements = {r.requirement_id: r for r in before.requirements} if before else {}
    old_timers, timers = timers_of(before) if before else (), timers_of(step.run)
    return Commit(
        run=step.run,
        expected_version=before.version if before else 0,
        fence=worker.fence,
        lease=lease,
        owner=worker.owner,
        entries=(entry,),
        calls=tuple(c for c in step.run.calls if old_calls.get(c.call_id) is not c),
        requirements=tuple(r for r in step.run.requirements if old_requirements.get(r.requirement_id) is not r),
        records=step.records,
        seen=_relied_on(before, step.run, entry.event),
        timers=tuple(timer for timer in timers if timer not in old_timers),
        timers_over=tuple(timer for timer in old_timers if timer not in timers),
        grants=step.grants,
        grant_uses=step.grant_uses,
        overrides=step.overrides,
    )


def _relied_on(before: Run | None, after: Run, event: Event) -> tuple[Requirement, ...]:
    """The questions that the step answers, and those about the calls that it starts, as they were before it."""
    if before is None or not before.requirements:
        return ()
    kept = {id(requirement) for requirement in after.requirements}
    started = event.call_ids if isinstance(event, events.CallsStarted) else ()
    return tuple(r for r in before.requirements if id(r) not in kept or r.call_id in started)
