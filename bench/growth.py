"""One run of many gated calls, resumed from disk each time: what the k-th resume costs, beside the floor.

    python bench/growth.py [--rounds 1000] [--window 10]

A resume is: look the run up by its id, approve what waits, continue until it pauses again. The floor and the product
take turns, step by step, on databases of their own (WAL, NORMAL); a figure is the median of the `window` steps before
k. Each engine reads the log anew; in every other step of a window the engine itself is built anew (and its
building is counted). Bytes are those handed to write(2); the database is measured at the end.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workload import KIB, MIB, Floor, Line, Ours, database_bytes, options, script, show, url, written

FLOOR_KIB = 23
"""What a step of the floor was seen to write elsewhere: the goal is stated against that."""


def timed(step: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds and KiB."""
    bytes_before, before = written(), time.perf_counter()
    step()
    return (time.perf_counter() - before) * 1e3, (written() - bytes_before) / KIB


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

        found: dict[tuple[str, int], list[tuple[float, float]]] = {}
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

    def median(name: str, mark: int, column: int) -> float:
        return statistics.median(step[column] for step in found.get((name, mark), [(float("nan"),) * 2]))

    lines = []
    first, last = marks[0], marks[-1]
    for mark in marks:
        limit = 10 if mark == 1000 else None
        lines.append(Line(f"ms at k = {mark}, engine kept", median("kept", mark, 0), limit))
        lines.append(Line(f"ms at k = {mark}, engine built anew", median("anew", mark, 0)))
        lines.append(Line(f"ms at k = {mark}, floor", median("floor", mark, 0)))
    for mark in marks:
        lines.append(Line(f"KiB written at k = {mark}", median("kept", mark, 1), 2 * FLOOR_KIB))
        lines.append(Line(f"KiB written at k = {mark}, floor", median("floor", mark, 1)))
    lines += [
        Line(f"KiB written, k = {last} / k = {first}", median("kept", last, 1) / median("kept", first, 1), 1.5),
        Line(f"ms, k = {last} / k = {first}", median("kept", last, 0) / median("kept", first, 0)),
        Line(f"MiB of the database after {rounds}", sizes["ours"], 2),
        Line(f"MiB of the database after {rounds}, floor", sizes["floor"]),
    ]
    show(f"One run of {rounds} gated calls, resumed from disk each time", lines)


if __name__ == "__main__":
    main()
