"""A person is being forgotten, and the process is killed before each of the statements that do it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from hitl_fsm import Engine
from hitl_fsm.errors import RunNotFound
from hitl_fsm.model.states import RunState
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls, policies, policy_text

RULES = "- {id: all, gate: confirm}"
RUNS = 3
STATEMENTS_LEAST, STATEMENTS_MOST = 15, 60
"""So many statements change something: with fewer, the program died of something else."""

KILLED = """
import os, signal, sys
from pathlib import Path
from hitl_fsm import Engine
from hitl_fsm.adapters.store import open_store
from hitl_fsm.runtime.record import keeping
from hitl_fsm.runtime.loop import run_sync

keeping.PRUNE_PAGE = 2
folders = sorted(Path(sys.argv[1]).iterdir())
for number, folder in enumerate(folders):
    child = os.fork()
    if child:
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            print(number)
            break
        continue
    engine = Engine(None, open_store(f"sqlite:///{folder / 'hitl.db'}?synchronous=normal"))
    run_sync(engine.store.sign())
    connection, left = engine.store._writer._open(), [number]

    def die(statement):
        if not statement.lstrip().upper().startswith("SELECT"):
            left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connection.set_trace_callback(die)
    engine.audit.erase("alice", by="otto", reason="asked")
    os._exit(0)
"""


def ended(house: House, engine: Engine, user: str) -> str:
    agent = house.agent(engine, [calls(call("pay", to=f"{user}-street", amount=5, memo=f"{user}-memo"))])
    run = agent.run(f"{user}-prompt", user=user)
    run.active_requirements[0].confirm(note=f"{user}-note")
    assert agent.continue_run(run).state is RunState.DONE
    return str(run.run_id)


@pytest.mark.slow
def test_who_is_being_forgotten_is_there_or_is_not(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    """At whatever statement it dies: all is as before, or all is gone, and doing it again finishes it."""
    engine = house.engine(RULES)
    runs = [ended(house, engine, "alice") for _ in range(RUNS)]
    bobs = ended(house, engine, "bob")
    engine.close()
    places = tmp_path_factory.mktemp("killed")
    for number in range(STATEMENTS_MOST):
        shutil.copytree(house.folder, places / f"{number:03}")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(places)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    survived = int(done.stdout)
    assert STATEMENTS_LEAST < survived < STATEMENTS_MOST, done.stderr[-3000:]
    before = 0
    for number in range(survived + 1):
        engine = Engine(policies(policy_text(RULES)), f"sqlite:///{places / f'{number:03}' / 'hitl.db'}")
        try:
            before += _is_there(engine, runs)
            assert engine.audit.verify().intact
            assert engine.audit.erase("alice", by="otto", reason="again").scrubbed
            assert not _is_there(engine, runs)
            assert engine.audit.verify().intact
            assert engine.runs.get(bobs).state is RunState.DONE
            told = b"".join(line.body for line in engine.audit.records())
            assert told.count(b"subject_erased") == 1
        finally:
            engine.close()
        left = b"".join(file.read_bytes() for file in (places / f"{number:03}").iterdir() if file.is_file())
        assert b"alice-" not in left
        assert b"bob-street" in left
    assert 0 < before < survived, "it was killed on both sides of the commit"


def _is_there(engine: Engine, runs: list[str]) -> bool:
    """All of the person, or nothing."""
    states = set()
    for run_id in runs:
        try:
            states.add(engine.runs.get(run_id).state is RunState.DONE)
        except RunNotFound:
            states.add(False)
    kept = run_sync(engine.store.contents([line.seq for run in runs for line in engine.audit.records(run_id=run)]))
    states.add(bool(kept))
    assert len(states) == 1, "some of it is gone, and some is not"
    return states.pop()
