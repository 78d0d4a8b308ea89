"""A checked tree of nodes with all that its calls need: made once, when a workflow is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hitl_fsm.errors import WorkflowError
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.workflow.calls import NodeCall, branch_call, node_calls
from hitl_fsm.runtime.workflow.given import StepInput, Taking, taking
from hitl_fsm.runtime.workflow.nodes import (
    DEPTH_MAX,
    NODES_MAX,
    Condition,
    Loop,
    Node,
    Parallel,
    Router,
    Step,
    as_nodes,
    children,
)
from hitl_fsm.runtime.workflow.plan import BRANCH, ON_ERROR


@dataclass(frozen=True, slots=True)
class Program:
    """`nodes` are done in order; `calls` has everything that may be called in one run of it, `wanted` what some
    function names beside its input; `takes` is how each function that decides is called.
    """

    nodes: tuple[Node, ...]
    calls: Mapping[str, NodeCall]
    wanted: frozenset[str]
    takes: Mapping[Callable[..., Any], Taking]

    @property
    def runs(self) -> tuple[Runnable, ...]:
        """What stands in its steps and is run itself."""
        found = [node.run for node in _all(self.nodes, 1) if isinstance(node, Step)]
        return tuple(run for run in found if isinstance(run, Runnable))

    def arguments(self, step: Step, given: StepInput) -> dict[str, Any]:
        """How the step's call is written."""
        write = self.calls[step.name].write
        if write is None:
            msg = f"{step.name} is no step"
            raise WorkflowError(msg)
        return write(given)


def program(name: str, steps: Sequence[Any]) -> Program:
    """The workflow's steps, checked: names are unique, nothing is too deep; WorkflowError otherwise."""
    nodes = as_nodes(steps, f"workflow {name!r}")
    calls: dict[str, NodeCall] = {}
    takes: dict[Callable[..., Any], Taking] = {}
    for count, node in enumerate(_all(nodes, 1)):
        if count == NODES_MAX:
            _refuse(name, f"it has more than {NODES_MAX} nodes", "make a part of it a workflow of its own")
        for called, call in (*node_calls(node).items(), *map(branch_call, branches(node))):
            if called in calls:
                _refuse(name, f"the name {called!r} stands twice in it", 'give one of them another: Step("name", …)')
            calls[called] = call
        for what, function in _functions(node):
            takes[function] = taking(function, f"`{what}` of {node.name}")
    wanted = {word for call in calls.values() for word in call.wants}
    wanted.update(word for one in takes.values() for word in one.wanted)
    return Program(nodes, calls, frozenset(wanted), takes)


def branches(node: Node) -> tuple[Node, ...]:
    """Those of its children that are runs of their own: the branches of a Parallel that are more than a step."""
    return tuple(step for step in node.steps if not isinstance(step, Step)) if isinstance(node, Parallel) else ()


def own_nodes(nodes: Sequence[Node]) -> Iterator[Node]:
    """These and the nodes in them, without what is done by a run of its own."""
    for node in nodes:
        yield node
        apart = branches(node)
        yield from own_nodes([child for child in children(node) if child not in apart])


def names_of(node: Node, made: Program) -> Iterator[str]:
    """What the node itself calls, its branches among it."""
    names = (node.name, f"{node.name}{ON_ERROR}", *(f"{branch.name}{BRANCH}" for branch in branches(node)))
    return (name for name in names if name in made.calls)


def _all(nodes: tuple[Node, ...], depth: int) -> Iterator[Node]:
    if depth > DEPTH_MAX and nodes:
        msg = f"a workflow is deeper than {DEPTH_MAX} nodes inside each other"
        raise WorkflowError(msg, help="make a part of it a workflow of its own")
    for node in nodes:
        yield node
        yield from _all(children(node), depth + 1)


def _functions(node: Node) -> Iterator[tuple[str, Callable[..., Any]]]:
    match node:
        case Condition():
            yield "when", node.when
        case Loop() if node.until is not None:
            yield "until", node.until
        case Router() if node.choose is not None:
            yield "choose", node.choose


def _refuse(name: str, message: str, help_text: str) -> None:
    msg = f"workflow {name!r}: {message}"
    raise WorkflowError(msg, help=help_text)
