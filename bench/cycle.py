"""One pause -> approve -> resume cycle with a scripted model on SQLite, beside a hand-written floor in the same run.

    python bench/cycle.py [--cycles 300] [--rounds 5] [--starts 7]

The run is started by one object and resumed by another, which has a connection of its own and is told nothing but the
run's id. `warm`: that other object is kept. `fresh`: engine, agent, policies and connection are built anew for each
resume, and their building counts (their closing does not). The fresh floor is a new connection. `alone`: one object
does both; what `warm` takes beyond it is the price of taking turns, such as verifying the other's checkpoint and
replaying its steps.

Systems take turns, round by round; figures are medians over rounds: milliseconds and CPU of all threads a cycle, the
bytes that the process handed to write(2), checkpoints included, and the ratios to the floor of the same round.
The second table is the CPU of starting up, medians of processes.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from workload import KIB, Floor, Line, Ours, options, ratio, script, show, url, written

WARM_UP = 20
GOALS_MS = {"warm": 1.0, "fresh": 1.5}
GOAL_CPU = 12
KINDS = ("warm", "fresh", "alone")
MODES = ("NORMAL", "FULL")


class Figures(NamedTuple):
    """Per cycle."""

    ms: float
    cpu_ms: float
    kib: float


class Cycle(NamedTuple):
    """`start` begins a run and gives its id; `other` builds what resumes it."""

    start: Callable[[], str]
    other: Callable[[], Floor | Ours]


def floor(folder: Path, sync: str, *, alone: bool = False) -> Cycle:
    path = folder / "floor.db"
    starting, number = Floor(path, sync), iter(range(10**9))

    def start() -> str:
        run = f"r{next(number)}"
        starting.start(run)
        return run

    return Cycle(start, lambda: starting if alone else Floor(path, sync))


def ours(folder: Path, sync: str, *, alone: bool = False) -> Cycle:
    store, model = url(folder / "ours.db", sync), script()
    starting = Ours(store, model)
    return Cycle(starting.start, lambda: starting if alone else Ours(store, model))


def measure(cycle: Cycle, cycles: int, *, fresh: bool) -> Figures:
    wall = cpu = 0.0
    bytes_before = written()
    other = cycle.other()
    for index in range(-WARM_UP, cycles):
        if index == 0:
            wall, cpu, bytes_before = 0.0, 0.0, written()
        if fresh:
            other.close()
        before, cpu_before = time.perf_counter(), time.process_time()
        run = cycle.start()
        if fresh:
            other = cycle.other()
        assert other.resume(run) == "done"
        wall += time.perf_counter() - before
        cpu += time.process_time() - cpu_before
    bytes_after = written()
    other.close()
    return Figures(wall / cycles * 1e3, cpu / cycles * 1e3, (bytes_after - bytes_before) / cycles / KIB)


def cycles_table(cycles: int, rounds: int) -> None:
    for kind in KINDS:
        for sync in MODES:
            found: dict[str, list[Figures]] = {"floor": [], "ours": []}
            for _ in range(rounds):
                with tempfile.TemporaryDirectory() as name:
                    for system, make in (("floor", floor), ("ours", ours)):
                        cycle = make(Path(name), sync, alone=kind == "alone")
                        found[system].append(measure(cycle, cycles, fresh=kind == "fresh"))
            show(f"A cycle, {kind}, {sync}", list(_lines(found, GOALS_MS.get(kind) if sync == "NORMAL" else None)))


def _lines(found: dict[str, list[Figures]], goal_ms: float | None) -> list[Line]:
    lines = []
    for column, (what, goal, goal_ratio) in enumerate(
        (("ms", goal_ms, None), ("CPU ms", None, GOAL_CPU), ("KiB written", None, None))
    ):
        mine, beside = ([figures[column] for figures in found[name]] for name in ("ours", "floor"))
        lines += [
            Line(what, statistics.median(mine), goal),
            Line(f"{what}, floor", statistics.median(beside)),
            Line(f"{what} / floor", ratio(mine, beside), goal_ratio),
        ]
    return lines


def process_cpu_ms(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def start_up_table(starts: int) -> None:
    program = str(Path(sys.executable).with_name("hitl-fsm"))
    policy = str(next(iter(sorted(Path(__file__).parent.parent.glob("policies/*/*.policy.yaml")))))

    def median(*command: str) -> float:
        return statistics.median(process_cpu_ms(list(command)) for _ in range(starts))

    bare = median(sys.executable, "-c", "pass")
    lines = [
        Line("python -c pass", bare),
        Line("import hitl_fsm, above that", median(sys.executable, "-c", "import hitl_fsm") - bare, 40),
        Line("hitl-fsm --help", median(program, "--help"), 120),
        Line("hitl-fsm validate, one file", median(program, "validate", policy), 200),
    ]
    show("CPU ms of a process", lines)


def main() -> None:
    given = options(__doc__, cycles=300, rounds=5, starts=7)
    cycles_table(given.cycles, given.rounds)
    start_up_table(given.starts)


if __name__ == "__main__":
    main()
