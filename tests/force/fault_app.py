"""The application of the tests in `test_faults_signals.py`: tools that tell when they are inside, and wait there."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from witness import Witness

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel
from house import call, calls, policies, policy_text

HERE = Path(os.environ.get("FAULT_FOLDER", "."))
WAIT_S = 1200.0
_PAUSE_S = 0.01


def _begin(name: str) -> None:
    Witness(HERE / "effects.jsonl").leave(effect=name)
    with (HERE / "begun").open("w") as pipe:
        pipe.write("x")


def _may_end() -> bool:
    return (HERE / "go").exists()


@tool
async def pay(to: str) -> str:
    """Send money."""
    _begin("pay")
    async with asyncio.timeout(WAIT_S):
        while not _may_end():  # noqa: ASYNC110 - the end is a file
            await asyncio.sleep(_PAUSE_S)
    return "paid"


@tool
def ship(to: str) -> str:
    """Send a parcel."""
    _begin("ship")
    end = time.monotonic() + WAIT_S
    while not _may_end() and time.monotonic() < end:
        time.sleep(_PAUSE_S)
    return "shipped"


engine = Engine(policies(policy_text("- {id: all, gate: allow}")))
paying = Agent("paying", ScriptedModel([calls(call("pay", to="bob")), {"say": "the end"}]), engine=engine, tools=[pay])
shipping = Agent(
    "shipping", ScriptedModel([calls(call("ship", to="bob")), {"say": "the end"}]), engine=engine, tools=[ship]
)
