"""What is written can be read again, and reading waits for who holds the file."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from steps import ALICE, Story

from hitl_fsm.adapters.store import commit as committing
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import StoreError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.event import ModelReplied, ProposedCall, RunCancelled, RunCreated
from hitl_fsm.model.states import RunState

WRONG: Any = 42
HELD_S = 0.4

EVENTS = [
    RunCancelled(WRONG),
    ModelReplied(WRONG),
    ModelReplied("x", (ProposedCall("1.0", WRONG, "pay", {}),)),
    ModelReplied("x", (ProposedCall("1.0", "p", "pay", {}, tool_version=WRONG),)),
    RunCreated("r1", "agent", "support", WRONG, ALICE),
    RunCreated("r1", "agent", WRONG, "go", ALICE),
    RunCreated("r1", "agent", "support", "go", Actor(WRONG)),
    RunCreated("r1", "agent", "support", "go", Actor("a", roles="finance")),  # type: ignore[arg-type]
    RunCreated("r1", "agent", "support", "go", Actor("a", roles=("a", 3))),  # type: ignore[arg-type]
    RunCreated("r1", "agent", "support", "go", Actor("a\ud800")),
]


@pytest.mark.parametrize("event", EVENTS, ids=ascii)
async def test_an_entry_that_could_not_be_read_again_is_not_written(store: SqlStore, event: Any) -> None:
    story = Story()
    await store.commit(story.create())
    before, lines = await store.load("r1"), await store.records()
    with pytest.raises(StoreError, match="log entry of run r1 cannot be stored"):
        await store.commit(story.step(event, RunState.RUNNING, "keep"))
    assert await store.load("r1") == before
    assert await store.records() == lines
    assert sum(b'"event":"key_added"' not in line.body for line in lines) == 1


async def test_a_requirement_that_could_not_be_read_again_is_not_written(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    story.requirement = msgspec.structs.replace(story.requirement, user=WRONG)
    with pytest.raises(StoreError, match="requirement of run r1 cannot be stored"):
        await store.commit(story.pause())
    assert await store.requirements(state=None) == []
    loaded = await store.load("r1")
    assert loaded is not None
    assert loaded.version == 1


def test_what_is_well_typed_is_prepared() -> None:
    for step in Story().all():
        assert len(committing.prepare(step).entries) == len(step.entries)


@pytest.mark.parametrize("what", ["runs", "requirements", "records"])
async def test_a_list_waits_for_another_program_that_holds_the_file(path: Path, what: str) -> None:
    writing = open_store(f"sqlite:///{path}")
    await writing.commit(Story().create())
    await writing.close()
    store = open_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        let_go = threading.Event()
        end = threading.Timer(HELD_S, lambda: (let_go.set(), other.close()))
        end.start()
        listed = await getattr(store, what)()
        waited = let_go.is_set()
        end.join()
    assert len(listed) == {"runs": 1, "requirements": 0, "records": 2}[what]  # one line is about the key
    assert waited, "the file was not locked: this test shows nothing"
    await store.close()


async def test_an_id_that_is_no_text_is_found_nowhere(store: SqlStore) -> None:
    await store.commit(Story().create())
    assert await store.load("r1\ud800") is None
    assert await store.requirement("r1\ud800") is None
