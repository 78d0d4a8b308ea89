"""Law 5, looked at from outside: no run and no call has come further, in row or log, than the record says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.errors import ModelError
from hitl_fsm.runtime.loop import run_sync
from hitl_fsm.runtime.record.verifying import Asked, verified
from house import House, call, calls
from laws.test_law03_at_most_once import Crash, crash_inside_the_call, crashing
from laws.test_law05_rows_and_the_record import told

pytestmark = pytest.mark.altered


def paused(house: House) -> tuple[Engine, str]:
    engine = house.engine()
    run = house.agent(engine, [calls(call("pay", to="bob", amount=5))]).run("go", user="alice")
    assert run.is_paused
    assert told(engine) == []
    return engine, run.run_id


def begun(house: House) -> tuple[Engine, str]:
    """A payment whose worker died in it."""
    engine = house.engine()
    agent = house.agent(engine, [calls(call("pay", to="bob", amount=5))], tools=[crashing(house)])
    run = agent.run("go", user="alice")
    run.active_requirements[0].confirm()
    with pytest.raises(Crash):
        asyncio.run(agent.acontinue_run(run))
    assert told(engine) == []
    return engine, run.run_id


@pytest.mark.parametrize("state", ["done", "cancelled", "failed", "continuing", "resolving", "running"])
def test_law05_a_run_that_was_moved_by_hand_is_seen(house: House, state: str) -> None:
    engine, _ = paused(house)
    house.sql("UPDATE run SET state = ?", state)
    whys = told(engine)
    assert any(why.endswith(f"says {state!r}, and the record 'paused'") for why in whys), whys


def test_law05_a_run_that_was_taken_up_again_by_hand_is_seen(house: House) -> None:
    engine = house.engine("- {id: all, gate: allow}")
    assert house.agent(engine, []).run("go", user="alice").state == "done"
    assert told(engine) == []
    house.sql("UPDATE run SET state = 'continuing'")
    assert any("and the record 'done'" in why for why in told(engine))


def test_law05_a_run_that_is_gone_though_nobody_may_forget_it_is_seen(house: House) -> None:
    engine, _ = paused(house)
    for table in ("requirement", "call", "event", "run"):
        house.sql(f"DELETE FROM {table}")
    (why,) = told(engine)
    assert why.endswith("which is not over, is gone")


def test_law05_a_run_of_which_no_line_tells_is_seen(house: House) -> None:
    engine, run_id = paused(house)
    columns = 'kind, name, "user", state, version, fence, owner, leased_until, created_at, updated_at'
    house.sql(f"INSERT INTO run (run_id, {columns}) SELECT 'run_forged', {columns} FROM run WHERE run_id = ?", run_id)
    house.sql("UPDATE run SET state = 'done' WHERE run_id = 'run_forged'")
    (why,) = told(engine)
    assert "no line of the record is about it" in why


@pytest.mark.parametrize("state", ["authorised", "executing", "succeeded", "denied", "outcome_unknown"])
def test_law05_a_call_that_was_moved_by_hand_is_seen(house: House, state: str) -> None:
    engine, _ = paused(house)
    house.sql("UPDATE call SET state = ?", state)
    (why,) = told(engine)
    assert why.endswith(f"says {state!r}, and its log 'gated'")


def test_law05_a_call_of_an_earlier_turn_that_was_moved_by_hand_is_seen(house: House) -> None:
    engine = house.engine("- {id: a, tools: look, gate: allow}\n- {id: b, tools: pay, gate: confirm}")
    run = house.agent(engine, [calls(call("look", order_id="1")), calls(call("pay", to="b", amount=1))]).run("go")
    assert run.is_paused
    assert told(engine) == []
    house.sql("UPDATE call SET state = 'failed' WHERE tool = 'look'")
    (why,) = told(engine)
    assert why.endswith("says 'failed', and its log 'succeeded'")


CALL: dict[str, tuple[str, str]] = {
    "another action": ("UPDATE call SET digest = 'ab'", "is another action"),
    "gone": ("DELETE FROM call", "is gone"),
    "one more": (
        "INSERT INTO call (run_id, call_id, tool, state, digest) SELECT run_id, '9.9', tool, state, digest FROM call",
        "is of no call in its log",
    ),
}


@pytest.mark.parametrize("what", CALL)
def test_law05_a_call_whose_row_is_another_is_seen(house: House, what: str) -> None:
    engine, _ = paused(house)
    statement, why = CALL[what]
    house.sql(statement)
    assert any(one.endswith(why) for one in told(engine))


def test_law05_a_result_that_was_written_into_log_and_rows_is_seen(house: House) -> None:
    """The engine has only these to go by: it would go on as if the tool had returned."""
    engine, run_id = begun(house)
    ((version,),) = house.sql("SELECT version FROM run")
    ((body,),) = house.sql("SELECT body FROM event WHERE seq = ?", version)
    entry: dict[str, Any] = json.loads(bytes(body))
    (called,) = entry["event"]["call_ids"]
    entry |= {"seq": version + 1, "event": {"type": "call_returned", "call_id": called, "result": "paid"}}
    forged = json.dumps(entry).encode()
    house.sql("INSERT INTO event (run_id, seq, body) VALUES (?, ?, ?)", run_id, version + 1, forged)
    house.sql("UPDATE run SET version = ?", version + 1)
    house.sql("UPDATE call SET state = 'succeeded'")
    (why,) = told(engine)
    assert why.endswith(f"has the call {called!r} succeeded, and the record 'started'")


def test_law05_a_crash_and_what_a_person_says_of_it_is_no_finding(house: House) -> None:
    engine, _, _ = crash_inside_the_call(house)
    assert told(engine) == []


def test_law05_the_log_of_a_run_that_failed_is_replayed_too(house: House) -> None:
    """Somebody may take it up again."""

    def away(_request: Any) -> Any:
        raise ModelError("the model is down")

    engine = house.engine("- {id: all, gate: allow}")
    run = house.agent(engine, [calls(call("pay", to="bob", amount=500)), away]).run("go", user="alice")
    assert run.state == "failed"
    assert told(engine) == []
    house.sql("UPDATE call SET state = 'authorised'")
    (why,) = told(engine)
    assert why.endswith("says 'authorised', and its log 'succeeded'")


def test_law05_a_run_that_was_moved_by_hand_is_seen_also_where_its_lines_were_verified_before(keyed: House) -> None:
    engine, _ = paused(keyed)
    before = run_sync(engine.store.sign())
    assert before is not None
    assert verified(engine.store, Asked(since=before.note)).intact
    keyed.sql("UPDATE run SET state = 'cancelled'")
    found = [one.what for one in verified(engine.store, Asked(since=before.note)).findings]
    assert any("says 'cancelled', and the record 'paused'" in what for what in found), found
