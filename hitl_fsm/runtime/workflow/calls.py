"""The calls that a workflow's nodes make: what is checked, judged and run under each name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec.structs import replace

from hitl_fsm.errors import ToolError
from hitl_fsm.model.action import Aspect, Below
from hitl_fsm.runtime.recipe import Recipe
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.tools.tool import AnyTool, Declaration, Tool, current_call
from hitl_fsm.runtime.workflow.given import StepInput, Taking, taking
from hitl_fsm.runtime.workflow.nodes import Condition, Loop, Node, Parallel, Router, Step, Steps
from hitl_fsm.runtime.workflow.plan import BRANCH, ON_ERROR

BRANCH_KIND = "branch"
"""The kind of a branch's run: it is no workflow of its own, and what happens in it happens in the workflow."""
DECISIONS = ("retry", "skip", "fail")
"""What a person may say after an error."""
_WHOLE = {"outputs": dict[str, Any], "workflow_input": Any, "feedback": str}
_PERSONS = "A person looked at it and wants it done again"


class NodeCall:
    """One name that a workflow calls: its tool, and the aspects in which it is judged.

    `write` makes a step's arguments of what it is given; `wants` is what its function names beside the input. `below`
    says what run carries it out, and `runs` by which recipe, where it is not a branch of the workflow itself.
    """

    __slots__ = ("aspects", "below", "runs", "tool", "wants", "write")

    def __init__(
        self,
        tool: AnyTool,
        aspects: tuple[Aspect, ...],
        *,
        write: Callable[[StepInput], dict[str, Any]] | None = None,
        wants: tuple[str, ...] = (),
    ) -> None:
        self.tool = tool
        self.aspects = aspects
        self.write = write
        self.wants = wants
        self.below: Below | None = None
        self.runs: Recipe | None = None


def node_calls(node: Node) -> Mapping[str, NodeCall]:
    """What the node itself calls; not what the nodes in it do. That of a branch is not among them."""
    match node:
        case Step():
            calls = {node.name: _step(node)}
            if node.on_error == "ask":
                calls[f"{node.name}{ON_ERROR}"] = _error_question(node.name)
            return calls
        case Steps() | Parallel():
            fields: dict[str, Any] = {"input": Any}
        case Condition():
            fields = {"holds": bool, "input": Any}
        case Loop():
            fields = {"iteration": int, "input": Any}
        case Router():
            fields = {"route": Literal[node.routes], "input": Any}
    if not node.name:
        return {}
    asks = _choice("Which way?", "route", node.routes) if isinstance(node, Router) and node.choose is None else None
    aspect = Aspect("step", node.name, acts=False, asks=asks)
    return {node.name: NodeCall(_echo(node.name, _BEGINS[type(node)], fields), (aspect,))}


_BEGINS: dict[type, str] = {
    Steps: "Several steps in a row begin.",
    Parallel: "Steps side by side begin.",
    Condition: "One of two ways is taken: `holds` says which.",
    Loop: "An iteration of a loop begins.",
    Router: "One of several ways is taken: `route` is its name.",
}


def branch_call(node: Node) -> tuple[str, NodeCall]:
    """A branch of a Parallel that is more than a step: a run of its own, of the same workflow."""
    name = f"{node.name}{BRANCH}"
    tool = _echo(name, "A branch begins.", {"scope": dict[str, Any]})
    call = NodeCall(tool, (Aspect("branch", name, acts=False),))
    call.below = Below(BRANCH_KIND, node.name, "scope")
    return name, call


def _step(step: Step) -> NodeCall:
    if isinstance(step.run, Runnable):
        return _run_step(step, step.run)
    if isinstance(step.run, Tool):
        return _tool_step(step, step.run)
    return _function_step(step, taking(step.run, f"step `{step.name}`"))


