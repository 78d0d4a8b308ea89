"""Law 5 after an upgrade: the row of a question that an older release asked says less than its run's log, honestly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hitl_fsm.model.states import RunState
from house import House, call, calls

RULES = "- {id: all, gate: {approval: {of: [role:finance]}}}"
SCRIPT: list[Any] = [{"say": "I pay bob.", **calls(call("pay", to="bob", amount=5))}, {"say": "done"}]
BEFORE_VOTES = ("said", "said_cut", "proposed", "editors", "approvers")
BEFORE_RUNS_IN_RUNS = ("path", *BEFORE_VOTES)


@pytest.mark.parametrize("untold", [BEFORE_VOTES, BEFORE_RUNS_IN_RUNS])
def test_law05_what_an_older_release_asked_is_as_the_log_tells_it_and_is_answered(
    house: House, untold: tuple[str, ...]
) -> None:
    engine = house.engine(RULES)
    run = house.agent(engine, SCRIPT).run("go", user="alice")
    ((body,),) = house.sql("SELECT body FROM requirement")
    row = json.loads(bytes(body))
    assert {"path", "said"} <= row.keys()
    older = {name: value for name, value in row.items() if name not in untold}
    house.sql("UPDATE requirement SET body = ?", json.dumps(older, separators=(",", ":"), ensure_ascii=False).encode())
    report = engine.audit.verify()
    assert report.intact, report.findings
    later = house.engine(RULES)
    later.runs.get(run.run_id).active_requirements[0].confirm(by="maria")
    assert house.agent(later, SCRIPT).continue_run(run_id=run.run_id).state is RunState.DONE
    assert len(house.effects) == 1
