"""From a run's log back to its state and its conversation: the same pure step, folded."""

from __future__ import annotations

from collections.abc import Iterable

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
        run = draft.run
        messages.extend(draft.messages)
    return run, messages
