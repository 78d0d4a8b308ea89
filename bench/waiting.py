"""Many paused runs in one store: what it costs to open the store, read one inbox page, resume one run.

    python bench/waiting.py [--many 100000] [--few 100] [--tries 15]

The paused runs are real ones: the engine makes them over a store that keeps each commit in a list, and those commits
are written to the SQLite store through its own port, many at once. Each figure is the same thing done in the store of
`many` and in that of `few` by turns, and the median of the ratios; the file is in the page cache, as it is for who uses
it. A new engine opens the store for each try. The memory is that of a process that does this beside all that wait.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from workload import KIB, Line, Ours, Recorder, options, ratio, rss_mib, script, show, url

from hitl_fsm.adapters.store import open_store

CHUNK = 500
"""Runs made and written at once."""
GOAL = 2


async def fill(store_url: str, runs: int) -> None:
    """So many runs, each paused at its gate."""
    recorder = Recorder()
    source = Ours(recorder, script())
    store = open_store(store_url)
    for first in range(0, runs, CHUNK):
        for _ in range(min(CHUNK, runs - first)):
            await source.astart()
        steps = recorder.drop()
        for version in range(2):  # created, then paused; different runs do not wait for each other
            await asyncio.gather(*[store.commit(step) for step in steps if step.expected_version == version])
    await store.close()


class Try:
    """One look at a store, with an engine of its own: milliseconds and CPU milliseconds of each part."""

    def __init__(self, store_url: str) -> None:
        before = _now()
        one = Ours(store_url, script())
        first = one.engine.inbox.list(limit=1)[0]
        self.open = _since(before)
        before = _now()
        page = one.engine.inbox.list(after=first.requirement_id)
        self.page = _since(before)
        before = _now()
        runs = one.engine.runs.list(after=page[len(page) // 2].run_id)
        self.list = _since(before)
        run_id = page[len(page) // 2].run_id
        before = _now()
        assert one.resume(run_id) == "done"
        self.resume = _since(before)
        self.rows = len(page), len(runs)
        one.close()


class Moment(NamedTuple):
    """Milliseconds by the wall and by the CPU of all threads."""

    wall: float
    cpu: float


def _now() -> Moment:
    return Moment(time.perf_counter() * 1e3, time.process_time() * 1e3)


def _since(before: Moment) -> Moment:
    now = _now()
    return Moment(now.wall - before.wall, now.cpu - before.cpu)


PROBE = """
import sys
sys.path.insert(0, sys.argv[2])
from workload import rss_mib
from waiting import Try
Try(sys.argv[1])
print(rss_mib())
"""


def memory(store_url: str) -> float:
    """MiB of a new process after such a look."""
    command = [sys.executable, "-c", PROBE, store_url, str(Path(__file__).parent)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    given = options(__doc__, many=100_000, few=100, tries=15)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {"many": folder / "many.db", "few": folder / "few.db"}
        urls = {size: url(path, "NORMAL") for size, path in paths.items()}
        before = time.perf_counter()
        asyncio.run(fill(urls["many"], given.many))
        taken = time.perf_counter() - before
        asyncio.run(fill(urls["few"], given.few))
        size = paths["many"].stat().st_size / KIB / given.many
        found: dict[str, list[Try]] = {"many": [], "few": []}
        for _ in range(given.tries):
            for which, tries in found.items():
                tries.append(Try(urls[which]))
        grown = memory(urls["many"]) - memory(urls["few"])

    lines = []
    for part, what in (
        ("open", "open the store (and see the first of the inbox)"),
        ("page", "one inbox page"),
        ("list", "one page of runs"),
        ("resume", "one resume"),
    ):
        many, few = ([getattr(one, part) for one in found[which]] for which in ("many", "few"))
        lines.append(Line(f"{what}: ms among {given.many}", statistics.median(one.wall for one in many)))
        for name, field in (("ms", "wall"), ("CPU ms", "cpu")):
            both = ([float(getattr(one, field)) for one in which] for which in (many, few))
            lines.append(Line(f"{what}: / {name} among {given.few}", ratio(*both), GOAL))
    lines += [
        Line(f"MiB of memory more among {given.many} than among {given.few}", grown),
        Line("KiB on disk a paused run", size),
        Line("s to write them through the store's port", taken),
    ]
    rows = found["many"][0].rows
    show(f"{given.many} paused runs beside {given.few}; pages of {rows[0]} questions and {rows[1]} runs", lines)
    print(f"memory of this process: {rss_mib():.0f} MiB")


if __name__ == "__main__":
    main()
