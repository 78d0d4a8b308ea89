"""What a caller of `stream=True` reads: typed events, each with the run as it then was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from hitl_fsm.model.requirement import Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState

if TYPE_CHECKING:
    from hitl_fsm.runtime.handles import RequirementHandle, RunHandle

STREAM_BUFFER = 10_000
"""Events that wait for a slow reader; beyond it text deltas are dropped (the whole text is in RunCompleted)."""


class StreamEvent(msgspec.Struct, frozen=True):
    """`run` is the run as of this event; `path` leads to where in it that happened.

    `("agent support",)` for what the run itself does, `("workflow refunds", "step payout", "agent clerk")` below it.
    """

    run: Any
    path: tuple[str, ...]

    @property
    def event(self) -> str:
        return type(self).__name__

    @property
    def run_id(self) -> str:
        return self._handle.run_id

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
    text: str


class ToolCallStarted(StreamEvent, frozen=True):
    call_id: str
    tool_name: str
    tool_args: dict[str, Any]


class ToolCallCompleted(StreamEvent, frozen=True):
    """`state` is the call's: succeeded, failed, denied."""

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
    """A turn of a model begins, counted from 1; or (with its name) the step of a workflow."""

    turn: int
    step: str = ""


class StepCompleted(StreamEvent, frozen=True):
    """`state` and `result` of a workflow's step are those of its call."""

    turn: int
    step: str = ""
    state: str = ""
    result: Any = None


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


class Channel:
    """A bounded queue between the driver and one reader. A reader that stops reading stops nothing else."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[StreamEvent | BaseException | None] = asyncio.Queue()

    def publish(self, event: StreamEvent) -> None:
        if isinstance(event, ContentDelta) and self._queue.qsize() >= STREAM_BUFFER:
            return
        self._queue.put_nowait(event)

    def end(self, error: BaseException | None = None) -> None:
        self._queue.put_nowait(error)

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Until the driver ends; its error is raised here."""
        while True:
            item = await self._queue.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
