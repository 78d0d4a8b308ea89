"""Ways in which a worker could be hurt from inside its process; each was found by trying."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from hitl_fsm import Agent, current_call, tool
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime import loop, threads
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.threads import Threads
from house import House, call, calls
from moments import HUNG_S

ALLOW = "- {id: all, gate: allow}"
PAY = calls(call("pay", to="bob", amount=5))


def test_law03_a_tool_that_ends_the_process_has_failed_and_the_process_goes_on(house: House) -> None:
    @tool
    def pay(to: str, amount: float) -> str:
        """Send money."""
        sys.exit(3)

    engine = house.engine(ALLOW)
    run = house.agent(engine, [PAY], tools=[pay]).run("go")
    assert run.state is RunState.DONE
    assert "end the process" in house.said_to_model(engine, run.run_id)[0]


def test_tools_that_run_agents_do_not_wait_for_each_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads are taken by tools that need one more each."""
    monkeypatch.setattr(threads, "_threads", Threads(2))
    engine = house.engine(ALLOW)
    both = threading.Barrier(2, timeout=HUNG_S)
    inner = house.agent(engine, [calls(call("note", text="a"), call("note", text="b"))])

    @tool(timeout_s=HUNG_S)
    def pay(to: str, amount: float) -> str:
        """Send money, after an agent of its own said so."""
        both.wait()
        return str(inner.run("inside").output)

    outer = house.agent(engine, [PAY], tools=[pay])
    outer = type(outer)("outer", outer._recipe.model, engine=engine, tools=[pay])  # type: ignore[attr-defined]

    async def two() -> list[Any]:
        return await asyncio.gather(outer.arun("go"), outer.arun("go"))

    assert [run.state for run in asyncio.run(two())] == [RunState.DONE] * 2
    assert len(house.effects) == 4


def test_a_run_whose_task_is_cancelled_twice_is_held_by_nobody(house: House) -> None:
    begun, stopping = asyncio.Event(), asyncio.Event()

    @tool
    async def pay(to: str, amount: float) -> str:
        """Send money, and take a while to stop."""
        begun.set()
        try:
            await asyncio.sleep(HUNG_S)
        finally:
            stopping.set()
            await asyncio.sleep(0.2)
        return "paid"

    engine = house.engine(ALLOW)
    agent = house.agent(engine, [PAY], tools=[pay])

    async def cancel_twice() -> None:
        task = asyncio.create_task(agent.arun("go"))
        await begun.wait()
        task.cancel()
        await stopping.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_twice())
    (row,) = engine.runs.list()
    assert not engine.door.leases.is_sure(row.run_id)
    assert not engine.door.leases.holds


def test_law10_what_an_interrupt_left_open_is_undone_by_the_next_write(house: House) -> None:
    engine = house.engine()
    agent = house.agent(engine, [PAY])
    agent.run("first", user="alice")
    store: Any = engine.store
    store._writer._connection.execute("BEGIN")
    store._writer._connection.execute("DELETE FROM event")
    run = agent.run("second", user="alice")
    run.active_requirements[0].confirm()
    assert agent.continue_run(run).state is RunState.DONE
    assert engine.audit.verify().intact
    assert all(len(engine.runs.events(row.run_id)) > 1 for row in engine.runs.list())


def test_law05_who_changes_what_a_handle_shows_changes_nothing(house: House) -> None:
    """A form's value reaches the tool as it was given, whatever is done to the objects in between."""
    seen: list[dict[str, Any]] = []

    @tool
    def pay(to: str, amount: float) -> str:
        """Send money."""
        seen.append(dict(current_call().answers))
        return "paid"

    rules = """
- id: why
  gate: {user_input: {schema: {type: object, additionalProperties: false, properties: {why: {type: string}}}}}
- {id: by-two, gate: {approval: {of: [role:finance]}}}
"""
    engine = house.engine(rules)
    agent = house.agent(engine, [PAY], tools=[pay])
    run = agent.run("go", user="alice")
    run.active_requirements[0].provide_user_input({"why": "damaged"})
    shown = engine.runs.get(run.run_id)
    shown.value.calls[0].answers["why"] = "forged"
    shown.calls[0].answers["why"] = "forged"
    assert shown.calls[0].args is not None
    shown.calls[0].args["amount"] = 5_000
    engine.runs.get(run.run_id).active_requirements[0].confirm(by="maria")
    assert agent.continue_run(run_id=run.run_id).state is RunState.DONE
    assert seen == [{"why": "damaged"}]


INTERRUPTED = """
import asyncio, os, sys
from functools import partial
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

@tool
async def book(room: str) -> dict[str, bool]:
    "Book it, and end in order when it is stopped."
    # Told once it sleeps: an interrupt that hits the tool's own lines leaves its outcome unknown.
    asyncio.get_running_loop().call_later(0.05, partial(print, "begun", flush=True))
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        pass
    return {"booked": True}

engine = Engine(store=sys.argv[1], default="confirm")
model = ScriptedModel([{"calls": [{"tool": "book", "args": {"room": "7"}}]}, {"say": "end"}])
agent = Agent("a", model, engine=engine, tools=[book])
run = agent.run("go")
run.active_requirements[0].confirm()
agent.continue_run(run)
"""


def test_law03_an_interrupt_keeps_what_a_tool_came_to(house: House) -> None:
    """Ctrl-C in an asynchronous tool that ends in order: its result is known, and is written."""
    worker = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, house.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "begun\n"
    os.kill(worker.pid, signal.SIGINT)
    _, told = worker.communicate(timeout=HUNG_S)
    assert "KeyboardInterrupt" in told
    assert "never retrieved" not in told
    engine = house.engine(ALLOW)
    (row,) = engine.runs.list()
    (made,) = run_sync(engine.runs.aget(row.run_id)).calls
    assert (made.state.value, made.result) == ("succeeded", {"booked": True})


def test_law03_an_errand_that_was_left_by_an_interrupt_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between two rounds of the loop, with a tool about to run: the next call of the thread must not run it."""
    ran: list[str] = []
    own = loop._own_loop()
    real = own._do

    def interrupted(*errand: Any) -> None:
        monkeypatch.setattr(loop._OwnLoop, "_do", lambda self, *rest: real(*rest))
        own._errands.append(errand)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop._OwnLoop, "_do", lambda self, *errand: interrupted(*errand))

    async def work() -> None:
        await loop.run_blocking(lambda: ran.append("late"), alone=True)

    async def nothing() -> None:
        """A later call of the same thread."""

    with pytest.raises(KeyboardInterrupt):
        run_sync(work())
    run_sync(nothing())
    assert ran == []


def test_a_model_that_raises_anything_fails_its_run_and_no_worker(house: House) -> None:
    class Changed:
        async def reply(self, request: object, on_text: object = None) -> Any:
            raise KeyError("choices")

    engine = house.engine(ALLOW)
    run = Agent("helper", Changed(), engine=engine, tools=house.tools()).run("go")
    assert run.state is RunState.FAILED
    assert "KeyError" in str(run.error)
    assert engine.continue_ready() == ()
