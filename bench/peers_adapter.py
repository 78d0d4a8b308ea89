"""hitl-fsm as one system of a peer harness, which runs the same pause -> approve -> resume over several libraries.

Link this file (its policy stands beside it) into the harness's folder of peers as `hitl_fsm.py`. The harness brings a
module `common`: the scripted decision, the tools and the clock that is taken off.

- A `Peer` is an engine and an agent built anew, with a policy file read from disk and a store of its own; two peers
  share the database file and nothing else. Everything is switched on: policies, record, leases, intent.
- The harness names its runs; this engine names its own. So that "only the run's id passes" is true here too, and with
  no table of names that others do not write, the engine is given an `IdSource` that makes the id out of the harness's
  name. It costs what `TimeOrderedIds` costs. There is no public door for that: `NamedIds` replaces one property of
  `Parts`.
- Tools are declared anew for each peer, over functions that live as long as the process, as an application's do.
- `resume` does what an application does that holds nothing but the id: look the run up, answer each open question as
  the run's user, and continue with the run in hand.
- "default" is this project's own default, WAL and `synchronous=FULL`.
"""

# ruff: noqa: ARG002 - the harness's interface; a peer may pass over some of it

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import common
import msgspec

import hitl_fsm
from hitl_fsm import Agent, Limits, RequirementHandle, RunHandle, tool
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import AlreadyResolved, ModelError, RunBusy
from hitl_fsm.model.answer import Answer, Approve, Reject
from hitl_fsm.model.event import Entry
from hitl_fsm.model.message import ChatRequest, ModelReply, ToolCall
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.parts import Parts

NAME = "hitl_fsm"
STORE = "own"
POLICY = Path(__file__).resolve().with_name("peer.policy.yaml")
WORDS = {"paused": "paused", "resolving": "paused", "done": "done"}

_name: ContextVar[str] = ContextVar("name")


def versions() -> dict[str, str]:
    import sqlite3  # noqa: PLC0415 - only for its version

    return {"hitl-fsm": version("hitl-fsm"), "python": sys.version.split()[0], "sqlite": sqlite3.sqlite_version}


class _Given:
    """An IdSource: the harness's name for the run, as an id."""

    def run_id(self) -> str:
        return _id(_name.get())


class NamedIds(Parts):
    """Parts whose runs are named by the harness."""

    @property
    def ids(self) -> _Given:
        return _Given()


def _id(name: str) -> str:
    return f"run_{name}"


class ScriptedPlan:
    """The harness's scripted decision as a `ChatModel`."""

    async def reply(self, request: ChatRequest, on_text: Callable[[str], None] | None = None) -> ModelReply:
        if common.MODEL_LATENCY:
            await asyncio.sleep(common.MODEL_LATENCY)
        started = time.perf_counter_ns()
        rounds, prompt = 0, ""
        for message in reversed(request.messages):
            if message.role == "assistant" and message.calls:
                rounds += 1
            elif message.role == "user" and "PLAN" in message.content:
                prompt = message.content
                break
        try:
            calls, text = common.decide(common.parse_plan(prompt), rounds)
        except RuntimeError as error:  # the model is down: what a ChatModel has to say then
            raise ModelError(str(error)) from error
        made = tuple(ToolCall(call_id, name, json.dumps(args)) for call_id, name, args in calls or ())
        reply = ModelReply(text=text or "", calls=made)
        common.clock.ns += time.perf_counter_ns() - started
        common.clock.calls += 1
        return reply


def _tools(*, is_async: bool) -> list[Any]:
    if is_async:

        @tool
        async def transfer(to: str, amount: int) -> str:
            """Transfer an amount to someone."""
            return str(common.transfer(to, amount))

        @tool
        async def lookup(name: str) -> str:
            """Look a name up."""
            return str(common.lookup(name))

        return [transfer, lookup]
    return [tool(common.transfer), tool(common.lookup)]


class Peer:
    """What the harness drives. `session` is passed over: a run here has a conversation of its own."""

    def __init__(
        self,
        db: str,
        model: str = "fake",
        base_url: str | None = None,
        sync: str = "default",
        variant: str | None = None,
        is_async: bool = False,  # noqa: FBT001, FBT002 - the harness's interface
    ) -> None:
        mode = "full" if sync == "default" else sync.lower()
        parts = hitl_fsm.Engine(POLICY, f"sqlite:///{db}?synchronous={mode}").parts
        self.engine = Engine(NamedIds(**{field.name: getattr(parts, field.name) for field in fields(parts)}))
        scripted = model == "fake"
        self.agent = Agent(
            "bench",
            ScriptedPlan() if scripted else "openai/fake",
            engine=self.engine,
            tools=_tools(is_async=is_async),
            model_options={} if scripted else {"api_base": base_url, "api_key": "x"},
            limits=Limits(turns=None),
        )

    # -- synchronous

    def start(self, rid: str, prompt: str, session: str | None = None) -> dict[str, Any]:
        _name.set(rid)
        return _told(self.agent.run(prompt))

    def resume(
        self, rid: str, decision: str = "approve", note: str | None = None, session: str | None = None
    ) -> dict[str, Any]:
        run = self.engine.runs.get(_id(rid))
        waiting = run.active_requirements
        try:
            for requirement in waiting:
                run = requirement.confirm(note=note) if decision == "approve" else requirement.reject(note=note)
            return _told(self.agent.continue_run(run)) if waiting else {"status": "lost"}
        except (AlreadyResolved, RunBusy) as error:
            return {"status": "lost", "why": error.code}

    def recover(self, rid: str, session: str | None = None) -> dict[str, Any]:
        """Continue, with no new decision."""
        run = self.agent.continue_run(run_id=_id(rid))
        return {**_told(run), "asks": [_asked(requirement) for requirement in run.active_requirements]}

    def history(self, rid: str, session: str | None = None) -> list[Any]:
        return _messages(self.engine.runs.events(_id(rid)))

    def close(self) -> None:
        from hitl_fsm.runtime.loop import run_sync  # noqa: PLC0415 - as connect.Engine.close

        run_sync(self.engine.store.close())

    # -- asynchronous

    async def astart(self, rid: str, prompt: str, session: str | None = None) -> dict[str, Any]:
        _name.set(rid)
        return _told(await self.agent.arun(prompt))

    async def aresume(
        self, rid: str, decision: str = "approve", note: str | None = None, session: str | None = None
    ) -> dict[str, Any]:
        answer: Answer = Approve(note=note) if decision == "approve" else Reject(note)
        run = await self.engine.runs.aget(_id(rid))
        waiting = run.active_requirements
        try:
            for requirement in waiting:
                run = await self.engine.aresolve(requirement.id, answer, digest=requirement.digest)
            return _told(await self.agent.acontinue_run(run)) if waiting else {"status": "lost"}
        except (AlreadyResolved, RunBusy) as error:
            return {"status": "lost", "why": error.code}

    async def aclose(self) -> None:
        await self.engine.store.close()


def _told(run: RunHandle) -> dict[str, Any]:
    return {"status": WORDS.get(run.state.value, run.state.value), "output": run.output}


def _asked(requirement: RequirementHandle) -> str:
    return f"{requirement.tool.tool_name}: {requirement.kind}"


def _messages(events: Sequence[Entry]) -> list[Any]:
    _, messages = replay(events)
    return [msgspec.to_builtins(message) for message in messages]
