"""Clocks that jump."""

from __future__ import annotations

from hitl_fsm import Engine
from hitl_fsm.adapters.store.store import SqlStore


def move_databases_clock(engine: Engine, ms: int) -> None:
    """From now on the clock by which leases end is so much later (or earlier) for this engine."""
    store = engine.store
    assert isinstance(store, SqlStore)
    real = store._clock
    store._clock = lambda connection: real(connection) + ms
