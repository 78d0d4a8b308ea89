"""Each bench runs with tiny numbers and prints what it measured beside its goals: so that none of them rots."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENOUGH_S = 600
TINY = {
    "cycle": "--cycles 2 --rounds 1 --starts 1",
    "growth": "--rounds 12 --window 4",
    "concurrency": "--runs 4 --latency 1 --rounds 1 --processes 1 --steps 20 --writers 2",
    "waiting": "--many 30 --few 5 --tries 2",
    "policy": "--desks 3 --many 4 --tries 2",
    "footprint": "--tries 1 --cycles 60",
    "record": "--inserts 20 --rounds 1 --lines 3000 --tries 1",
}

PEER = """#!{python}
import sys
print('{{"name": "blobs 1.0"}}', flush=True)
rounds, steps = int(sys.argv[3]), []
for line in sys.stdin:
    steps.append(line)
    end = "end" if len(steps) == rounds else "paused"
    print('{{"ms": %d, "cpu_ms": 7, "kib": 5, "came_to": "%s"}}' % (len(line), end), flush=True)
assert set(steps) == {{"kept\\n", "anew\\n"}}
"""


def run_bench(folder: Path, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "bench" / f"{name}.py"), *TINY[name].split(), *more]
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=ENOUGH_S)


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_bench_runs_and_reports(name: str, tmp_path: Path) -> None:
    done = run_bench(tmp_path, name)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    figures = re.findall(r"^  \S.* +(-?\d+\.\d\d|nan)(?: +[<>]= \S+(?:  missed)?)? *$", done.stdout, re.MULTILINE)
    assert len(figures) >= 8
    assert "nan" not in figures
    assert "goal" in done.stdout


def test_every_bench_with_a_goal_is_run() -> None:
    printing = {path.stem for path in (ROOT / "bench").glob("*.py") if "show(" in path.read_text(encoding="utf-8")}
    assert printing - {"workload"} == set(TINY)


def test_growth_measures_agents_members_and_loops_beside_the_floor(tmp_path: Path) -> None:
    done = run_bench(tmp_path, "growth")
    made = re.findall(r"^One run of 12 gated calls by (.+), resumed from disk each time$", done.stdout, re.MULTILINE)
    assert made == ["the floor", "an agent", "a member of a team", "the step of a loop"]
    assert "No --peer was given" in done.stdout
    assert "Load average" in done.stdout


def test_growth_takes_turns_with_a_peer_of_another_interpreter(tmp_path: Path) -> None:
    peer = tmp_path / "peer"
    peer.write_text(PEER.format(python=sys.executable), encoding="utf-8")
    peer.chmod(0o700)
    done = run_bench(tmp_path, "growth", "--peer", str(peer))
    assert done.returncode == 0, done.stderr
    told = done.stdout.split("by an agent of blobs 1.0,")[1]
    assert re.search(r"CPU ms at k = 10, kept +7\.00", told)
    assert re.search(r"ms at k = 10, built anew +5\.00", told)
    assert re.search(r"KiB written at k = 10 +5\.00", told)
    assert "No --peer" not in done.stdout


def test_growth_says_that_a_peer_lacks_its_library(tmp_path: Path) -> None:
    done = run_bench(tmp_path, "growth", "--peer", sys.executable)
    assert done.returncode == 1
    assert "does its interpreter have the library?" in done.stderr
