"""From a run's log back to its state and its conversation: the same pure step, folded."""

from __future__ import annotations

from collections.abc import Iterable

from hitl_fsm.core.decide import apply
from hitl_fsm.model.event import Entry
from hitl_fsm.model.message import Message
from hitl_fsm.model.run import Run


def replay(entries: Iterable[Entry]) -> tuple[Run | None, list[Message]]:
    """The state after the entries (None: there were none) and everything that the model has said and read."""
    run: Run | None = None
    messages: list[Message] = []
    for entry in entries:
        draft = apply(run, entry, telling=False)
        run = draft.run
        messages.extend(draft.messages)
    return run, messages
