"""The digest of a review binds a yes to one result, and tells nobody what that result was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hitl_fsm import Engine
from hitl_fsm.audit.canonical import review_digest
from hitl_fsm.core.facts import content_digest
from hitl_fsm.model.states import RunState
from house import House, call, calls

REVIEW = "- {id: all, gate: review}"
SECRET = "order s3cret-77"
SCRIPT = [calls(call("look", order_id="s3cret-77"))]


def reviewed(house: House) -> tuple[Engine, Any]:
    """The engine, and the run that waits for the review of its only call."""
    engine = house.engine(REVIEW)
    return engine, house.agent(engine, SCRIPT).run("go", user="alice")


def test_law05_nobody_can_try_what_a_result_was(house: House) -> None:
    """The line of a review has all that its digest is made of, but the result and the run's salt."""
    engine, run = reviewed(house)
    (asked,) = run.active_requirements
    lines = [msgspec.json.decode(line.body) for line in engine.audit.records(run_id=run.run_id)]
    held = next(line["data"] for line in lines if line["event"] == "call_held")
    opened = next(line["data"] for line in lines if line["event"] == "requirement_opened")
    assert opened["digest"] == asked.digest
    tried = review_digest(held["digest"], held["execution"], content_digest(SECRET))
    assert asked.digest != tried
    assert asked.digest == review_digest(held["digest"], held["execution"], content_digest(SECRET), salt=run.value.salt)


def test_a_review_that_was_opened_before_results_were_salted_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitl_fsm.runtime.beginning.SALTED_REVIEWS", "")
    _, run = reviewed(house)
    monkeypatch.undo()
    engine = house.engine(REVIEW)
    (asked,) = engine.runs.get(run.run_id).active_requirements
    assert asked.digest == review_digest(run.calls[0].digest, 1, content_digest(SECRET))
    asked.accept(by="alice")
    done = house.agent(engine, SCRIPT).continue_run(run_id=run.run_id)
    assert done.state is RunState.DONE
