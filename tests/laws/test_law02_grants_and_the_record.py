"""What a grant is for and what its uses came to is held against what stands beside its lines."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest

from hitl_fsm import Sensitive, tool
from hitl_fsm.model.answer import GrantTerms
from hitl_fsm.runtime.loop import run_sync
from house import House, call, calls
from laws.test_law02_grants import RULES, paid, pay, remembered
from laws.test_law05_rows_and_the_record import reworked, told

altered = pytest.mark.altered


@altered
@pytest.mark.parametrize("spent", ["0", "2.9", "3.1", "100", "a lot"])
def test_law02_a_budget_that_was_filled_up_by_hand_is_seen(keyed: House, spent: str) -> None:
    engine = keyed.engine(RULES)
    remembered(keyed, engine)
    paid(keyed, engine, pay(1), pay(2))
    assert told(engine) == []
    keyed.sql("UPDATE permission SET spent = ?", spent)
    (why,) = told(engine)
    assert f"has spent {spent!r}" in why


@altered
def test_law02_a_budget_that_was_filled_up_by_hand_is_seen_though_its_runs_were_forgotten(keyed: House) -> None:
    engine = keyed.engine(RULES)
    remembered(keyed, engine, GrantTerms("agent"))
    paid(keyed, engine, pay(1), pay(2))
    keyed.clock.advance(60_000)
    assert engine.prune(before=keyed.clock.now(), by="otto").forgotten == 2
    assert told(engine) == []
    keyed.sql("UPDATE permission SET spent = '0'")
    (why,) = told(engine)
    assert why.endswith("has spent '0', and the record 3")


@altered
@pytest.mark.parametrize("changed", [{"to": "eve"}, {"amount": 11}, {"amount": True}, {"memo": "x"}])
def test_law05_arguments_of_a_grant_whose_run_was_forgotten_are_held_against_the_record(
    keyed: House, changed: dict[str, Any]
) -> None:
    engine = keyed.engine(RULES)
    remembered(keyed, engine, amount=1)
    keyed.clock.advance(60_000)
    assert engine.prune(before=keyed.clock.now(), by="otto").forgotten == 1
    assert told(engine) == []
    reworked(keyed, "permission", lambda row: row["args"].update(changed))
    (why,) = told(engine)
    assert why.endswith("has other arguments than the record")


@altered
def test_law02_nobody_is_accused_where_what_stands_beside_the_lines_cannot_be_opened(keyed: House) -> None:
    engine = keyed.engine(RULES)
    remembered(keyed, engine)
    paid(keyed, engine, pay(1))
    keyed.sql("DELETE FROM content")
    assert told(engine) == []


def test_law02_what_was_redacted_or_masked_is_no_finding(keyed: House) -> None:
    @tool
    def wire(card: Annotated[str, Sensitive], key: str, deep: dict[str, Any]) -> str:
        """Send money."""
        return "sent"

    engine = keyed.engine("- {id: all, gate: {confirm: {grant: {max: 3, for: 1h, scope: [agent]}}}}")
    args = {"card": "4111", "key": "AKIAIOSFODNN7EXAMPLE", "deep": {"memo": ["card 4111 1111 1111 1111", 1.5, None]}}
    several = [calls(call("wire", **args)), calls(call("wire", **args))]
    run = keyed.agent(engine, several, tools=[wire]).run("go", user="alice")
    run.active_requirements[0].confirm(by="alice", grant=GrantTerms("agent"))
    run = engine.advance(run.run_id)
    assert run.state == "done"
    lines = run_sync(engine.store.records(run_id=run.run_id, limit=100))
    (made,) = [line.seq for line in lines if json.loads(line.body)["event"] == "grant_made"]
    beside = json.dumps(run_sync(engine.store.contents([made])), ensure_ascii=False)
    assert "4111" not in beside
    assert "redacted" in beside
    report = engine.audit.verify()
    assert report.intact, report.findings
