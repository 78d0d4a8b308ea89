"""One run of many gated calls, resumed from disk each time: what the k-th resume costs, beside the floor.

    python bench/growth.py [--rounds 1000] [--window 20] [--peer PYTHON]

A resume is: look the run up by its id, approve what waits, continue until it pauses again. The calls are made by an
agent, by a member of a team, and by the step of a workflow's loop. The floor, these and the peer take turns, step by
step, on databases of their own (WAL, NORMAL); a figure is the median of steps shortly before k: of half a `window`. The
kept engine may remember what it knows of the run, which nobody else moves meanwhile; then, for each step of the other
half, an engine is built anew, which knows nothing, and its building counts. CPU is that of all threads, the steadier
figure on a busy machine; how it grows is told in turns of a fixed loop: a machine may be twice as fast at one mark as
at another. Bytes are those handed to write(2); the databases are measured at the end.

`--peer` names another interpreter, which has a library that rewrites its run as one blob (`growth_peer.py` says which):
it makes the agent's calls in a process of its own.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from workload import KIB, MIB, Floor, Line, Ours, database_bytes, options, ratio, script, show, transfer, url, written

from hitl_fsm import Agent, Engine, Limits, Loop, Step, Team, Workflow
from hitl_fsm.testing import ScriptedModel

GOAL_AT, GOAL_MS = 1000, 10
FLOOR_KIB = 23
"""What a step of the floor was seen to write elsewhere: the goal is stated against that."""
GOAL_MIB = 2
FLAT = 1.5
"""A step at the last mark over one at the first, at most."""
PACE = 100_000
"""Turns of the fixed loop."""
MARKS = (10, 100, 1000, 10_000)
POLICY = Path(__file__).with_name("growth.policy.yaml")
PEER = Path(__file__).with_name("growth_peer.py")
UNBOUND = Limits(turns=None)


class Figures(NamedTuple):
    """Of one step."""

    ms: float
    cpu_ms: float
    kib: float


# -- who makes the calls


class Member(Ours):
    """A leader hands the task to a clerk, who makes all the calls."""

    def __init__(self, store: str, model: ScriptedModel) -> None:
        self.engine = Engine(POLICY, store)
        leader = ScriptedModel([{"calls": [{"tool": "ask_clerk", "args": {"task": "go"}}]}, {"say": "end"}])
        clerk = Agent("clerk", model, engine=self.engine, tools=[transfer], limits=UNBOUND)
        self.agent = Team("bench", [clerk], engine=self.engine, model=leader)


class Looped(Ours):
    """A loop's only step makes one call in each iteration."""

    def __init__(self, store: str, model: ScriptedModel) -> None:
        self.engine = Engine(POLICY, store)
        loop = Loop("rounds", [Step("transfer", _counted)], max_iterations=len(model) - 1)
        self.agent = Workflow("bench", [loop, Step("end", _ended)], engine=self.engine)

    def start(self) -> str:
        return self.agent.run(0).run_id


def _counted(n: int) -> int:
    return n + 1


def _ended(n: int) -> str:
    del n
    return "end"


Make = Callable[[str, ScriptedModel], Ours]
AGENT = "an agent"
SHAPES: Mapping[str, Make] = {AGENT: Ours, "a member of a team": Member, "the step of a loop": Looped}


# -- one run, step by step


class Steps(Protocol):
    """Takes the next step of its run, by what was kept or by what is built anew for it."""

    def step(self, *, anew: bool) -> Figures: ...

    def close(self) -> None:
        """After the last step; it fails where the run did not end as it should."""


class OfFloor:
    """Nothing is kept but a connection; nothing is built anew."""

    def __init__(self, path: Path, rounds: int) -> None:
        self._floor = Floor(path, "NORMAL", rounds)
        self._floor.start("run")

    def step(self, *, anew: bool) -> Figures:
        del anew
        return timed(lambda: self._floor.resume("run"))

    def close(self) -> None:
        self._floor.close()


class OfOurs:
    """The product."""

    def __init__(self, path: Path, rounds: int, make: Make) -> None:
        model = script(rounds)
        self._make = lambda: make(url(path, "NORMAL"), model)
        self._kept = self._make()
        self._run_id = self._kept.start()

    def step(self, *, anew: bool) -> Figures:
        return timed(self._by_another if anew else lambda: self._kept.resume(self._run_id))

    def _by_another(self) -> None:
        other = self._make()
        other.resume(self._run_id)
        other.close()

    def close(self) -> None:
        run = self._kept.engine.runs.get(self._run_id)
        assert run.output == "end", run.value.error or run.state
        self._kept.close()


