"""From a run's log to the beginning of another run, which goes on from an earlier point of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from hitl_fsm.audit.canonical import asked_digest
from hitl_fsm.core.decide import apply
from hitl_fsm.core.replay import conversation
from hitl_fsm.errors import ForkRefused
from hitl_fsm.model import event as events
from hitl_fsm.model.answer import NO
from hitl_fsm.model.event import Entry
from hitl_fsm.model.message import Message
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CALL_ENDED, RUN_ADVANCING
from hitl_fsm.model.verdict import Review


class Point(NamedTuple):
    """Where a fork begins: when the run was at `version`, with `messages` said and read.

    `rejected` has what people rejected anywhere in the run, before or after: it stays rejected in the fork (law 4).
    """

    version: int
    messages: tuple[Message, ...]
    rejected: tuple[str, ...]


def point_of(entries: Iterable[Entry], at_step: int) -> Point:
    """After `at_step` turns of the run's own model, with all their results in; 0 is before its first.

    Raises ForkRefused where the run never stood there.
    """
    run: Run | None = None
    messages: list[Message] = []
    found: tuple[int, tuple[Message, ...]] | None = None
    rejected: dict[str, None] = {}
    asked: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if run is not None:
            rejected.update(dict.fromkeys(_rejected(run, entry, asked)))
        after = apply(run, entry, telling=False)
        messages = conversation(run, after.run, messages, after.messages)
        run = after.run
        if isinstance(entry.event, events.ModelReplied):
            asked.update((one.call_id, one.args) for one in entry.event.calls if one.args is not None)
        if found is None and _stands_at(run, at_step):
            found = run.version, tuple(messages)
    if run is None or found is None:
        turns = 0 if run is None else run.turn
        msg = f"there is no point after step {at_step} from which another run could go on"
        told = f"the run took {turns} steps; one counts when all its results are in, 0 is the start"
        raise ForkRefused(msg, help=told)
    return Point(found[0], found[1], (*run.rejected, *(one for one in rejected if one not in run.rejected)))


def _stands_at(run: Run, at_step: int) -> bool:
    ready = run.state in RUN_ADVANCING and not run.frames
    return ready and run.turn == at_step and all(call.state in CALL_ENDED for call in run.calls)


def _rejected(run: Run, entry: Entry, asked: dict[str, dict[str, Any]]) -> Iterable[str]:
    """What a person says no to here: as it was shown, and as the model had asked for it."""
    event = entry.event
    if not isinstance(event, events.AnswerRecorded) or not isinstance(event.answer, NO):
        return
    requirement = next((one for one in run.requirements if one.requirement_id == event.requirement_id), None)
    if requirement is None or isinstance(requirement.question, Review):  # that call did run; its result was rejected
        return
    yield asked_digest(requirement.tool, requirement.args)
    if requirement.call_id in asked:
        yield asked_digest(requirement.tool, asked[requirement.call_id])
