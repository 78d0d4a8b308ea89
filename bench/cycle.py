"""One pause -> approve -> resume cycle with a scripted model on SQLite, beside a hand-written floor in the same run.

    python bench/cycle.py [--cycles 300] [--rounds 5]

The floor is the least that keeps the promise by hand: sqlite3, three commits, json; no policy, no record, no lease.
Rounds are interleaved; figures are medians over rounds: milliseconds and CPU of all threads a cycle, and the bytes that
the process handed to write(2), checkpoints included. The second table is the CPU of starting up, medians of processes.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hitl_fsm import Agent, Engine, tool
from hitl_fsm.policy.load import load
from hitl_fsm.testing import ScriptedModel

POLICY = b"""\
apiVersion: hitl-fsm/v1
kind: Policy
name: bench
owner: bench@example.com
description: One gate.
tools: [transfer]
rules:
  - {id: all, gate: confirm}
"""
WARM_UP = 20
START_UP_RUNS = 7
GOAL_RATIO = 12


class Figures(NamedTuple):
    """Per cycle."""

    ms: float
    cpu_ms: float
    kib: float


@tool
def transfer(to: str, amount: int) -> str:
    """Transfer an amount to someone."""
    return f"sent {amount} to {to}"


def written() -> int:
    """Bytes handed to write(2) by this process."""
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        if line.startswith("wchar"):
            return int(line.split(":")[1])
    return 0


def floor(folder: Path, sync: str) -> Callable[[], None]:
    """Runs and messages, one row each; three commits a cycle."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("pragma journal_mode=WAL")
    connection.execute(f"pragma synchronous={sync}")
    connection.executescript(
        "create table runs(id text primary key, status text not null);"
        "create table msgs(run text, seq integer, body text, primary key(run, seq))"
    )
    number = iter(range(10**9))

    def save(run: str, base: int, messages: list[dict[str, object]], status: str, *, first: bool) -> None:
        connection.execute("begin immediate")
        if first:
            connection.execute("insert into runs values(?, ?)", (run, status))
        else:
            connection.execute("update runs set status = ? where id = ?", (status, run))
        rows = [(run, base + i, json.dumps(message)) for i, message in enumerate(messages)]
        connection.executemany("insert into msgs values(?, ?, ?)", rows)
        connection.execute("commit")

    def cycle() -> None:
        run = f"r{next(number)}"
        asked = {"role": "assistant", "calls": [{"id": "c", "name": "transfer", "args": {"to": "bob", "amount": 1}}]}
        save(run, 0, [{"role": "user", "content": "go"}, asked], "paused", first=True)
        changed = connection.execute("update runs set status = 'running' where id = ? and status = 'paused'", (run,))
        assert changed.rowcount == 1
        loaded = [
            json.loads(r[0]) for r in connection.execute("select body from msgs where run = ? order by seq", (run,))
        ]
        result = transfer(**loaded[-1]["calls"][0]["args"])
        new: list[dict[str, object]] = [{"role": "tool", "content": result}, {"role": "assistant", "content": "end"}]
        save(run, len(loaded), new, "done", first=False)

    return cycle


def ours(folder: Path, sync: str) -> Callable[[], None]:
    """The whole product: policies, record, leases, intent."""

    def no_file(path: str) -> bytes:
        raise FileNotFoundError(path)

    engine = Engine(
        load({"bench.policy.yaml": POLICY}, no_file), f"sqlite:///{folder}/ours.db?synchronous={sync.lower()}"
    )
    script = [{"calls": [{"tool": "transfer", "args": {"to": "bob", "amount": 1}}]}, {"say": "end"}]
    agent = Agent("bench", ScriptedModel(script), engine=engine, tools=[transfer])

    def cycle() -> None:
        run = agent.run("go")
        run.active_requirements[0].confirm()
        assert agent.continue_run(run).output == "end"

    return cycle


def measure(cycle: Callable[[], None], cycles: int) -> Figures:
    for _ in range(WARM_UP):
        cycle()
    bytes_before, cpu, wall = written(), time.process_time(), time.perf_counter()
    for _ in range(cycles):
        cycle()
    return Figures(
        (time.perf_counter() - wall) / cycles * 1e3,
        (time.process_time() - cpu) / cycles * 1e3,
        (written() - bytes_before) / cycles / 1024,
    )


def cycles_table(cycles: int, rounds: int) -> None:
    print(f"{'':12}{'ms':>8}{'cpu ms':>9}{'KiB':>8}{'cpu / floor':>14}{'KiB / floor':>14}")
    for sync in ("NORMAL", "FULL"):
        found: dict[str, list[Figures]] = {"floor": [], "hitl-fsm": []}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                found["floor"].append(measure(floor(Path(folder), sync), cycles))
                found["hitl-fsm"].append(measure(ours(Path(folder), sync), cycles))
        print(sync)
        for name, figures in found.items():
            ms, cpu, kib = (statistics.median(column) for column in zip(*figures, strict=True))
            pairs = list(zip(figures, found["floor"], strict=True))
            ratio = statistics.median(a.cpu_ms / b.cpu_ms for a, b in pairs)
            bytes_ratio = statistics.median(a.kib / b.kib for a, b in pairs)
            print(f"  {name:10}{ms:8.2f}{cpu:9.2f}{kib:8.1f}{ratio:14.1f}{bytes_ratio:14.1f}")
    print(f"goal: cpu at most {GOAL_RATIO} x floor")


def process_cpu_ms(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3


def start_up_table() -> None:
    program = str(Path(sys.executable).with_name("hitl-fsm"))
    policy = next(iter(sorted(Path(__file__).parent.parent.glob("policies/*/*.policy.yaml"))), None)
    commands: list[tuple[str, list[str], str]] = [
        ("python -c pass", [sys.executable, "-c", "pass"], "the interpreter alone"),
        ("import hitl_fsm", [sys.executable, "-c", "import hitl_fsm"], "goal 40 above the interpreter"),
        ("--help", [program, "--help"], "goal 120"),
    ]
    if policy is not None:
        commands.append(("validate (one file)", [program, "validate", str(policy)], "goal 200, one file"))
    print(f"\n{'CPU ms of a process':24}{'median':>8}")
    for name, command, goal in commands:
        figure = statistics.median(process_cpu_ms(command) for _ in range(START_UP_RUNS))
        print(f"  {name:22}{figure:8.0f}   {goal}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cycles_table(options.cycles, options.rounds)
    start_up_table()


if __name__ == "__main__":
    main()
