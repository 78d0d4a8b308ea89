"""Many runs at once in one store, and durable steps a second; beside the floor with and without group commit.

    python bench/concurrency.py [--runs 200] [--latency 50] [--rounds 3] [--processes 4] [--steps 2000] [--writers 16]

First: `runs` concurrent asynchronous runs with one gate each, in one process and spread over `processes`; each waits
`latency` ms for the model twice. A run is started, paused, at once approved and continued, each by its id. Runs a
second, CPU of all threads, the median and the 99th percentile of a run's time, and errors. All processes begin
together.
Second: durable transitions a second at FULL: the commits that real runs made, written through the store's port one
after the other (one run), and by `writers` runs at once; the floor writes its row and one message each time.
Systems take turns; figures are medians over rounds, the worst process counts.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from workload import Floor, GroupFloor, Line, Ours, Recorder, options, percentile, ratio, script, show, url

from hitl_fsm.adapters.store import open_store
from hitl_fsm.ports import Commit

JOIN_S = 120
GOAL_RUNS, GOAL_P99_MS = 1000, 200
GOAL_ONE, GOAL_SEVERAL = 4000, 20_000
ROUNDS_A_RUN = 25
"""Gated calls of each run whose commits are written again."""

Cycle = Callable[[int], Awaitable[None]]


class Load(NamedTuple):
    """What a process is to do."""

    system: str
    folder: str
    sync: str
    runs: int
    latency_s: float


class Result(NamedTuple):
    """`times` of the runs that ended, in seconds; `wall` and CPU of all; `errors` by their text."""

    times: list[float]
    wall: float
    cpu: float
    errors: dict[str, int]


def cycle_of(load: Load, name: str) -> tuple[Cycle, Callable[[], Awaitable[None]]]:
    """One run from start to end, and what closes the system."""
    if load.system == "ours":
        system = Ours(url(Path(load.folder) / "ours.db", load.sync), script(latency=load.latency_s), is_async=True)

        async def one(_: int) -> None:
            assert await system.aresume(await system.astart()) == "done"

        return one, system.engine.store.close
    kind = GroupFloor if load.system == "floor, group" else Floor
    floor = kind(Path(load.folder) / f"{load.system}.db", load.sync, latency=load.latency_s)

    async def floor_one(number: int) -> None:
        run = f"{name}-{number}"
        await floor.astart(run)
        assert await floor.aresume(run) == "done"

    return floor_one, floor.aclose


async def work(load: Load, name: str, begin: Callable[[], object]) -> Result:
    one, close = cycle_of(load, name)
    await one(-1)
    begin()
    times: list[float] = []
    errors: Counter[str] = Counter()

    async def timed(number: int) -> None:
        before = time.perf_counter()
        try:
            await one(number)
        except Exception as error:  # noqa: BLE001 - counting them is the point
            errors[f"{type(error).__name__}: {error}"[:80]] += 1
        else:
            times.append(time.perf_counter() - before)

    before, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*[timed(number) for number in range(load.runs)])
    wall, cpu = time.perf_counter() - before, time.process_time() - cpu
    await close()
    return Result(times, wall, cpu, dict(errors))


def worker(load: Load, name: str, barrier: Barrier, results: Any) -> None:
    results.put(asyncio.run(work(load, name, lambda: barrier.wait(JOIN_S))))


def together(load: Load, processes: int) -> Result:
    """The load, shared out; always in processes of its own, so that one and several are alike."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    share = load._replace(runs=load.runs // processes)
    workers = [context.Process(target=worker, args=(share, f"p{n}", barrier, results)) for n in range(processes)]
    for process in workers:
        process.start()
    found = [results.get(timeout=JOIN_S) for _ in workers]
    for process in workers:
        process.join(JOIN_S)
    errors: Counter[str] = Counter()
    for one in found:
        errors.update(one.errors)
    times = [t for one in found for t in one.times]
    return Result(times, max(one.wall for one in found), sum(one.cpu for one in found), dict(errors))


