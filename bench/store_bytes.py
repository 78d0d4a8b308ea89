"""Bytes written and CPU of the store a cycle of six commits, by page size: `python bench/store_bytes.py [cycles]`.

A cycle is one gated call: create, reply and pause, answer, take and intent, result, done. Bytes are those handed to the
kernel (`wchar`), write-ahead log and checkpoints together; a third row of figures grows one run to many steps.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/unit/store"))

from steps import Story

from hitl_fsm.adapters.store import open_store
from hitl_fsm.adapters.store.sqlite import opening
from hitl_fsm.model.event import ModelReplied
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import Commit

PAGE_SIZES = (1024, 2048, 4096)
CYCLES = 400
COMMITS = 6
LONG_RUN = 1500


def written() -> int:
    """Bytes that this process has written so far."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields["wchar"])


async def measure(url: str, commits: list[Commit]) -> tuple[float, float, float]:
    """Bytes, CPU µs and wall µs a commit, the closing checkpoint included in the bytes."""
    store = open_store(url)
    await store.load("none")
    for commit in Story("r-warm-up").all():
        await store.commit(commit)
    before, cpu, wall = written(), time.process_time(), time.perf_counter()
    for commit in commits:
        await store.commit(commit)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    await store.close()
    count = len(commits)
    return (written() - before) / count, cpu / count * 1e6, wall / count * 1e6


def long_run() -> list[Commit]:
    """One run of many steps."""
    story = Story("r-long")
    steps = [story.create()]
    steps.extend(story.step(ModelReplied("x" * 300), RunState.RUNNING, "keep") for _ in range(LONG_RUN))
    return steps


def main() -> int:
    """Print one line a setting."""
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else CYCLES
    commits = [commit for number in range(cycles) for commit in Story(f"run_{number:022d}").all()]
    for size in PAGE_SIZES:
        opening.PAGE_SIZE = size
        for synchronous in ("normal", "full"):
            with tempfile.TemporaryDirectory(dir=".") as folder:
                url = f"sqlite:///{folder}/bench.db?synchronous={synchronous}"
                size_a, cpu, wall = asyncio.run(measure(url, commits))
            print(
                f"page {size:5} {synchronous:6}: {size_a * COMMITS / 1024:7.1f} KiB a cycle,"
                f" CPU {cpu:5.0f} µs, wall {wall:6.0f} µs a commit"
            )
        steps = long_run()
        for part in (steps[:500], steps):
            with tempfile.TemporaryDirectory(dir=".") as folder:
                size_a, cpu, _ = asyncio.run(measure(f"sqlite:///{folder}/bench.db?synchronous=normal", part))
            print(f"page {size:5}: one run of {len(part):4} steps: {size_a / 1024:5.1f} KiB, CPU {cpu:4.0f} µs a step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
