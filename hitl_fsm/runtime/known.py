"""Runs as this process saw them last, so that a load reads only what came since.

Never the truth: the store's row says at which version a run stands, and the last line known here must be the one that
stands there. Anything else is read from the beginning.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from hitl_fsm.core.decide import Step
from hitl_fsm.core.replay import conversation
from hitl_fsm.model.event import Entry
from hitl_fsm.model.message import Message
from hitl_fsm.model.run import Run
from hitl_fsm.model.states import RunState

KNOWN_RUNS = 256
"""Runs that one engine remembers."""
KNOWN_ENTRIES = 20_000
"""Lines of their logs, together; the run that was not used for longest is forgotten first."""

_OVER = frozenset({RunState.DONE, RunState.CANCELLED})


class Known(NamedTuple):
    """A run after `last`, and its conversation."""

    run: Run
    messages: tuple[Message, ...]
    last: Entry


class KnownRuns:
    """A bounded memory, usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, Known] = OrderedDict()
        self._entries = 0

    def get(self, run_id: str) -> Known | None:
        return self._runs.get(run_id)

    def put(self, known: Known) -> None:
        """Remember the run like this; one that is over is forgotten."""
        run = known.run
        with self._lock:
            self._forget(run.run_id)
            if run.state in _OVER or run.version > KNOWN_ENTRIES:
                return
            self._runs[run.run_id] = known
            self._entries += run.version
            while len(self._runs) > KNOWN_RUNS or self._entries > KNOWN_ENTRIES:
                self._forget(next(iter(self._runs)))

    def follow(self, before: Run | None, step: Step, entry: Entry) -> None:
        """A step was written; what is known of another past than `before` is forgotten."""
        known = self._runs.get(step.run.run_id)
        if before is None:
            self.put(Known(step.run, step.messages, entry))
        elif known is not None and known.run.version == before.version:
            self.put(Known(step.run, tuple(conversation(before, step.run, [*known.messages], step.messages)), entry))
        else:
            self.forget(step.run.run_id)

    def forget(self, run_id: str) -> None:
        with self._lock:
            self._forget(run_id)

    def _forget(self, run_id: str) -> None:
        known = self._runs.pop(run_id, None)
        if known is not None:
            self._entries -= known.run.version
