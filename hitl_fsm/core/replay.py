"""From a run's log back to its state and its conversation: the same pure step, folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hitl_fsm.core.decide import apply
from hitl_fsm.model.event import Entry
from hitl_fsm.model.message import Message
from hitl_fsm.model.run import Run


def replay(
    entries: Iterable[Entry], run: Run | None = None, before: Iterable[Message] = ()
) -> tuple[Run | None, list[Message]]:
    """The state after the entries (None: there were none) and everything that the model has said and read.

    `run` and `before`: where an earlier replay stopped.
    """
    messages = list(before)
    for entry in entries:
        draft = apply(run, entry, telling=False)
        messages = conversation(run, draft.run, messages, draft.messages)
        run = draft.run
    return run, messages


def conversation(before: Run | None, run: Run, messages: list[Message], more: Sequence[Message]) -> list[Message]:
    """What models read from here on: `messages` and `more`, without those of runs inside this one that are over."""
    messages.extend(more)
    if before is None or len(run.frames) >= len(before.frames):
        return messages
    under_way = {"", *(frame.path for frame in run.frames)}
    return [message for message in messages if message.frame in under_way]