def _run_step(step: Step, run: Runnable) -> NodeCall:
    recipe = run.recipe
    aspects = (Aspect("step", step.name, acts=False), Aspect("start", recipe.name, acts=False))

    def write(given: StepInput) -> dict[str, Any]:
        return {"input": _with_feedback(given)}

    text = step.description or f"The {recipe.kind} {recipe.name} runs."
    call = NodeCall(_echo(step.name, text, {"input": Any}), aspects[: 2 - (recipe.kind == "workflow")], write=write)
    call.below, call.runs = Below(recipe.kind, recipe.name), recipe
    return call


def _with_feedback(given: StepInput) -> Any:
    if not given.feedback:
        return given.input
    if isinstance(given.input, str):
        return f"{given.input}\n\n{_PERSONS}: {given.feedback}"
    return {"input": given.input, "feedback": given.feedback}


def _tool_step(step: Step, tool: AnyTool) -> NodeCall:
    """Its arguments are the tool's own, so that the policies of the tool hold, too."""
    description = step.description or tool.declaration.description
    named = Tool(tool.function, replace(tool.declaration, name=step.name, description=description))

    def write(given: StepInput) -> dict[str, Any]:
        names = tool.parameters
        if isinstance(given.input, dict) and set(given.input) <= set(names):
            return dict(given.input)
        return {names[0]: given.input} if names else {}

    called = Aspect("tool", tool.name, acts=not tool.dynamic)  # a question to a person executes nothing
    return NodeCall(named, (Aspect("step", step.name, acts=False), called), write=write)


def _function_step(step: Step, takes: Taking) -> NodeCall:
    """A plain function as a tool whose arguments are `input` and what else it names."""
    wanted = tuple(word for word in takes.wanted if word != "iteration")
    fields = {"input": takes.annotation, **{word: _WHOLE[word] for word in wanted}}
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default="" if name == "feedback" else inspect.Parameter.empty,
        )
        for name, annotation in fields.items()
    ]
    function = takes.function

    def arguments(values: dict[str, Any]) -> dict[str, Any]:
        values["feedback"] = values.get("feedback") or current_call().feedback
        found = takes.arguments(StepInput(**values))
        return {**found, takes.context: current_call()} if takes.context else found

    def plain(**values: Any) -> Any:
        return function(**arguments(values))

    async def later(**values: Any) -> Any:
        return await function(**arguments(values))

    run: Any = later if inspect.iscoroutinefunction(function) else plain
    run.__wrapped__ = function  # whose module its types are read in
    run.__signature__ = inspect.Signature(parameters)
    run.__doc__ = function.__doc__
    tool = _declared(run, Declaration(step.name, description=step.description or None), step.name)

    def write(given: StepInput) -> dict[str, Any]:
        return {name: getattr(given, name) for name in fields}

    return NodeCall(tool, (Aspect("step", step.name),), write=write, wants=wanted)


def _error_question(name: str) -> NodeCall:
    fields = {"decision": Literal[DECISIONS], "error": str, "input": Any}
    question = f"{name}{ON_ERROR}"
    text = "The step failed: it is tried again, skipped, or the workflow fails."
    aspect = Aspect("step", question, acts=False, asks=_choice("It failed. What is to be done?", "decision", DECISIONS))
    return NodeCall(_echo(question, text, fields), (aspect,))


def _choice(question: str, name: str, words: tuple[str, ...]) -> dict[str, Any]:
    field = {"type": "string", "enum": list(words)}
    return {"type": "object", "title": question, "properties": {name: field}, "required": [name]}


def _echo(name: str, description: str, fields: Mapping[str, Any]) -> AnyTool:
    """A tool that does nothing and returns its arguments: what people made of them is what is followed."""

    def given(**values: Any) -> dict[str, Any]:
        return values

    parameters = [
        inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for one, kind in fields.items()
    ]
    given.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return _declared(given, Declaration(name, idempotent=True, description=description), name)


def _declared(function: Callable[..., Any], declaration: Declaration, name: str) -> AnyTool:
    try:
        return Tool(function, declaration)
    except ToolError as error:
        msg = f"step `{name}`: {error.message}"
        raise ToolError(msg, help=error.help) from error
