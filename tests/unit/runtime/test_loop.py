"""Where coroutines run: the caller's own loop, the background loop, and no loop at all for tools that block."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hitl_fsm import tool
from hitl_fsm.ports import LEASE_MS, Lease
from hitl_fsm.runtime import leases, loop
from hitl_fsm.runtime.loop import iterate_sync, loop_is_private, run_blocking, run_sync
from house import House, call, calls
from moments import HUNG_S

ALLOW = "- {id: ok, gate: allow}"


async def where() -> tuple[str, bool]:
    return threading.current_thread().name, loop_is_private()


def test_a_synchronous_call_runs_in_the_calling_thread() -> None:
    assert run_sync(where()) == (threading.current_thread().name, True)


def test_inside_a_running_loop_the_background_loop_does_it() -> None:
    async def main() -> tuple[str, bool]:
        return run_sync(where())

    assert asyncio.run(main()) == ("hitl-fsm", False)


def test_streams_run_in_the_background() -> None:
    async def numbers() -> AsyncIterator[tuple[str, bool]]:
        yield await where()

    assert list(iterate_sync(numbers())) == [("hitl-fsm", False)]


def test_errors_come_out_and_the_loop_serves_on() -> None:
    async def bad() -> None:
        raise ValueError("bad")

    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            run_sync(bad())


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_process_ends_its_own_call_and_the_background_loop_serves_on(end: type[BaseException]) -> None:
    """Else whoever needs that loop later waits for ever: it is the only one of the process."""
    program = f"""
from hitl_fsm.runtime.loop import run_in_background

async def ends():
    raise {end.__name__}("from a tool")

async def works():
    return "served"

try:
    run_in_background(ends())
except {end.__name__} as error:
    print(error)
