"""One run of many gated calls, resumed from disk each time: what the k-th resume costs, beside the floor.

    python bench/growth.py [--rounds 1000] [--window 10]

A resume is: look the run up by its id, approve what waits, continue until it pauses again. The floor and the product
take turns, step by step, on databases of their own (WAL, NORMAL); a figure is the median of the `window` steps before
k. The kept engine may remember what it knows of the run; in every other step of a window an engine is built anew, which
knows nothing, and its building counts. CPU is that of all threads, the steadier figure on a busy machine. Bytes are
those handed to write(2); the database is measured at the end.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import NamedTuple

from workload import KIB, MIB, Floor, Line, Ours, database_bytes, options, script, show, url, written

GOAL_AT, GOAL_MS = 1000, 10
FLOOR_KIB = 23
"""What a step of the floor was seen to write elsewhere: the goal is stated against that."""


class Figures(NamedTuple):
    """Of one step."""

    ms: float
    cpu_ms: float
    kib: float


NONE = Figures(nan, nan, nan)


def timed(step: Callable[[], object]) -> Figures:
    bytes_before, cpu, before = written(), time.process_time(), time.perf_counter()
    step()
    ms, cpu_ms = (time.perf_counter() - before) * 1e3, (time.process_time() - cpu) * 1e3
    return Figures(ms, cpu_ms, (written() - bytes_before) / KIB)


def main() -> None:
    given = options(__doc__, rounds=1000, window=10)
    rounds, window = given.rounds, given.window
    marks = [k for k in (10, 100, 1000, 10_000) if k <= rounds] or [rounds]
    model = script(rounds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor = Floor(folder / "floor.db", "NORMAL", rounds)
        floor.start("run")
        store = url(folder / "ours.db", "NORMAL")
        kept = Ours(store, model)
        run_id = kept.start()

        def anew() -> None:
            engine = Ours(store, model)
            engine.resume(run_id)
            engine.close()

        found: dict[tuple[str, int], list[Figures]] = {}
        for k in range(1, rounds + 1):
            mark = next((m for m in marks if m - window < k <= m), None)
            beside = timed(lambda: floor.resume("run"))
            fresh = mark is not None and k % 2 == 0
            ours = timed(anew if fresh else lambda: kept.resume(run_id))
            if mark is not None:
                found.setdefault(("floor", mark), []).append(beside)
                found.setdefault(("anew" if fresh else "kept", mark), []).append(ours)
        assert kept.engine.runs.get(run_id).output == "end"
        kept.close()
        floor.close()
        sizes = {name: database_bytes(folder / f"{name}.db") / MIB for name in ("ours", "floor")}

    def median(name: str, mark: int, field: str) -> float:
        return statistics.median(getattr(step, field) for step in found.get((name, mark), [NONE]))

    lines = []
    first, last = marks[0], marks[-1]
    for mark in marks:
        limit = GOAL_MS if mark == GOAL_AT else None
        lines += [
            Line(f"ms at k = {mark}, engine kept", median("kept", mark, "ms"), limit),
            Line(f"CPU ms at k = {mark}, engine kept", median("kept", mark, "cpu_ms"), limit),
            Line(f"ms at k = {mark}, engine built anew", median("anew", mark, "ms"), limit),
            Line(f"CPU ms at k = {mark}, engine built anew", median("anew", mark, "cpu_ms"), limit),
            Line(f"CPU ms at k = {mark}, floor", median("floor", mark, "cpu_ms")),
        ]
    for mark in marks:
        lines.append(Line(f"KiB written at k = {mark}", median("kept", mark, "kib"), 2 * FLOOR_KIB))
        lines.append(Line(f"KiB written at k = {mark}, floor", median("floor", mark, "kib")))
    lines += [
        Line(f"KiB written, k = {last} / k = {first}", median("kept", last, "kib") / median("kept", first, "kib"), 1.5),
        Line(f"CPU ms, k = {last} / k = {first}", median("kept", last, "cpu_ms") / median("kept", first, "cpu_ms")),
        Line(f"MiB of the database after {rounds}", sizes["ours"], 2),
        Line(f"MiB of the database after {rounds}, floor", sizes["floor"]),
    ]
    show(f"One run of {rounds} gated calls, resumed from disk each time", lines)


if __name__ == "__main__":
    main()
