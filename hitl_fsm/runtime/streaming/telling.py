"""What the reader of a stream is told of a run that is being advanced; nothing, where nobody reads.

A result under review goes on only by its own event, once it is accepted. Where a run inside the run makes that result,
whatever is said or returned in there may be it, or become a part of it: readers see that it happens, not what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from msgspec.structs import replace

from hitl_fsm.core.frames import is_branch, is_reviewed, step_of, turn_of, way_to, way_to_call
from hitl_fsm.model.answer import Provide
from hitl_fsm.model.call import Call
from hitl_fsm.model.paths import frame_of
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import CallState
from hitl_fsm.model.verdict import Review
from hitl_fsm.runtime.streaming import stream

TurnEvent = type[stream.StepStarted] | type[stream.StepCompleted]
_GOES_ON = frozenset({CallState.IN_REVIEW, CallState.GATED, CallState.AUTHORISED})


class Telling:
    """Events for one reader, each with the run as it then was and the way to where in it that happened."""

    __slots__ = ("_publish",)

    def __init__(self, publish: stream.Publish | None) -> None:
        self._publish = publish

    @property
    def is_heard(self) -> bool:
        return self._publish is not None

    def tell(self, kind: type[stream.StreamEvent], run: Run, *values: Any, frame: str = "") -> None:
        if self._publish is None or (kind is stream.ContentDelta and is_reviewed(run, frame)):
            return
        self._publish(kind(run, way_to(run, frame), frame, *values))

    def turn(self, kind: TurnEvent, run: Run, before: Run, recipe: str, turn: int, frame: str) -> None:
        """A turn of a model; what a workflow's plan comes to is told by its steps.

        With its last turn a run inside the run is gone: `before` that, the way to it was known.
        """
        if self._publish is not None and recipe not in {"workflow", "branch"}:
            self._publish(kind(run, way_to(before, frame), frame, turn))

    def on_text(self, now: Callable[[], Run], frame: str) -> Callable[[str], None] | None:
        """What takes a model's text as it arrives; None where nobody reads along."""
        return (lambda text: self.tell(stream.ContentDelta, now(), text, frame=frame)) if self.is_heard else None

    def resolved(self, run: Run, requirement: Requirement) -> None:
        """Somebody answered."""
        if self._publish is not None:
            told = _for_readers(run, requirement)
            self.tell(stream.RequirementResolved, run, told, frame=frame_of(requirement.call_id))

    def call_started(self, run: Run, call: Call) -> None:
        """A call begins; one that is a step of a workflow, as that. A branch is told by its steps."""
        if self._publish is None or is_branch(call):
            return
        way, frame = way_to_call(run, call), frame_of(call.call_id)
        if step := step_of(call):
            self._publish(stream.StepStarted(run, way, frame, turn_of(run, frame), step, call.call_id))
        else:
            args = deepcopy(call.args or {})
            self._publish(stream.ToolCallStarted(run, way, frame, call.call_id, call.tool, args))

    def call_ended(self, run: Run, call_id: str) -> None:
        """What became of a call that has ended; nothing of one that asks first, or whose result is under review."""
        call = next((one for one in run.calls if one.call_id == call_id), None)
        if self._publish is None or call is None or is_branch(call) or call.state in _GOES_ON:
            return
        way, frame = way_to_call(run, call), frame_of(call_id)
        state, result = call.state.value, None if is_reviewed(run, frame) else call.result
        if step := step_of(call):
            turn = turn_of(run, frame)
            self._publish(stream.StepCompleted(run, way, frame, turn, step, state, result, call_id))
        else:
            self._publish(stream.ToolCallCompleted(run, way, frame, call_id, call.tool, state, result))

    def end(self, run: Run) -> None:
        """Where the run has come to."""
        kind, *values = stream.ending(run)
        self.tell(kind, run, *values)


def _for_readers(run: Run, requirement: Requirement) -> Requirement:
    """Without what a review is about, also where an answer brought it: a result goes on only by its own event."""
    call, resolution = run.call(requirement.call_id), requirement.resolution
    reviewed = is_reviewed(run, frame_of(call.call_id)) or any(isinstance(gate, Review) for gate in call.verdict.gates)
    if resolution is not None and reviewed:
        answer = resolution.answer
        if hasattr(answer, "result"):
            resolution = replace(resolution, answer=replace(answer, result=None))
        elif call.dynamic and isinstance(answer, Provide):  # what a person said to the agent is the call's result
            resolution = replace(resolution, answer=replace(answer, values={}))
    return replace(requirement, result=None, resolution=resolution)