print(run_in_background(works()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("from a tool\nserved\n", "")


@pytest.mark.parametrize("alone", [True, False])
def test_what_blocks_runs_outside_of_the_loop(alone: bool) -> None:
    def blocking() -> tuple[str, bool]:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return threading.current_thread().name, asyncio.run(where())[1]
        raise AssertionError

    async def main() -> tuple[str, bool]:
        return await run_blocking(blocking, alone=alone)

    name, private = run_sync(main())
    assert (name == threading.current_thread().name) is alone
    assert private is False


def test_what_blocks_may_call_the_synchronous_api_again(house: House) -> None:
    engine = house.engine(ALLOW)

    @tool
    def note(text: str) -> str:
        """Start another run, and wait for it."""
        inner = house.agent(engine, [calls(call("look", order_id="7"))])
        return str(inner.run(text).output)

    agent = house.agent(engine, [calls(call("note", text="x"))], tools=[note])
    assert agent.run("go").output == "the end"
    assert house.effects == [("look", "7")]


def test_a_tool_may_use_asyncio_itself(house: House) -> None:
    @tool
    def note(text: str) -> str:
        """Use a loop of its own."""

        async def inside() -> str:
            await asyncio.sleep(0)
            return text.upper()

        return asyncio.run(inside())

    engine = house.engine(ALLOW)
    run = house.agent(engine, [calls(call("note", text="x"))], tools=[note]).run("go")
    assert house.said_to_model(engine, run.run_id) == ["X"]


INTERRUPTED = """
import asyncio, os, signal, sys, threading
from hitl_fsm.runtime.loop import run_sync
async def waits():
    later = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    asyncio.get_running_loop().call_soon(later.start)  # once it waits
    try:
        await asyncio.sleep(3600)
    finally:
        print("let go", flush=True)
try:
    run_sync(waits())
except KeyboardInterrupt:
    print("interrupted", flush=True)
async def again():
    return "serves on"
print(run_sync(again()))
"""


def test_an_interrupt_lets_the_work_end_in_order() -> None:
    program = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(program, capture_output=True, text=True, timeout=HUNG_S, check=True)
    assert done.stdout.split("\n")[:3] == ["let go", "interrupted", "serves on"]
    assert done.stderr == ""


def test_a_forked_child_has_loops_of_its_own() -> None:
    assert run_sync(where())[1]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        os.write(writing, str(run_sync(where())[1]).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"True"
    os.close(reading)
    assert run_sync(where())[1], "the parent's loop still works"


def test_a_held_lease_is_renewed_while_a_tool_blocks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_S", 0.02)
    monkeypatch.setattr(leases, "_rounds", leases._Rounds())
    engine = house.engine(ALLOW)
    renewed: list[tuple[str, Lease]] = []
    twice = threading.Event()
    real = engine.store.renew

    async def renew(run_id: str, lease: Lease) -> bool:
        renewed.append((run_id, lease))
        if len(renewed) > 1:
            twice.set()
        return await real(run_id, lease)

    monkeypatch.setattr(engine.store, "renew", renew)

    @tool
    def note(text: str) -> str:
        """Take a while."""
        assert twice.wait(HUNG_S)
        return text

    run = house.agent(engine, [calls(call("note", text="x"))], tools=[note]).run("go")
    assert run.output == "the end"
    assert {run_id for run_id, _ in renewed} == {run.run_id}
    count = len(renewed)
    time.sleep(0.1)
    assert len(renewed) <= count + 1, "an ended run is not renewed"


async def test_a_cancelled_run_lets_its_lease_go(house: House) -> None:
    started = asyncio.Event()

    @tool
    async def note(text: str) -> str:
        """Take for ever."""
        started.set()
        await asyncio.sleep(60)
        return text

    engine = house.engine(ALLOW)
    agent = house.agent(engine, [calls(call("note", text="x"))], tools=[note])
    task: asyncio.Task[Any] = asyncio.create_task(agent.arun("go"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = await engine.store.runs()
    stored = await engine.store.load(row.run_id)
    assert stored is not None
    assert stored.leased_until == 0
    again = await agent.acontinue_run(run_id=row.run_id)
    assert [requirement.kind for requirement in again.requirements] == ["outcome"]


def test_a_closed_engine_is_kept_alive_by_nobody(house: House) -> None:
    engine = house.engine(ALLOW)
    house.agent(engine, [calls(call("note", text="x"))]).run("go")
    store = weakref.ref(engine.store)
    engine.close()
    house.engines.clear()
    del engine
    gc.collect()
    assert store() is None


def test_a_worker_is_sure_of_its_run_for_less_than_the_lease_and_longer_than_between_two_renewals() -> None:
    assert leases.RENEW_S < leases.SURE_S < LEASE_MS / 1000


def test_a_loop_that_ends_in_a_garbage_collection_is_closed_before_its_sockets_are_taken() -> None:
    """A traceback that refers to itself can keep a thread's loop; what is then collected is finalised in any order."""
    sockets: list[object] = []
    own = loop._OwnLoop()
    own.run(asyncio.sleep(0))
    sockets += [own.loop._ssock, own.loop._csock]  # type: ignore[attr-defined]
    around: list[object] = [own]
    around.append(around)
    del own
    gc.collect()  # what the older list holds now comes before what the younger one does
    del sockets, around
    told: list[object] = []
    before, sys.unraisablehook = sys.unraisablehook, told.append
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            gc.collect()
    finally:
        sys.unraisablehook = before
    assert told == []


def test_runs_are_listed_and_told_without_holding_up_the_loop_that_asks(house: House) -> None:
    engine = house.engine(ALLOW)
    run = house.agent(engine, [calls(call("look", order_id="o1"))]).run("go", user="alice")

    async def main() -> tuple[list[str], list[str]]:
        rows, lines = await engine.runs.alist(limit=10), await engine.runs.atimeline(run.run_id)
        return [row.run_id for row in rows], [line["event"] for line in lines]

    listed, told = asyncio.run(main())
    assert listed == [run.run_id]
    assert told == [line["event"] for line in engine.runs.timeline(run.run_id)]
