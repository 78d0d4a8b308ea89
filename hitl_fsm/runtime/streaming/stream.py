"""What a caller of `stream=True` reads: typed events, each with the run as it then was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.handles import Answering, RequirementHandle, RunHandle


class StreamEvent(msgspec.Struct, frozen=True):
    """`run` is the run as of this event; `path` leads to where in it that happened.

    `("agent support",)` for what the run itself does, `("workflow refunds", "step payout", "agent clerk")` below it.
    `frame` tells apart what has the same path, such as one member that was asked twice: it is the id of the run inside
    the run that did this, which begins with the id of the call that it carries out; "" for the run itself.
    """

    run: Any
    path: tuple[str, ...]
    frame: str

    @property
    def event(self) -> str:
        return type(self).__name__

    @property
    def run_id(self) -> str:
        return self._handle.run_id

    @property
    def seq(self) -> int:
        """The last line of the run's log that `run` has: `engine.runs.events(run_id, after=seq)` goes on from there."""
        return self._handle.version

    @property
    def is_nested(self) -> bool:
        """Whether a run inside the run did this: the text of such an event is not the run's own answer."""
        return bool(self.frame)

    @property
    def is_paused(self) -> bool:
        """Whether the stream ends here because people are asked: a loop that answers where this is set answers once.

        The events before it are false, also those whose run has its questions already.
        """
        return isinstance(self, RunPaused) and self._handle.is_paused

    @property
    def requirements(self) -> list[RequirementHandle]:
        return self._handle.requirements

    @property
    def active_requirements(self) -> list[RequirementHandle]:
        return self._handle.active_requirements

    @property
    def _handle(self) -> RunHandle:
        handle: RunHandle = self.run
        return handle


class RunStarted(StreamEvent, frozen=True):
    pass


class ContentDelta(StreamEvent, frozen=True):
    """A piece of what a model says. Below a call that is to be reviewed there are none."""

    text: str


class ToolCallStarted(StreamEvent, frozen=True):
    call_id: str
    tool_name: str
    tool_args: dict[str, Any]


class ToolCallCompleted(StreamEvent, frozen=True):
    """`state` is the call's: succeeded, failed, denied. `result` is None below a call that is to be reviewed."""

    call_id: str
    tool_name: str
    state: str
    result: Any


class RunPaused(StreamEvent, frozen=True):
    pass


class RequirementResolved(StreamEvent, frozen=True):
    """`requirement` without the result that a review was about."""

    requirement: Requirement


class RunContinued(StreamEvent, frozen=True):
    pass


class StepStarted(StreamEvent, frozen=True):
    """A turn of a model begins, counted from 1; or (with its name, and the call that it is) the step of a workflow."""

    turn: int
    step: str = ""
    call_id: str = ""


class StepCompleted(StreamEvent, frozen=True):
    """`state` and `result` of a workflow's step are those of its call, as of a `ToolCallCompleted`."""

    turn: int
    step: str = ""
    state: str = ""
    result: Any = None
    call_id: str = ""


class RunCompleted(StreamEvent, frozen=True):
    output: str


class RunFailed(StreamEvent, frozen=True):
    error: str


class RunCancelled(StreamEvent, frozen=True):
    pass


def ending(run: Run) -> tuple[type[StreamEvent], *tuple[str, ...]]:
    """The event that says where a run has come to, and its fields."""
    match run.state:
        case RunState.DONE:
            return RunCompleted, run.output or ""
        case RunState.FAILED:
            return RunFailed, run.error or ""
        case RunState.CANCELLED:
            return (RunCancelled,)
        case _:
            return (RunPaused,)


Publish = Callable[[StreamEvent], None]


def in_handles(door: Answering, publish: Publish | None) -> Publish | None:
    """Stream events carry handles, which users know, instead of the bare run."""
    if publish is None:
        return None
    return lambda event: publish(replace(event, run=RunHandle(door, event.run)))
