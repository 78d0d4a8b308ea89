"""Steps that share a transaction, and workers that die in the middle: each step is whole or not there at all."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading

import msgspec
import pytest
from kinds import Kind, spawn, whole
from steps import Story

from hitl_fsm.adapters.store.store import SqlStore
from hitl_fsm.errors import Fenced, RunBusy, StoreError, Tampered
from hitl_fsm.model.states import RunState
from moments import HUNG_S


async def test_jobs_of_one_transaction_fail_alone(store: SqlStore) -> None:
    await store.append([])
    stories = [Story(f"r{number}") for number in range(10)]
    steps = [story.create() for story in stories]
    wrong = [story.pause() for story in stories[:5]]  # their runs come into being in this same transaction
    wrong = [msgspec.structs.replace(step, fence=7) for step in wrong]
    with store._writer._turn:  # until all have come
        waiting = asyncio.gather(*(store.commit(step) for step in [*steps, *wrong, steps[0]]), return_exceptions=True)
        await asyncio.sleep(0)
        assert len(store._writer._waiting) > len(steps)
    outcomes = await waiting
    assert outcomes[:10] == [1] * 10
    assert all(isinstance(outcome, Fenced) for outcome in outcomes[10:])
    assert len(await store.runs()) == 10
    assert await whole(store) == 10


async def test_law05_a_refused_start_leaves_no_claim(store: SqlStore) -> None:
    story = Story()
    await store.commit(story.create())
    await store.commit(story.pause())
    with pytest.raises(Tampered):
        await store.commit(story.start())
    stored = await store.load("r1")
    assert stored is not None
    assert (stored.fence, stored.owner) == (1, "")


DIE = """
import asyncio, os, signal
from steps import Story
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store import log
async def main():
    store = open_store(sys.argv[1])
    story = Story(); await store.commit(story.create())
    append = log.append
    def die(connection, records):
        append(connection, records)
        os.kill(os.getpid(), signal.SIGKILL)
    log.append = die
    await store.commit(story.pause())
asyncio.run(main())
"""


async def test_law03_a_kill_between_begin_and_commit_leaves_nothing(shared: Kind) -> None:
    store = shared.open()
    victim = spawn(DIE, shared.url)
    assert await asyncio.to_thread(victim.wait) == -signal.SIGKILL
    victim.communicate()
    stored = await store.load("r1")
    assert stored is not None
    assert stored.version == 1
    assert await store.requirements() == []
    assert await whole(store) == 1
    story = Story()
    story.create()
    assert await store.commit(story.pause()) == 1
    await store.close()


HOLD = """
import asyncio
from steps import Story
from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.owner import new_owner
async def main():
    store = open_store(sys.argv[1])
    await store.commit(Story(owner=new_owner()).create())
    print("held", flush=True); sys.stdin.readline()
asyncio.run(main())
"""


async def test_the_lease_of_a_killed_process_is_free_at_once(shared: Kind) -> None:
    store = shared.open()
    holder = spawn(HOLD, shared.url)
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == "held\n"
    story = Story()
    story.create()
    grab = story.step(None, RunState.RUNNING, "take")
    with pytest.raises(RunBusy, match=f"process {holder.pid} on "):
        await store.commit(grab)
    holder.kill()
    await asyncio.to_thread(os.waitid, os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert await store.commit(grab) == 2  # not even waited for: a zombie is dead too
    holder.communicate()
    await store.close()


async def test_a_forked_child_is_told_to_open_its_own(shared: Kind) -> None:
    store = shared.open()
    await store.commit(Story().create())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            coroutine = store.load("r1")
            coroutine.send(None)
        except StoreError as error:
            code = 42 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 42
    assert await store.commit(Story("r2").create()) == 1
    await store.close()


def test_a_forgotten_store_ends_its_thread_and_leaves_no_connection(shared: Kind) -> None:
    before = set(threading.enumerate())
    store = shared.open()

    async def use(store: SqlStore) -> None:
        await store.commit(Story().create())
        await store.load("r1")

    asyncio.run(use(store))
    (writer,) = (one for one in threading.enumerate() if one not in before and one.name == "hitl-fsm-writer")
    del store
    gc.collect()
    writer.join(HUNG_S)  # it may itself be the one that forgets the store last
    assert not writer.is_alive()
