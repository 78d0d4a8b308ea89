"""Public doubles for the tests of those who embed the engine."""

from __future__ import annotations

from hitl_fsm.adapters.model_scripted import ScriptedModel
from hitl_fsm.adapters.store import open_store
from hitl_fsm.ports import Store

__all__ = ["FrozenClock", "MemoryStore", "ScriptedModel"]


def MemoryStore() -> Store:  # noqa: N802 - used like a class
    """The real store on a database in memory: the same checks, nothing on disk."""
    return open_store("sqlite:///:memory:")


class FrozenClock:
    """Time stands still until it is moved."""

    def __init__(self, now: int = 1_750_000_000_000) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def advance(self, ms: int) -> None:
        """Move the clock; negative steps it back."""
        self._now += ms
