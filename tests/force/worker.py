"""One worker of the kill tests: `python worker.py ORDERS`, or `live(orders)` in a forked process.

It does whatever the scenario's run needs next (start it, answer its questions, continue it), each with an engine of its
own, until the run has ended or somebody else holds it. Started again after a death, it goes on with what it finds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from kill_points import Plan, Points, WatchedStore, watch_statements
from kill_scenario import ACTORS, WitnessedModel, answer_to, scenario_policies, scenario_tools
from kill_stores import clocked_store
from witness import Witness

from hitl_fsm import Agent, Engine
from hitl_fsm.errors import AlreadyResolved, HitlError
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.handles import RunHandle

ROUNDS = 100
"""Steps of one worker; the scenario takes a third of it."""

LOOKED = "after a look at what is there"


class Orders(msgspec.Struct, frozen=True):
    """What one worker is told: where, on which store, what is to happen to it, and how it looks."""

    folder: str
    url: str
    plan: Plan = Plan()
    stream: bool = False
    statements: bool = False


class ShiftedClock:
    """The machine's clock, moved by what a file says: all workers of one folder see the same jump."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"

    def now(self) -> int:
        return time.time_ns() // 1_000_000 + self.shift_ms()

    def shift_ms(self) -> int:
        return int(self._file.read_text()) if self._file.exists() else 0

    def shift_the_machines(self) -> None:
        """The machine's uptime makes the same jump."""
        real = time.clock_gettime
        time.clock_gettime = lambda which: real(which) + self.shift_ms() / 1000


class Worker:
    """The files of one folder, and an engine whenever one is needed."""

    def __init__(self, orders: Orders) -> None:
        folder = Path(orders.folder)
        self.orders = orders
        self.points = Points(orders.plan)
        self.clock = ShiftedClock(folder)
        self.effects = Witness(folder / "effects.jsonl")
        self.asked = Witness(folder / "model.jsonl")
        self.acknowledged = Witness(folder / "answers.jsonl")
        self.ends = Witness(folder / "ends.jsonl")
        self.tools = scenario_tools(self.effects, self.points)

    @contextmanager
    def agent(self) -> Iterator[Agent]:
        """An agent as a new process would have it."""
        store = WatchedStore(clocked_store(self.orders.url, self.clock.now), self.points)
        engine = Engine(scenario_policies(), store, actors=ACTORS, clock=self.clock)
        model = WitnessedModel(self.asked, self.points)
        try:
            yield Agent("clerk", model, engine=engine, tools=self.tools, instructions="Work.")
        finally:
            engine.close()

    def live(self) -> str:
        """Go on until there is nothing to do; returns how it ended."""
        try:
            self.clock.shift_the_machines()
            if self.orders.statements:
                watch_statements(self.points)
            with self.agent() as agent:
                run = the_run(agent.engine)
                self.asked.leave(found=run.value.turn if run else 0)
                self.points.reach(LOOKED)
            end = self._rounds()
        except HitlError as error:
            end = error.code
        self.ends.leave(end=end)
        return end

    def _rounds(self) -> str:
        for _ in range(ROUNDS):
            with self.agent() as agent:
                run = the_run(agent.engine)
                if run is None:
                    self._advance(agent, None)
                elif run.state in {RunState.DONE, RunState.CANCELLED}:
                    return run.state.value
                elif not run.is_paused:
                    self._advance(agent, run)
                else:
                    self._answer(agent.engine, run)
        return "no end"

    def _advance(self, agent: Agent, run: RunHandle | None) -> None:
        if not self.orders.stream:
            if run is None:
                agent.run("Do it all.", user="alice")
            else:
                agent.continue_run(run_id=run.run_id)
            return
        events = (
            agent.run("Do it all.", user="alice", stream=True)
            if run is None
            else agent.continue_run(run_id=run.run_id, stream=True)
        )
        for _event in events:
            self.points.reach("while the stream is read")

    def _answer(self, engine: Engine, run: RunHandle) -> None:
        """Answer one question; what is written down as acknowledged was answered durably."""
        requirement = run.active_requirements[0].value
        said, by = answer_to(requirement, self.effects)
        answer = msgspec.structs.replace(said, note=os.urandom(8).hex())  # who asks twice is not told the same twice
        try:
            engine.resolve(requirement.requirement_id, answer, by=by, digest=requirement.digest)
        except AlreadyResolved:
            return
        self.acknowledged.leave(requirement=requirement.requirement_id, answer=msgspec.to_builtins(answer), by=by)
        self.points.reach("after an answer was acknowledged")


def the_run(engine: Engine) -> RunHandle | None:
    """The only run of this store, found as anybody finds it who was not there when it was made."""
    rows = engine.runs.list()
    if len(rows) > 1:
        msg = f"{len(rows)} runs, where one was started"
        raise AssertionError(msg)
    return engine.runs.get(rows[0].run_id) if rows else None


def live(orders: Orders) -> str:
    """One worker's whole life; the places that it passed are left beside its other files."""
    os.chdir(orders.folder)  # the settings of no project
    worker = Worker(orders)
    end = worker.live()
    (Path(orders.folder) / "passed.json").write_text(json.dumps(worker.points.passed))
    return end


if __name__ == "__main__":
    live(msgspec.json.decode(sys.argv[1].encode(), type=Orders))
