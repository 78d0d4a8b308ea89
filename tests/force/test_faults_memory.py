"""Paused runs cost no memory: a process that opens a store with very many of them is as small as with a few."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from kill_nursery import python_environ

from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5))]
MORE_KIB = 4 * 1024
"""What a page of the inbox, a page of runs and one resume may add to a process, however many runs wait."""

LOOK = """
import gc, json, sys
from house import House, call, calls
from pathlib import Path

def size():
    gc.collect()
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))

house = House(Path(sys.argv[1]))
agent = house.agent(house.engine(), [calls(call("pay", to="bob", amount=5))])
warm = agent.run("go", user="alice")
warm.active_requirements[0].confirm()
agent.continue_run(warm)
agent.engine.runs.list(limit=1)
agent.engine.inbox.list(limit=1)
before = size()
page, rows = agent.engine.inbox.list(), agent.engine.runs.list()
agent.engine.runs.get(sys.argv[2]).active_requirements[0].confirm(by="alice")
ended = agent.engine.continue_ready()
info = agent.engine.sweep()
after = size()
states = [one.run.state for one in ended]
print(json.dumps({"more": after - before, "page": len(page), "rows": len(rows), "ended": states}))
"""


COUNTED = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
TABLES = ("run", "event", "call", "requirement")


def fill(house: House, run_id: str, count: int) -> None:
    """As many more paused runs: the rows of one, told of others."""
    known = run_id.removeprefix("run_")
    for table in TABLES:
        columns = [(name, kind) for _, name, kind, *_ in house.sql(f"PRAGMA table_info({table})") if name != "id"]
        names = ", ".join(name for name, _ in columns)
        other = f"replace({{}}, '{known}', '{known[:-6]}' || printf('%06d', i))"
        told = ", ".join(
            other.format(name) if kind == "TEXT" else f"CAST({other.format(f'CAST({name} AS TEXT)')} AS BLOB)"
            if kind == "BLOB" else name
            for name, kind in columns
        )  # fmt: skip
        query = f"INSERT INTO {table} ({names}) {COUNTED} SELECT {told} FROM {table}, n WHERE run_id = '{run_id}'"
        house.sql(query, count)
    house.sql("UPDATE requirement SET agent = 'others' WHERE run_id <> ?", run_id)


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_paused_runs_cost_no_memory(house: House, count: int) -> None:
    engine = house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    engine.close()
    house.engines.clear()
    fill(house, run.run_id, count)
    command = [sys.executable, "-c", LOOK, str(house.folder), run.run_id]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=python_environ())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["page"], found["rows"], found["ended"]) == (100, 100, ["done"])
    assert found["more"] < MORE_KIB, f"{count} paused runs, and {found['more']} KiB more"
