"""Law 5, looked at from outside: no row and no log has other arguments than the record is about, and verify sees it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hitl_fsm import Engine
from hitl_fsm.core.replay import replay
from hitl_fsm.errors import Tampered
from hitl_fsm.model.answer import Approve, GrantTerms
from hitl_fsm.model.requirement import Requirement
from hitl_fsm.runtime.loop import run_sync
from house import House
from laws.test_law02_grants import RULES, paid, pay, remembered
from laws.test_law13_people import bank

pytestmark = pytest.mark.altered

Change = Callable[[dict[str, Any]], None]


def reworked(house: House, table: str, change: Change) -> None:
    """Somebody at the database changes the only row of a table."""
    ((number, body),) = house.sql(f"SELECT id, body FROM {table}")
    row = json.loads(bytes(body))
    change(row)
    house.sql(f"UPDATE {table} SET body = ? WHERE id = ?", json.dumps(row).encode(), number)


def told(engine: Engine) -> list[str]:
    report = engine.audit.verify()
    found = [one.what for one in report.findings if one.kind == "answer"]
    assert (report.verdict == "tampered") == bool(found), report
    return found


def other_amount(row: dict[str, Any]) -> None:
    row["args"]["amount"] = 1


QUESTION: dict[str, tuple[Change, str]] = {
    "arguments": (other_amount, "args differs"),
    "what the model said": (lambda row: row.update(said="only a small one"), "said differs"),
    "who asks": (lambda row: row.update(user="bob"), "user differs"),
    "whom it is for": (lambda row: row["question"].update(of=["role:sales"]), "question differs"),
    "the action": (lambda row: row.update(digest="ab" * 32), "another action than the record"),
}


@pytest.mark.parametrize("what", QUESTION)
def test_law05_a_row_of_an_open_question_that_was_changed_is_seen_and_lets_nothing_run(house: House, what: str) -> None:
    engine = house.engine(RULES)
    run = paid(house, engine, amount=500)
    assert told(engine) == []
    change, why = QUESTION[what]
    reworked(house, "requirement", change)
    assert any(why in one for one in told(engine)), told(engine)
    with pytest.raises(Tampered):
        house.engine(RULES).resolve(run.active_requirements[0].id, Approve(), by="maria")
    assert house.effects == []


def test_law05_a_row_of_an_open_question_that_is_gone_is_seen(house: House) -> None:
    engine = house.engine(RULES)
    paid(house, engine)
    house.sql("DELETE FROM requirement")
    (why,) = told(engine)
    assert "is gone" in why


def test_law05_a_log_and_its_rows_that_were_changed_alike_are_seen(house: House) -> None:
    """The engine has only these to go by; what the model asked for, and was judged, is on the record."""
    engine = house.engine(RULES)
    run = paid(house, engine, amount=500)
    for seq, body in house.sql("SELECT seq, body FROM event WHERE run_id = ?", run.run_id):
        forged = bytes(body).replace(b"500", b"7")
        house.sql("UPDATE event SET body = ? WHERE run_id = ? AND seq = ?", forged, run.run_id, seq)
    stored = run_sync(engine.store.load(run.run_id))
    assert stored is not None
    forged_run, _ = replay(stored.entries)
    assert forged_run is not None
    (asked,) = forged_run.requirements
    assert asked.args["amount"] == 7
    _put(house, asked)
    whys = told(engine)
    assert any("another action than the record" in one for one in whys), whys


def _put(house: House, asked: Requirement) -> None:
    import msgspec

    house.sql("UPDATE requirement SET digest = ?, body = ?", asked.digest, msgspec.json.encode(asked))
    house.sql("UPDATE call SET digest = ?", asked.digest)


GRANT: dict[str, tuple[Change, str]] = {
    "other arguments": (lambda row: row["args"].update(to="eve"), "is not what the log of the run says"),
    "an argument that may vary": (lambda row: row["vary"].append("to"), "another 'vary'"),
    "a larger budget": (lambda row: row.update(budget=1_000_000), "another 'budget'"),
    "for every run": (lambda row: row.pop("run_id"), "another 'run_id'"),
    "for everybody": (lambda row: row.pop("user"), "another 'user'"),
    "somebody else's word": (lambda row: row["by"][0].update(id="eve"), "is not what the log of the run says"),
}


@pytest.mark.parametrize("what", GRANT)
def test_law05_a_grant_that_was_widened_is_seen(house: House, what: str) -> None:
    engine = house.engine(RULES)
    remembered(house, engine, GrantTerms("run"))
    assert told(engine) == []
    change, why = GRANT[what]
    reworked(house, "permission", change)
    assert any(why in one for one in told(engine)), told(engine)


@pytest.mark.parametrize("used", [0, 1, 3])
def test_law02_a_grant_that_says_it_was_used_otherwise_is_seen(house: House, used: int) -> None:
    engine = house.engine(RULES)
    remembered(house, engine)
    paid(house, engine, pay(1), pay(2))
    assert told(engine) == []
    house.sql("UPDATE permission SET used = ?", used)
    (why,) = told(engine)
    assert why.endswith(f"has {used} uses, and the record 2")


def test_law13_a_delegation_that_was_widened_is_seen(house: House) -> None:
    engine = bank(house)
    engine.delegations.add("frank", by="carla", roles=["auditor"], until="2026-03-10")
    assert told(engine) == []
    reworked(house, "delegation", lambda row: row.pop("roles"))
    (why,) = told(engine)
    assert "another 'roles'" in why
