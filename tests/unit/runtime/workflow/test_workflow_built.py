"""Workflows that cannot be built, and those that are written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from flows import add, engine_of, step

from hitl_fsm import Loop, Parallel, Step, Steps, Workflow
from hitl_fsm.errors import WorkflowError
from house import House


def test_what_runs_in_a_step_belongs_to_the_same_engine(house: House) -> None:
    agent = house.agent(engine_of(house), [{"say": "x"}])
    with pytest.raises(WorkflowError, match="agent 'helper' belongs to another engine"):
        Workflow("flow", [agent], engine=engine_of(house))


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (list, "has no steps"),
        (lambda: [add("a"), add("b")], "the name 'run' stands twice"),
        (lambda: [step("a"), Loop("a", step("b"))], "the name 'a' stands twice"),
        (lambda: [step("a", on_error="ask"), Step("a.error", add("a"))], "'a.error' stands twice"),
        (lambda: [7], "int is no step"),
        (lambda: [Steps("x", [])], "no steps"),
        (lambda: [Parallel(Steps([step("a")]))], "has no name"),
        (lambda: [Step("1", add("a"))], "cannot be the name"),
        (lambda: [Step("a", 7)], "runs int"),
        (lambda: [Step("a", add("a"), on_error="ignore")], "`on_error` of a is 'ignore'"),  # type: ignore[arg-type]
        (lambda: [Step("a", lambda x, y: x)], "nobody fills in its parameter `y`"),
        (lambda: [Loop("l", step("a"), max_iterations=0)], "goes round 0 times"),
        (lambda: [lambda x: x], "cannot name its step"),
    ],
)
def test_what_cannot_be_run_cannot_be_built(house: House, steps: Any, told: str) -> None:
    engine = engine_of(house)
    with pytest.raises(WorkflowError, match=told):
        Workflow("flow", steps(), engine=engine)


def test_a_turn_writes_as_much_however_long_the_run_is(house: House) -> None:
    engine = engine_of(house)
    run = Workflow("same", [Loop("l", Step("s", lambda text: "x"), lambda text: False, 60)], engine=engine).run("-")
    sizes = [len(msgspec.json.encode(entry.event)) for entry in engine.runs.events(run.run_id)]
    tenth = len(sizes) // 10
    assert sum(sizes[-tenth:]) < 1.1 * sum(sizes[tenth : 2 * tenth])


def test_a_workflow_from_a_file(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flow_steps.py").write_text(
        "def check(order):\n    return {**order, 'checked': True}\n"
        "def is_large(order):\n    return order['amount'] > 100\n"
        "def tell(order):\n    return 'told'\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "refunds.workflow.yaml"
    file.write_text(
        "apiVersion: hitl-fsm/v1\nkind: Workflow\nname: refunds\nsteps:\n"
        "  - {step: check, run: 'flow_steps:check'}\n"
        "  - {condition: large, when: 'flow_steps:is_large', then: {step: tell, run: 'flow_steps:tell'}}\n",
        encoding="utf-8",
    )
    engine = engine_of(house, "{id: g, steps: [tell], gate: confirm}")
    flow = Workflow.load(file, engine=engine)
    assert flow.run({"amount": 5}).value.result == {"amount": 5, "checked": True}
    run = flow.run({"amount": 500}, user="alice")
    run.active_requirements[0].confirm(by="alice")
    assert Workflow.load(file, engine=engine).continue_run(run).output == "told"


def _broken() -> list[tuple[str, str]]:
    return [
        ("steps: []", "HF108"),
        ("steps: [{step: a, run: 'no_such_module_here:x'}]", "there is no module 'no_such_module_here'"),
        ("steps: [{step: a, run: 'json:no_such'}]", "json has no 'no_such'"),
        ("steps: [{step: a, run: 'json:__name__'}]", "runs str"),
    ]


@pytest.mark.parametrize(("steps", "told"), _broken())
def test_a_file_that_cannot_be_used_says_why(house: House, tmp_path: Path, steps: str, told: str) -> None:
    file = tmp_path / "w.workflow.yaml"
    file.write_text(f"apiVersion: hitl-fsm/v1\nkind: Workflow\nname: w\n{steps}\n", encoding="utf-8")
    with pytest.raises(WorkflowError, match=told):
        Workflow.load(file, engine=engine_of(house))
    with pytest.raises(WorkflowError, match="cannot be read"):
        Workflow.load(tmp_path / "gone.workflow.yaml", engine=engine_of(house))
