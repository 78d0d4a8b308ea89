"""What `stream=True` yields: `from hitl_fsm import stream`, then `case stream.ContentDelta(text=text): …`."""

from __future__ import annotations

from hitl_fsm.runtime.streaming.stream import (
    ContentDelta,
    RequirementResolved,
    RunCancelled,
    RunCompleted,
    RunContinued,
    RunFailed,
    RunPaused,
    RunStarted,
    StepCompleted,
    StepStarted,
    StreamEvent,
    ToolCallCompleted,
    ToolCallStarted,
)

__all__ = [
    "ContentDelta",
    "RequirementResolved",
    "RunCancelled",
    "RunCompleted",
    "RunContinued",
    "RunFailed",
    "RunPaused",
    "RunStarted",
    "StepCompleted",
    "StepStarted",
    "StreamEvent",
    "ToolCallCompleted",
    "ToolCallStarted",
]
