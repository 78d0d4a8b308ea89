"""Each bench runs with tiny numbers and prints what it measured beside its goals: so that none of them rots."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENOUGH_S = 120
TINY = {
    "cycle": "--cycles 2 --rounds 1 --starts 1",
    "growth": "--rounds 12 --window 4",
    "concurrency": "--runs 4 --latency 1 --rounds 1 --processes 1 --steps 20 --writers 2",
    "waiting": "--many 30 --few 5 --tries 2",
    "policy": "--desks 3 --many 4 --tries 2",
    "footprint": "--tries 1 --cycles 60",
}


@pytest.mark.parametrize("name", TINY)
def test_bench_runs_and_reports(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(ROOT / "bench" / f"{name}.py"), *TINY[name].split()]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=ENOUGH_S)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    figures = re.findall(r"^  \S.* +(-?\d+\.\d\d|nan)(?: +[<>]= \S+(?:  missed)?)? *$", done.stdout, re.MULTILINE)
    assert len(figures) >= 8
    assert "nan" not in figures
    assert "goal" in done.stdout


def test_every_bench_with_a_goal_is_run() -> None:
    printing = {path.stem for path in (ROOT / "bench").glob("*.py") if "show(" in path.read_text(encoding="utf-8")}
    assert printing - {"workload"} == set(TINY)