class OfPeer:
    """A library in a process of its own."""

    def __init__(self, path: Path, rounds: int, python: str) -> None:
        command = [python, str(PEER), str(path), str(rounds)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._came_to = ""
        self.name = str(self._told()["name"])

    def step(self, *, anew: bool) -> Figures:
        assert self._process.stdin is not None
        self._process.stdin.write("anew\n" if anew else "kept\n")
        self._process.stdin.flush()
        told = self._told()
        self._came_to = told["came_to"]
        return Figures(told["ms"], told["cpu_ms"], told["kib"])

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            msg = f"the peer ended with {self._process.wait()}: does its interpreter have the library?"
            raise SystemExit(msg)
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        assert self._came_to == "end"
        self._process.communicate()


def timed(step: Callable[[], object]) -> Figures:
    bytes_before, cpu, before = written(), time.process_time(), time.perf_counter()
    step()
    ms, cpu_ms = (time.perf_counter() - before) * 1e3, (time.process_time() - cpu) * 1e3
    return Figures(ms, cpu_ms, (written() - bytes_before) / KIB)


# -- side by side


class Beside(NamedTuple):
    """A step, the floor's of the same number, and the CPU ms of a fixed loop at that time."""

    figures: Figures
    floor: Figures
    pace: float


def measure(systems: Mapping[str, Steps], rounds: int, window: int, marks: Sequence[int]) -> dict[Found, list[Beside]]:
    """They take turns, step by step; the first of them is the floor."""
    found: dict[Found, list[Beside]] = {}
    for k in range(1, rounds + 1):
        mark = next((m for m in marks if m - window < k <= m), None)
        anew = mark is not None and k > mark - min(window, mark) // 2
        took = {name: system.step(anew=anew) for name, system in systems.items()}
        floor, pace = next(iter(took.values())), timed(lambda: sum(range(PACE))).cpu_ms
        for name, figures in took.items() if mark is not None else ():
            found.setdefault((name, anew, mark), []).append(Beside(figures, floor, pace))
    return found


Found = tuple[str, bool, int]
"""Who, whether built anew, and before which mark."""


def table(found: Mapping[Found, list[Beside]], name: str, marks: Sequence[int]) -> list[Line]:
    """What the steps of one of them took. All of ours are to be flat; the goals of a step are those of an agent's."""
    is_goal = name == AGENT

    def median(mark: int, field: str, *, anew: bool = False) -> float:
        return statistics.median(getattr(step.figures, field) for step in found[name, anew, mark])

    def over_floor(mark: int, field: str) -> float:
        steps = found[name, False, mark]
        return ratio([getattr(step.figures, field) for step in steps], [getattr(step.floor, field) for step in steps])

    lines = []
    for mark in marks:
        limit = GOAL_MS if mark == GOAL_AT and is_goal else None
        lines += [
            Line(f"ms at k = {mark}, kept", median(mark, "ms"), limit),
            Line(f"CPU ms at k = {mark}, kept", median(mark, "cpu_ms"), limit),
            Line(f"CPU ms at k = {mark}, kept / floor", over_floor(mark, "cpu_ms")),
            Line(f"ms at k = {mark}, built anew", median(mark, "ms", anew=True), limit),
            Line(f"CPU ms at k = {mark}, built anew", median(mark, "cpu_ms", anew=True), limit),
            Line(f"KiB written at k = {mark}", median(mark, "kib"), 2 * FLOOR_KIB if is_goal else None),
            Line(f"KiB written at k = {mark} / floor", over_floor(mark, "kib")),
        ]
    first, last = (found[name, False, mark] for mark in (marks[0], marks[-1]))
    growth = statistics.median(one.figures.cpu_ms / one.pace for one in last)
    growth /= statistics.median(one.figures.cpu_ms / one.pace for one in first)
    limit, over = FLAT if name in SHAPES else None, f"k = {marks[-1]} / k = {marks[0]}"
    lines.append(Line(f"KiB written, {over}", median(marks[-1], "kib") / median(marks[0], "kib"), limit))
    lines.append(Line(f"CPU in turns of a loop, kept, {over}", growth, limit))
    return lines


def main() -> None:
    given = options(__doc__, rounds=1000, window=20, peer="")
    rounds, window = given.rounds, given.window
    marks = [k for k in MARKS if k <= rounds] or [rounds]
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        paths: dict[str, Path] = {}

        def database(name: str) -> Path:
            return paths.setdefault(name, Path(folder) / f"{len(paths)}.db")

        systems: dict[str, Steps] = {"the floor": OfFloor(database("the floor"), rounds)}
        systems |= {name: OfOurs(database(name), rounds, make) for name, make in SHAPES.items()}
        if given.peer:
            peer = OfPeer(Path(folder) / "peer.db", rounds, given.peer)
            name = f"{AGENT} of {peer.name}"
            systems[name], paths[name] = peer, Path(folder) / "peer.db"
        found = measure(systems, rounds, window, marks)
        for system in systems.values():
            system.close()
        sizes = {name: database_bytes(path) / MIB for name, path in paths.items()}
    for name in systems:
        lines = table(found, name, marks)
        lines.append(Line(f"MiB of the database after {rounds}", sizes[name], GOAL_MIB if name == AGENT else None))
        show(f"One run of {rounds} gated calls by {name}, resumed from disk each time", lines)
    if not given.peer:
        print("\nNo --peer was given: only the floor stands beside it.")
    loads = "; ".join(" ".join(f"{one:.1f}" for one in each) for each in (load, os.getloadavg()))
    print(
        f"Load average of the machine over 1, 5 and 15 minutes, before and after: {loads}; {os.cpu_count()} processors."
    )


if __name__ == "__main__":
    main()