def runs_table(sync: str, processes: int, load: Load, rounds: int) -> None:
    systems = ("floor", "floor, group", "ours")
    found: dict[str, list[Result]] = {system: [] for system in systems}
    for _ in range(rounds):
        for system in systems:
            with tempfile.TemporaryDirectory() as folder:
                found[system].append(together(load._replace(system=system, folder=folder, sync=sync), processes))
    a_second = {system: [len(one.times) / one.wall for one in found[system]] for system in systems}
    is_goal = sync == "FULL"
    lines = []
    for system in reversed(systems):
        mine = is_goal and system == "ours"
        p50, p99 = (
            statistics.median(percentile(one.times, part) * 1e3 for one in found[system] if one.times)
            for part in (0.5, 0.99)
        )
        lines += [
            Line(f"runs/s, {system}", statistics.median(a_second[system]), GOAL_RUNS if mine else None, at_least=True),
            Line(f"CPU ms a run, {system}", statistics.median(one.cpu * 1e3 / load.runs for one in found[system])),
            Line(f"p50 ms, {system}", p50),
            Line(f"p99 ms, {system}", p99, GOAL_P99_MS if mine else None),
            Line(f"errors, {system}", sum(sum(one.errors.values()) for one in found[system]), 0 if mine else None),
        ]
    lines.append(Line("runs/s, ours / floor", ratio(a_second["ours"], a_second["floor"])))
    lines.append(Line("runs/s, ours / floor with group commit", ratio(a_second["ours"], a_second["floor, group"])))
    show(
        f"{load.runs} concurrent runs, {processes} process(es), {sync}, model {load.latency_s * 1e3:g} ms twice", lines
    )
    for system in systems:
        for text, count in Counter(text for one in found[system] for text in one.errors).items():
            print(f"  {system}: {count} x {text}")


# -- durable transitions


async def recorded(runs: int, steps: int) -> list[list[Commit]]:
    """The commits of so many runs, `steps` in all at least."""
    recorder = Recorder()
    found = []
    rounds = max(1, min(ROUNDS_A_RUN, steps // runs // 4))
    source = Ours(recorder, script(rounds), is_async=True)
    while len(found) < runs or sum(map(len, found)) < steps:
        run_id = await source.astart()
        while await source.aresume(run_id) != "done":
            pass
        found.append(recorder.drop())
    return found


async def transitions(folder: Path, sync: str, commits: list[list[Commit]], writers: int) -> dict[str, float]:
    """Steps a second of each system; each writer takes one run after the other."""
    count = sum(map(len, commits))
    a_second: dict[str, float] = {}

    async def spread(one: Callable[[int], Awaitable[None]]) -> float:
        waiting = iter(range(len(commits)))

        async def writer() -> None:
            for index in waiting:
                await one(index)

        before = time.perf_counter()
        await asyncio.gather(*[writer() for _ in range(writers)])
        return count / (time.perf_counter() - before)

    for name, kind in (("floor", Floor), ("floor, group", GroupFloor)):
        floor = kind(folder / f"{name}{writers}.db", sync)

        async def floor_run(index: int, floor: Floor = floor) -> None:
            for seq in range(len(commits[index])):
                await floor.atransition(f"r{index}", seq)

        a_second[name] = await spread(floor_run)
        await floor.aclose()
    store = open_store(url(folder / f"ours{writers}.db", sync))
    await store.load("opens it")

    async def store_run(index: int) -> None:
        for commit in commits[index]:
            await store.commit(commit)

    a_second["ours"] = await spread(store_run)
    await store.close()
    return a_second


def transitions_table(steps: int, writers: int, rounds: int) -> None:
    commits = asyncio.run(recorded(writers, steps))
    for how_many, goal in {1: GOAL_ONE, writers: GOAL_SEVERAL}.items():
        found = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                found.append(asyncio.run(transitions(Path(folder), "FULL", commits, how_many)))
        ours, floor, group = ([one[name] for one in found] for name in ("ours", "floor", "floor, group"))
        lines = [
            Line("a second, ours", statistics.median(ours), goal, at_least=True),
            Line("a second, floor", statistics.median(floor)),
            Line("a second, floor with group commit", statistics.median(group)),
            Line("ours / floor", ratio(ours, floor)),
            Line("ours / floor with group commit", ratio(ours, group)),
        ]
        show(f"Durable transitions, {how_many} run(s) at once, FULL", lines)


def main() -> None:
    given = options(__doc__, runs=200, latency=50, rounds=3, processes=4, steps=2000, writers=16)
    load = Load("", "", "", given.runs, given.latency / 1e3)
    for processes in dict.fromkeys((1, given.processes)):
        for sync in ("FULL", "NORMAL"):
            runs_table(sync, processes, load, given.rounds)
    transitions_table(given.steps, given.writers, given.rounds)


if __name__ == "__main__":
    main()
