"""What a process costs: from its start to a paused run, its memory, and the bytes on disk a cycle; beside the floor.

    python bench/footprint.py [--tries 9] [--cycles 500]

A cold start is a new interpreter that imports, reads one policy file, opens a new database with FULL, runs until the
gate and says so; seconds by the clock of who waits for that word, and CPU. `again` finds the database there. Memory is
what the kernel counts of that process while it is paused, and the most it ever had. The floor's process imports
sqlite3 and json and does the same; the bare interpreter does nothing. Processes take turns; figures are medians.
Bytes on disk are those of all files of the database, closed, a cycle; a database without runs is taken off.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from workload import KIB, POLICY, Floor, Line, Ours, options, ratio, rss_mib, script, show, url

GOAL_S, GOAL_MIB = 0.25, 40

BARE = """
import sys
print("paused", flush=True)
sys.stdin.read()
"""

OURS = """
import sys
from hitl_fsm import Agent, Engine, tool
from hitl_fsm.testing import ScriptedModel

@tool
def transfer(to: str, amount: int) -> str:
    "Transfer an amount to someone."
    return f"sent {amount} to {to}"

engine = Engine(sys.argv[1], f"sqlite:///{sys.argv[2]}")
model = ScriptedModel([{"calls": [{"tool": "transfer", "args": {"to": "bob", "amount": 1}}]}, {"say": "end"}])
run = Agent("bench", model, engine=engine, tools=[transfer]).run("go")
print(run.state.value, flush=True)
sys.stdin.read()
"""

FLOOR = """
import json, sqlite3, sys, uuid
connection = sqlite3.connect(sys.argv[2], isolation_level=None)
connection.execute("pragma journal_mode=WAL")
connection.execute("pragma synchronous=FULL")
connection.executescript(
    "create table if not exists runs(id text primary key, status text not null) without rowid;"
    "create table if not exists msgs(run text, seq integer, body text, primary key(run, seq)) without rowid"
)
run = str(uuid.uuid4())
connection.execute("begin immediate")
connection.execute("insert into runs values(?, 'paused')", (run,))
for seq, message in enumerate([{"role": "user", "content": "go"}, {"role": "assistant", "calls": ["transfer"]}]):
    connection.execute("insert into msgs values(?, ?, ?)", (run, seq, json.dumps(message)))
connection.execute("commit")
print("paused", flush=True)
sys.stdin.read()
"""


class Figures(NamedTuple):
    """Of one process."""

    seconds: float
    cpu_s: float
    rss: float
    most: float


def started(program: str, database: Path) -> Figures:
    """A process up to its pause; then it may end."""
    cpu = _cpu_of_children()
    before = time.perf_counter()
    command = [sys.executable, "-c", program, str(POLICY), str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "paused\n"
        seconds = time.perf_counter() - before
        rss, most = rss_mib(process.pid), rss_mib(process.pid, "VmHWM")
        process.stdin.close()
    return Figures(seconds, _cpu_of_children() - cpu, rss, most)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def processes(tries: int) -> list[Line]:
    found: dict[str, list[Figures]] = {"bare": [], "floor": [], "ours": [], "again": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(tries):
            found["bare"].append(started(BARE, folder / "none.db"))
            found["floor"].append(started(FLOOR, folder / f"floor{number}.db"))
            found["ours"].append(started(OURS, folder / f"ours{number}.db"))
            found["again"].append(started(OURS, folder / f"ours{number}.db"))

    def of(which: str, field: str) -> list[float]:
        return [getattr(figures, field) for figures in found[which]]

    return [
        Line("s to paused, new database", statistics.median(of("ours", "seconds")), GOAL_S),
        Line("s to paused, again", statistics.median(of("again", "seconds")), GOAL_S),
        Line("s, floor", statistics.median(of("floor", "seconds"))),
        Line("s, bare interpreter", statistics.median(of("bare", "seconds"))),
        Line("s / floor", ratio(of("ours", "seconds"), of("floor", "seconds"))),
        Line("CPU s, to the end", statistics.median(of("ours", "cpu_s"))),
        Line("MiB of a paused process", statistics.median(of("ours", "rss")), GOAL_MIB),
        Line("MiB at most", statistics.median(of("ours", "most")), GOAL_MIB),
        Line("MiB, floor", statistics.median(of("floor", "rss"))),
        Line("MiB, bare interpreter", statistics.median(of("bare", "rss"))),
    ]


def on_disk(cycles: int) -> list[Line]:
    def size(folder: Path) -> int:
        return sum(file.stat().st_size for file in folder.iterdir())

    grown: dict[str, float] = {}
    for which in ("floor", "ours"):
        sizes = []
        for count in (0, cycles):
            with tempfile.TemporaryDirectory() as name:
                _fill(which, Path(name) / "b.db", count)
                sizes.append(size(Path(name)))
        grown[which] = (sizes[1] - sizes[0]) / cycles / KIB
    return [
        Line("KiB on disk a cycle", grown["ours"]),
        Line("KiB on disk a cycle, floor", grown["floor"]),
        Line("KiB on disk a cycle / floor", grown["ours"] / grown["floor"]),
    ]


def _fill(which: str, database: Path, cycles: int) -> None:
    if which == "floor":
        floor = Floor(database, "NORMAL")
        for number in range(cycles):
            floor.start(f"run_{number:018d}")
            floor.resume(f"run_{number:018d}")
        floor.close()
        return
    ours = Ours(url(database, "NORMAL"), script())
    ours.engine.runs.list()
    for _ in range(cycles):
        ours.resume(ours.start())
    ours.close()


def main() -> None:
    given = options(__doc__, tries=9, cycles=500)
    show("A process from cold to its first paused run", processes(given.tries))
    show("The database", on_disk(given.cycles))


if __name__ == "__main__":
    main()
