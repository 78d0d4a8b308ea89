"""Runs inside a run: a call that a member's or a step's own run carries out, from its start to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from hitl_fsm.core.draft import Draft, as_text
from hitl_fsm.core.frames import FRAME_DEPTH, FRAMES_PER_RUN, calls_of, frame_at
from hitl_fsm.core.tally import active_at
from hitl_fsm.model.action import Below
from hitl_fsm.model.call import Call
from hitl_fsm.model.event import ProposedCall
from hitl_fsm.model.message import Message
from hitl_fsm.model.paths import call_id, depth, frame_path, is_below
from hitl_fsm.model.run import Frame
from hitl_fsm.model.states import CALL_ENDED, RUN_ADVANCING

TOO_MANY_RUNS = f"A run may hold {FRAMES_PER_RUN} runs at once, {FRAME_DEPTH} inside each other."


def enter(draft: Draft, call: Call, below: Below) -> None:
    """Carry out a call by a run of its own; it is given one of the call's arguments, and what people added."""
    path = frame_path(call.call_id, call.retries + 1)
    if len(draft.run.frames) >= FRAMES_PER_RUN or depth(path) > FRAME_DEPTH:
        draft.fail(call, TOO_MANY_RUNS)
        return
    made = Frame(path, call.call_id, below.kind, below.name, active_from=active_at(draft.before, draft.entry.at))
    draft.set_run(frames=(*draft.run.frames, made))
    draft.record("frame_entered", frame=path, kind=below.kind, name=below.name, call=call.call_id)
    given = (call.args or {}).get(below.argument)
    tell_input(draft, given, path)
    tell_answers(draft, call, path)
    if call.feedback:
        told = f"This was done before. A person looked at the result and wants it done again: {call.feedback}"
        draft.messages.append(Message(role="user", content=told, frame=path))


def tell_input(draft: Draft, given: Any, frame: str = "") -> None:
    """What a run is given, as its model reads it first."""
    value = None if isinstance(given, str) else given
    draft.messages.append(Message(role="user", content=as_text(given), value=value, frame=frame))


def tell_answers(draft: Draft, call: Call, frame: str = "") -> None:
    """What people said beside it before the run began."""
    if call.answers:
        told = f"A person was asked, and answered: {as_text(call.answers)}"
        draft.messages.append(Message(role="user", content=told, value=call.answers, frame=frame))


def leave(draft: Draft, path: str) -> Call:
    """The run is over, with all that it asked and did; the call that it carried out."""
    frame = frame_at(draft.run, path)
    draft.require(frame is not None, f"end the frame {path}")
    draft.set_run(frames=tuple(one for one in draft.run.frames if one is not frame))
    _drop(draft, path)
    return draft.call(frame.call_id)  # type: ignore[union-attr]  # required above


def take_turn(draft: Draft, path: str, turn: int) -> None:
    """A new turn: the calls and questions of the one before stand in the log."""
    if path:
        change(draft, path, turn=turn)
    else:
        draft.set_run(turn=turn)
    _drop(draft, path)


def change(draft: Draft, path: str, **changes: Any) -> None:
    """The frame at that path, otherwise."""
    frames = (msgspec.structs.replace(one, **changes) if one.path == path else one for one in draft.run.frames)
    draft.set_run(frames=tuple(frames))


def require_idle(draft: Draft, path: str, what: str) -> None:
    """IllegalTransition unless the frame's model may be asked: it has not failed, and every call of its turn ended."""
    run, frame = draft.run, frame_at(draft.run, path)
    draft.require(run.state in RUN_ADVANCING and (not path or (frame is not None and frame.error is None)), what)
    draft.require(all(call.state in CALL_ENDED for call in calls_of(run, path)), what)


def require_named(draft: Draft, path: str, turn: int, calls: Sequence[ProposedCall]) -> None:
    """IllegalTransition unless these are, by their ids, the calls of that turn of the frame, in order."""
    named = all(one.call_id == call_id(path, turn, index) for index, one in enumerate(calls))
    draft.require(named, f"take calls that are not those of turn {turn}")


def _drop(draft: Draft, path: str) -> None:
    run = draft.run
    draft.set_run(
        calls=tuple(call for call in run.calls if not is_below(call.call_id, path)),
        requirements=tuple(one for one in run.requirements if not is_below(one.call_id, path)),
    )
