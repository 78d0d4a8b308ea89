"""Walks that wait for the results of their last turn, so that the next one need not be told from the beginning.

Never the truth: a walk is gone on with only where the messages are the very ones that it has seen, and the turn beside
them the very one that it asked for. Anything else is walked again.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from hitl_fsm.model.message import Message
from hitl_fsm.runtime.workflow.plan import Scope, Walk

WALKS = 64
"""Walks that one workflow remembers; the one that was not used for longest is forgotten first."""


class Waiting(NamedTuple):
    """It has seen `length` messages, of them `seen` the first and the last; then it `decided`, and `called`, this."""

    steps: Walk
    scope: Scope
    seen: tuple[Message, Message]
    length: int
    decided: list[list[object]]
    called: tuple[str, ...]


class Walks:
    """A bounded memory, usable from any thread; what is taken is nobody else's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Waiting] = {}

    def take(self, messages: tuple[Message, ...]) -> Waiting | None:
        """The walk that waits for what these messages end with."""
        with self._lock:
            found = self._waiting.pop(id(messages[0]), None)
        if found is None or len(messages) != found.length + 1 + len(found.called):
            return None
        first, last = found.seen
        said = messages[found.length]
        same = messages[0] is first and messages[found.length - 1] is last
        turn = said.role == "assistant" and all(one.role == "tool" for one in messages[found.length + 1 :])
        calls = tuple(call.tool for call in said.calls)
        decided = (said.echo or {}).get("decided", [])
        return found if same and turn and calls == found.called and decided == found.decided else None

    def keep(self, messages: tuple[Message, ...], waiting: Waiting) -> None:
        with self._lock:
            self._waiting[id(messages[0])] = waiting
            while len(self._waiting) > WALKS:
                del self._waiting[next(iter(self._waiting))]
