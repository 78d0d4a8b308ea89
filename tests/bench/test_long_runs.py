"""The k-th step of a run is as much work as the tenth, for an engine that has seen the ones before."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

EARLY, LATE, WINDOW = 20, 120, 4
GROWTH = 1.25
"""Of calls and bytes: a hundred steps more would multiply what is done for each of them by six."""


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "bench")
    return importlib.import_module("growth")


class Calls:
    """Counts calls of functions of the package; a look at each message by an expression is none."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and "hitl_fsm" in code.co_filename and not code.co_name.startswith("<"):
            self.made[code.co_qualname] += 1


async def steps(ours: Any, run_id: str, count: int) -> None:
    for _ in range(count):
        await ours.aresume(run_id)


async def counted(ours: Any, run_id: str) -> Counter[str]:
    calls = Calls()
    sys.setprofile(calls)
    try:
        await steps(ours, run_id, WINDOW)
    finally:
        sys.setprofile(None)
    return calls.made


@pytest.mark.parametrize("shape", ["an agent", "a member of a team", "the step of a loop"])
def test_a_late_step_makes_as_many_calls_and_bytes_as_an_early_one(growth: Any, tmp_path: Path, shape: str) -> None:
    ours = growth.SHAPES[shape](growth.url(tmp_path / "runs.db", "NORMAL"), growth.script(LATE + 2 * WINDOW))
    run_id = ours.start()
    found = []
    for passed in (EARLY, LATE - EARLY - WINDOW):
        asyncio.run(steps(ours, run_id, passed))
        before = growth.written()
        made = asyncio.run(counted(ours, run_id))
        found.append((made, growth.written() - before))
    ours.close()
    (early, early_bytes), (late, late_bytes) = found
    assert early.total() > 100 * WINDOW
    assert late.total() < GROWTH * early.total(), (late - early).most_common(5)
    assert early_bytes > 0
    assert late_bytes < GROWTH * early_bytes
