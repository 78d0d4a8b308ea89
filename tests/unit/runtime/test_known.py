"""What a process remembers of runs saves reading, and never decides anything."""

from __future__ import annotations

import sqlite3

import pytest

from hitl_fsm.errors import Tampered
from hitl_fsm.model.states import RunState
from hitl_fsm.ports import StoredRun
from hitl_fsm.runtime import known
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.steps import load
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=5))]


def reads(engine: object, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From where on each load reads the log."""
    store = engine.parts.store  # type: ignore[attr-defined]
    real, seen = store.load, []

    async def counted(run_id: str, *, after: int = 0) -> StoredRun | None:
        seen.append(after)
        return await real(run_id, after=after)

    monkeypatch.setattr(store, "load", counted)
    return seen


def test_a_known_run_is_read_from_its_last_line_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    seen = reads(engine, monkeypatch)
    assert engine.runs.get(run.run_id).value == run.value
    assert seen == [run.value.version - 1]


def test_what_another_process_did_meanwhile_is_seen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, other = house.engine(), house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    other.runs.get(run.run_id).active_requirements[0].confirm(by="alice")
    seen = reads(engine, monkeypatch)
    now = engine.runs.get(run.run_id)
    assert now.state is RunState.CONTINUING
    assert now.value == other.runs.get(run.run_id).value
    assert seen == [run.value.version - 1]
    assert run_sync(load(engine.parts, run.run_id)).messages == run_sync(load(other.parts, run.run_id)).messages


def test_another_past_is_read_from_the_beginning(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a backup was restored under a living process: the same version, another story."""
    engine = house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    connection = sqlite3.connect(house.folder / "hitl.db")
    changed = "UPDATE event SET body = replace(CAST(body AS TEXT), '5', '6') WHERE run_id = ? AND seq = 2"
    connection.execute(changed, (run.run_id,))
    connection.commit()
    connection.close()
    seen = reads(engine, monkeypatch)
    again = engine.runs.get(run.run_id)
    assert seen == [run.value.version - 1, 0]
    assert again.value.calls[0].args == {"to": "bob", "amount": 6, "memo": "-"}
    with pytest.raises(Tampered):
        again.active_requirements[0].confirm()
    assert house.effects == []


def test_a_log_that_was_cut_is_noticed(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    connection = sqlite3.connect(house.folder / "hitl.db")
    connection.execute("DELETE FROM event WHERE run_id = ? AND seq = 2", (run.run_id,))
    connection.commit()
    connection.close()
    with pytest.raises(Tampered, match="not whole"):
        engine.runs.get(run.run_id)


def test_memory_is_bounded_in_runs_and_in_lines(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = house.engine()
    agent = house.agent(engine, SCRIPT)
    monkeypatch.setattr(known, "KNOWN_RUNS", 2)
    runs = [agent.run("go", user="alice") for _ in range(3)]
    assert [engine.parts.known.get(run.run_id) is not None for run in runs] == [False, True, True]
    monkeypatch.setattr(known, "KNOWN_ENTRIES", 3)
    agent.run("go", user="alice")
    assert sum(engine.parts.known.get(run.run_id) is not None for run in runs) == 0
    assert engine.runs.get(runs[0].run_id).value == runs[0].value, "what is forgotten is read again"


def test_a_run_that_is_over_is_forgotten(house: House) -> None:
    engine = house.engine("- {id: all, gate: allow}")
    run = house.agent(engine, SCRIPT).run("go")
    assert run.state is RunState.DONE
    assert engine.parts.known.get(run.run_id) is None
