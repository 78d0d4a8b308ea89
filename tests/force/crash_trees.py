"""A team and a workflow that die at one commit, in this process: everything after it is refused, then a new engine
finds what was written. Its tools and models are new objects each time; only the store stays, as a disk does.
"""

from __future__ import annotations

from collections import Counter
from itertools import repeat
from typing import Any

from dying import LATER, Died, Disk, memory
from hitl_fsm import Agent, Engine, Loop, Parallel, RunHandle, Step, Team, Workflow, current_call, tool
from hitl_fsm.model.states import RunState
from hitl_fsm.testing import FrozenClock, ScriptedModel
from house import policies

RULES = b"""apiVersion: hitl-fsm/v1
kind: Policy
name: all
owner: compliance@example.com
description: Some are asked about, some are not, one is looked at afterwards.
tools: ["*"]
steps: ["*"]
default: allow
rules:
  - {id: tools, tools: [ann.pay, cleo.pay], gate: confirm}
  - {id: step, steps: [stamp], gate: confirm}
  - {id: after, steps: [report], gate: {review: {retries: 1}}}
"""
GATED = {"ann.pay", "cleo.pay", "stamp"}
ROUNDS = 60
"""Pauses and deaths after which a run must have ended."""


class Play:
    """One run, from its first process to its end; the first dies at its own `deaths[0]`-th commit, and so on."""

    def __init__(self, *deaths: int, heard: bool = True) -> None:
        self.clock = FrozenClock()
        self.store = memory(self.clock)
        self.deaths = iter((*deaths, *repeat(-1, ROUNDS)))
        self.disk = Disk(self.store, next(self.deaths), heard)
        self.effects: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self.output: str | None = None

    async def act(self, name: str) -> str:
        """The witness: at this moment, the answer stands on the disk."""
        call = current_call()
        self.effects[name, call.call_id] += 1
        answered = await self.store.requirements(run_id=call.run_id, state="resolved")
        if name in GATED and call.call_id not in {one.call_id for one in answered}:
            self.wrong.append(f"{name} ran as {call.call_id}, and nobody had answered")
        return f"{name} done"

    # -- one process

    def flow(self, engine: Engine) -> Workflow:
        def agent(name: str, *called: str) -> Agent:
            model = ScriptedModel(
                [{"calls": [{"tool": one}]} for one in called] + [{"say": f"{name}: {{last_result}}"}]
            )
            return Agent(name, model, engine=engine, tools=[self.tool(one) for one in sorted({*called})])

        async def stamp(text: str) -> str:
            return await self.act("stamp")

        async def report(text: str) -> str:
            return await self.act("report")

        members = [agent("ann", "ann.look", "ann.pay"), agent("bob", "bob.look", "bob.note")]
        both = Team("pair", members, engine=engine, mode="broadcast")
        return Workflow(
            "desk",
            [
                Parallel(Step("ask", both), Step("stamp", stamp), name="beside"),
                Loop("twice", [Step("settle", agent("cleo", "cleo.pay"))], lambda given, iteration: iteration >= 2, 3),
                Step("report", report),
            ],
            engine=engine,
        )

    def tool(self, name: str) -> Any:
        @tool(name=name, version="1")
        async def act() -> str:
            return await self.act(name)

        return act

    def live(self) -> bool:
        """One process; whether it saw the end of the run."""
        engine = Engine(policies(RULES), self.disk, clock=self.clock)  # type: ignore[arg-type]
        flow = self.flow(engine)
        rows = engine.runs.list()
        run = flow.continue_run(run_id=rows[0].run_id) if rows else flow.run("go", user="alice")
        for _ in range(ROUNDS):
            if not run.is_paused:
                break
            self.answer(run)
            run = flow.continue_run(run_id=run.run_id)
        self.output = run.output
        return run.state is RunState.DONE

    def answer(self, run: RunHandle) -> None:
        for requirement in run.active_requirements:
            call_id = requirement.tool.call_id
            if requirement.is_outcome_unknown:  # answered truthfully, by a look at what happened
                acted = [name for name, one in self.effects if one == call_id]
                if acted:
                    requirement.it_happened(f"{acted[0]} done", by="alice")
                else:
                    requirement.it_did_not_happen(by="alice")
            elif requirement.needs_review:
                requirement.accept(by="alice")
            else:
                requirement.confirm(by="alice")

    # -- all of them

    def to_the_end(self) -> list[str]:
        """All that is wrong with it."""
        for _ in range(ROUNDS):
            try:
                if self.live():
                    break
            except Died:
                self.wrong += self.disk.wrong
                self.disk = Disk(self.store, next(self.deaths), self.disk.heard)
                self.clock.advance(LATER)
        else:
            self.wrong.append("it does not end")
        twice = [one for one, count in self.effects.items() if count > 1]
        return [*self.wrong, *self.disk.wrong, *(f"{one} happened twice" for one in twice)]
