"""A question on a full disk: it is told, and the facts that know what was read before are not thrown away for it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_trusted_answers import cut_after_reading, put

from hitl_fsm.adapters.store import open_store
from hitl_fsm.errors import StoreError
from hitl_fsm.runtime.loop import run_sync

FEW_BYTES = 1_000


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """What a full disk, or a quota, does; open to every user."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FEW_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_law06_on_a_full_disk_the_facts_do_not_forget_what_was_read_before(copied: Path) -> None:
    """They were taken for damaged, and removed: whoever filled the disk could then cut the record, unseen."""
    cut_after_reading(copied)
    store = open_store(f"sqlite:///{copied}")
    with no_file_may_grow(), pytest.raises(StoreError, match="the facts of the record"):
        put(store, "expired")
    assert "ends before that now" in put(store, "expired").damage[0]
    run_sync(store.close())


def test_where_there_are_no_facts_yet_a_full_disk_is_told(copied: Path) -> None:
    store = open_store(f"sqlite:///{copied}")
    run_sync(store.head())
    with no_file_may_grow(), pytest.raises(StoreError, match="the facts of the record"):
        put(store, "expired")
    assert put(store, "expired").damage == ()
    run_sync(store.close())
