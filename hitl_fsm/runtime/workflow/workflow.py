"""A workflow: steps in a fixed order, each of them under the engine's policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hitl_fsm.errors import WorkflowError
from hitl_fsm.runtime.engine import Engine
from hitl_fsm.runtime.limits import Limits
from hitl_fsm.runtime.recipe import Recipe, Standing
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.workflow.calls import BRANCH_KIND, NodeCall
from hitl_fsm.runtime.workflow.nodes import Node
from hitl_fsm.runtime.workflow.planner import Planner
from hitl_fsm.runtime.workflow.program import Program, branches, names_of, own_nodes, program

MODEL = "workflow"
"""What stands for a model's name in the record of a workflow's run."""


class Workflow(Runnable):
    """Steps in a fixed order. The public door is `connect.Workflow`, which also loads files."""

    def __init__(self, name: str, steps: Sequence[Any], *, engine: Engine) -> None:
        made = program(name, steps)
        _check_engine(name, made, engine)
        self._program = made
        super().__init__(engine, recipe_of(name, made))

    @property
    def steps(self) -> tuple[Node, ...]:
        return self._program.nodes


def _check_engine(name: str, made: Program, engine: Engine) -> None:
    """What runs in a step is judged by the workflow's policies; it must not have been built for others."""
    for run in made.runs:
        if run.engine is not engine:
            msg = f"workflow {name!r}: {run.recipe.kind} {run.name!r} belongs to another engine"
            raise WorkflowError(msg, help="build both with the same engine: one store, one set of policies")


def recipe_of(name: str, made: Program) -> Recipe:
    """What the engine needs to advance its runs; branches are runs of their own inside it."""
    return _recipe("workflow", name, made, Planner(name, made), made.nodes)


def _recipe(kind: str, name: str, made: Program, planner: Planner, nodes: Sequence[Node]) -> Recipe:
    """That of a run which walks these nodes."""
    calls: dict[str, NodeCall] = {}
    below: dict[str, Recipe] = {}
    for node in own_nodes(nodes):
        for called in names_of(node, made):
            calls[called] = call = made.calls[called]
            if call.runs is not None:
                _add(below, call.runs, planner.name)
        for branch in branches(node):
            inside = Planner(planner.name, made, branch)
            _add(below, _recipe(BRANCH_KIND, branch.name, made, inside, [branch]), planner.name)

    def standing(tool: str, args: Mapping[str, Any]) -> Standing:
        del args
        return Standing(calls[tool].aspects, calls[tool].below)

    return Recipe(
        kind=kind,
        name=name,
        model_name=MODEL,
        model=planner,
        tools={called: call.tool for called, call in calls.items()},
        limits=Limits(turns=None),
        below=below,
        standing=standing,
    )


def _add(below: dict[str, Recipe], recipe: Recipe, name: str) -> None:
    known = below.setdefault(recipe.name, recipe)
    if known is not recipe:
        msg = f"workflow {name!r}: two things that run in it have the name {recipe.name!r}"
        raise WorkflowError(msg, help=f"a {known.kind} and a {recipe.kind}; give one of them another name")
