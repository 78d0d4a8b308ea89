"""Which run is to go on: whatever is given that is none, the error says what to give."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_fsm.errors import RunNotFound
from house import House, call, calls


@pytest.mark.parametrize(
    ("given", "named", "told"),
    [
        ("run_x", None, "was given 'run_x', which is no run"),
        (7, None, "was given 7, which is no run"),
        (None, None, "needs a run"),
        ("the run", "run_other", "run_id is run_other"),
    ],
)
def test_what_is_no_run_is_told_with_what_to_give(house: House, given: Any, named: str | None, told: str) -> None:
    agent = house.agent(house.engine(), [calls(call("pay", to="bob", amount=5))])
    run = agent.run("go", user="alice")
    with pytest.raises(RunNotFound, match=told) as refused:
        agent.continue_run(run if given == "the run" else given, run_id=named)
    assert refused.value.help
    with pytest.raises(RunNotFound, match=told):
        list(agent.continue_run(run if given == "the run" else given, run_id=named, stream=True))
    assert agent.continue_run(run, run_id=run.run_id).is_paused
