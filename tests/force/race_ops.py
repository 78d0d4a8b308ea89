"""What one racer does to a run, and what it notes of it: the same in a process, a thread and a task.

Every racer has two desks on one store: an engine of today, and one whose clock is past the time of every question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from witness import Witness

from hitl_fsm import Actor, Agent, Engine, current_call, tool
from hitl_fsm.errors import HitlError
from hitl_fsm.model.answer import Answer, Approve, Reject
from hitl_fsm.policy.load import load
from hitl_fsm.runtime.handles import RunHandle
from hitl_fsm.runtime.parts import SystemClock
from hitl_fsm.testing import ScriptedModel

EXPIRES_MS = 3_600_000
LATE_MS = 2 * EXPIRES_MS
TOOL_S = 0.001
FIRST_AMOUNT = 5
EDITED_AMOUNT = 7
POLICY = b"""\
apiVersion: hitl-fsm/v1
kind: Policy
name: pay
owner: test@example.com
description: One gate, which somebody of finance passes within an hour.
tools: [pay]
rules:
  - {id: all, gate: {approval: {of: ["role:finance"], expires: 1h}}}
"""

Kind = Literal["approve", "reject", "edit", "late approve", "cancel", "go on", "expire", "sweep", "early sweep", "look"]


SWEEPING = frozenset[Kind]({"sweep", "early sweep"})


class Op(msgspec.Struct, frozen=True):
    """`by` is a name that nobody else has, so that a winner can be told from all others; `about`: which question."""

    kind: Kind
    by: str
    about: int = 0
    after_us: int = 0


class Question(msgspec.Struct, frozen=True):
    """A requirement as it was shown."""

    id: str
    digest: str


class Orders(msgspec.Struct, frozen=True):
    """One racer's part of one round."""

    run_id: str
    questions: tuple[Question, ...]
    ops: tuple[Op, ...]


class Shown(msgspec.Struct, frozen=True):
    """A run as an operation returned it: its state, and of each question the state and who closed it."""

    run: str
    questions: dict[str, tuple[str, str]]


class Note(msgspec.Struct, frozen=True):
    """What a racer saw of one operation, in nanoseconds of CLOCK_MONOTONIC, which all processes share.

    `fired` are the questions that a sweep says it closed.
    """

    op: Op
    start: int
    end: int
    shown: Shown | None = None
    fired: tuple[str, ...] = ()
    error: str = ""
    message: str = ""


class LateClock:
    """Past the time of every question that is asked today."""

    def now(self) -> int:
        return SystemClock().now() + LATE_MS


def no_file(path: str) -> bytes:
    raise FileNotFoundError(path)


def finance(name: str) -> Actor:
    return Actor(id=name, roles=("finance",))


def payer(engine: Engine, witness: Witness, questions: int) -> Agent:
    """An agent that asks for so many payments at once; each that is really made leaves a witness."""

    @tool
    def pay(to: str, amount: int) -> str:
        """Send money."""
        context = current_call()
        witness.leave(run=context.run_id, call=context.call_id, amount=amount, at=time.monotonic_ns())
        time.sleep(TOOL_S)
        return "paid"

    asked = [{"tool": "pay", "args": {"to": f"p{number}", "amount": FIRST_AMOUNT}} for number in range(questions)]
    return Agent(f"payer{questions}", ScriptedModel([{"calls": asked}, {"say": "the end"}]), engine=engine, tools=[pay])


class Desk:
    """An engine, and the agents that it knows by the number of their questions."""

    def __init__(self, url: str, witness: Witness, *, late: bool = False) -> None:
        clock = LateClock() if late else SystemClock()
        self.engine = Engine(load({"pay.policy.yaml": POLICY}, no_file), url, actors=finance, clock=clock)
        self.agents = {number: payer(self.engine, witness, number) for number in (1, 2)}


class Racer:
    """Does what it is told, one thing after the other."""

    def __init__(self, now: Desk, late: Desk) -> None:
        self._now = now.engine
        self._late = late.engine

    async def race(self, orders: Orders) -> list[Note]:
        return [await self._noted(op, orders) for op in orders.ops]

    async def _noted(self, op: Op, orders: Orders) -> Note:
        if op.after_us:
            await asyncio.sleep(op.after_us / 1e6)
        start = time.monotonic_ns()
        try:
            if op.kind in SWEEPING:
                engine = self._late if op.kind == "sweep" else self._now
                fired = tuple(timer.about for timer in await engine.asweep())
                return Note(op, start, time.monotonic_ns(), fired=fired)
            run = await self._done(op, orders)
        except HitlError as error:
            return Note(op, start, time.monotonic_ns(), error=error.code, message=error.message)
        except Exception as error:  # noqa: BLE001 - the referee says that no racer may ever meet it
            return Note(op, start, time.monotonic_ns(), error=type(error).__name__, message=str(error))
        return Note(op, start, time.monotonic_ns(), shown(run))

    async def _done(self, op: Op, orders: Orders) -> RunHandle:
        match op.kind:
            case "cancel":
                return await self._now.acancel(orders.run_id, by=op.by)
            case "go on":
                return await self._now.aadvance(orders.run_id)
            case "expire":
                return await self._late.aadvance(orders.run_id)
            case "look":
                return await self._now.runs.aget(orders.run_id)
            case _:
                question = orders.questions[op.about]
                engine = self._late if op.kind == "late approve" else self._now
                return await engine.aresolve(question.id, ANSWERS[op.kind](op.about), by=op.by, digest=question.digest)


ANSWERS: dict[str, Callable[[int], Answer]] = {
    "approve": lambda _: Approve(),
    "late approve": lambda _: Approve(),
    "reject": lambda _: Reject("no"),
    "edit": lambda about: Approve({"to": f"p{about}", "amount": EDITED_AMOUNT}),
}


def shown(run: RunHandle) -> Shown:
    return Shown(run.state.value, {q.id: closing(q.value) for q in run.requirements})


def closing(requirement: Any) -> tuple[str, str]:
    """Its state, and who closed it."""
    resolution = requirement.resolution
    return requirement.state.value, "" if resolution is None else resolution.by.id
