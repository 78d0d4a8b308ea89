"""Whether a run with runs inside is whole: each frame carries out a call, each question is about one that waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hitl_fsm.core.decide import due
from hitl_fsm.model.message import Message
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CALL_ENDED, RUN_ADVANCING, CallState, RunState

WAITING = {CallState.GATED, CallState.IN_REVIEW, CallState.OUTCOME_UNKNOWN}


def broken(run: Run, messages: Iterable[Message]) -> list[str]:
    """What is wrong with it, whatever happened to it."""
    return [*_frames(run), *_questions(run), *_next(run), *_kept(run, messages)]


def _is_live(run: Run) -> bool:
    return run.state in RUN_ADVANCING or run.is_paused


def _frames(run: Run) -> Iterator[str]:
    calls = {call.call_id: call for call in run.calls}
    paths = {"", *(frame.path for frame in run.frames)}
    if len(calls) != len(run.calls) or len(paths) != len(run.frames) + 1:
        yield "two of one name"
    for frame in run.frames:
        call = calls.get(frame.call_id)
        if call is None or call.below is None:
            yield f"frame {frame.path} carries out nothing"
        elif _is_live(run) and call.state is not CallState.EXECUTING:
            yield f"frame {frame.path} goes on for a call that is {call.state}"
    yield from (f"frame {one.path} hangs in the air" for one in run.frames if frame_of(one.path) not in paths)
    yield from (f"call {one.call_id} is nobody's" for one in run.calls if frame_of(one.call_id) not in paths)
    carried = [frame.call_id for frame in run.frames]
    for one in run.calls:
        at_work = one.below is not None and one.state is CallState.EXECUTING
        if _is_live(run) and at_work and carried.count(one.call_id) != 1:
            yield f"nothing carries out {one.call_id}"


def _questions(run: Run) -> Iterator[str]:
    asked = [one.call_id for one in run.open_requirements]
    waiting = {call.call_id for call in run.calls if call.state in WAITING}
    yield from (f"a question is about {one}, which does not wait" for one in asked if one not in waiting)
    if len(set(asked)) != len(asked):
        yield "two questions about one call"
    if bool(asked) != run.is_paused:
        yield f"{run.state} with {len(asked)} open questions"


def _next(run: Run) -> Iterator[str]:
    if run.state in RUN_ADVANCING and not due(run):
        yield "it may go on, and nobody knows how"
    if run.state is RunState.DONE and (run.frames or any(call.state not in CALL_ENDED for call in run.calls)):
        yield "done, and not over"


def _kept(run: Run, messages: Iterable[Message]) -> Iterator[str]:
    stale = {message.frame for message in messages} - {"", *(frame.path for frame in run.frames)}
    if stale:
        yield f"the messages of {sorted(stale)} are kept"
