"""The interpreter: a tree of nodes as a generator of what to call and what to decide. Pure; it does nothing itself.

A run is walked from its beginning at each turn, with what was recorded sent in, so that nothing recorded is decided or
done twice, and nothing but the record needs to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, Protocol

from hitl_fsm.core.draft import NOT_EXECUTED, RAN
from hitl_fsm.errors import WorkflowStopped
from hitl_fsm.model.states import CALL_HAS_RESULT, CallState
from hitl_fsm.runtime.workflow.given import StepInput
from hitl_fsm.runtime.workflow.nodes import (
    NODES,
    RETRIES,
    Condition,
    Loop,
    Node,
    Parallel,
    Retry,
    Router,
    Step,
    Steps,
)

BRANCH, ON_ERROR = ".branch", ".error"
"""The ends of names: of the run that a branch is, and of the question after an error."""


class Planned(NamedTuple):
    """A call: of which node, with which arguments."""

    name: str
    args: dict[str, Any]


class Batch(NamedTuple):
    """Calls to make side by side; answered by an `Ended` for each, in their order."""

    calls: tuple[Planned, ...]


class Decide(NamedTuple):
    """A function of the application to ask; answered by what it said, of the type that `check` lets pass."""

    what: str
    function: Callable[..., Any]
    given: StepInput
    check: Callable[[Any], str | None]


class Ended(NamedTuple):
    """What became of a call: the state in which it ended, its result, and that as text."""

    outcome: str
    value: Any
    text: str


class Arguments(Protocol):
    """How a step's call is written."""

    def __call__(self, step: Step, given: StepInput) -> dict[str, Any]: ...


@dataclass(slots=True)
class Scope:
    """What a walk knows beside the input of the node that it is at; `wanted` is what some function asks for by name."""

    arguments: Arguments
    workflow_input: Any
    wanted: frozenset[str] = frozenset()
    feedback: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)

    def given(self, value: Any, feedback: str = "", iteration: int = 0) -> StepInput:
        return StepInput(value, dict(self.outputs), self.workflow_input, feedback or self.feedback, iteration)


Walk = Generator[Batch | Decide, Any, Any]
"""Ends with the node's output; WorkflowStopped where the workflow ends before."""

_REFUSED = frozenset({CallState.DENIED.value, CallState.WITHHELD.value})


def walk(node: Node, value: Any, scope: Scope) -> Walk:
    """What the node does with that input."""
    match node:
        case Step():
            output = yield from _step(node, value, scope)
        case Steps() | Parallel():
            output = yield from _group(node, value, scope)
        case Condition():
            output = yield from _condition(node, value, scope)
        case Loop():
            output = yield from _loop(node, value, scope)
        case Router():
            output = yield from _router(node, value, scope)
    if node.name:
        scope.outputs[node.name] = output
    return output


def in_order(nodes: Sequence[Node], value: Any, scope: Scope) -> Walk:
    """One after the other, each with the output of the one before."""
    for node in nodes:
        value = yield from walk(node, value, scope)
    return value


# -- the nodes


def _step(step: Step, value: Any, scope: Scope) -> Walk:
    feedback, rejections, errors = "", 0, 0
    while True:
        ended = yield from _call(Planned(step.name, scope.arguments(step, scope.given(value, feedback))))
        if ended.outcome in CALL_HAS_RESULT:
            return ended.value
        if ended.outcome in _REFUSED:
            if _is_again(step.on_reject, rejections):
                rejections, feedback = rejections + 1, _words(ended.text)
                continue
            return (yield from _instead(step, value, scope, ended))
        unknown = ended.outcome == CallState.OUTCOME_UNKNOWN  # only a person may have it done once more
        if (_is_again(step.on_error, errors) and not unknown) or (
            step.on_error == "ask" and (yield from _asked(step, value, ended)) == "retry"
        ):
            errors += 1
            continue
        if step.on_error in {"skip", "ask"} or _then(step.on_error) == "skip":
            return value
        _stop(f"step {step.name} failed: {ended.text}")


def _words(told: str) -> str:
    """What a person said, for whoever is to do it again: without what a model reads that is to leave it."""
    return told.removesuffix(RAN).removesuffix(NOT_EXECUTED).rstrip()


def _asked(step: Step, value: Any, failed: Ended) -> Walk:
    """What a person wants done after an error: `retry` or `skip`; WorkflowStopped for `fail`, and for no answer."""
    question = Planned(f"{step.name}{ON_ERROR}", {"error": failed.text, "input": value})
    ended = yield from _call(question)
    said = ended.value.get("decision") if isinstance(ended.value, dict) else None
    if ended.outcome != CallState.SUCCEEDED or said not in {"retry", "skip"}:
        _stop(f"step {step.name} failed: {failed.text}")
    return said


def _group(node: Steps | Parallel, value: Any, scope: Scope) -> Walk:
    if node.name:
        begun = yield from _begin(node, {"input": value}, scope)
        if isinstance(begun, _Instead):
            return begun.output
        value = begun["input"]
    if isinstance(node, Steps):
        return (yield from in_order(node.steps, value, scope))
    outputs = yield from _together([_branch(step, value, scope) for step in node.steps])
    return {step.name: output for step, output in zip(node.steps, outputs, strict=True)}


def _branch(node: Node, value: Any, scope: Scope) -> Walk:
    """What is more than a step is a run of its own, so that it waits for nobody beside it."""
    if isinstance(node, Step):
        return (yield from walk(node, value, scope))
    ended = yield from _call(Planned(f"{node.name}{BRANCH}", {"scope": told(scope, input=value)}))
    if ended.outcome != CallState.SUCCEEDED or not isinstance(ended.value, dict):
        _stop(ended.text)
    scope.outputs.update(ended.value.get("outputs", {}))
    return ended.value.get("output")


def told(scope: Scope, **value: Any) -> dict[str, Any]:
    """What a branch's own run is told, or tells: its input, or its output, and no more than some function asks for."""
    beside = {"outputs": dict(scope.outputs), "workflow_input": scope.workflow_input}
    return {**value, **{word: what for word, what in beside.items() if word in scope.wanted}}


def _condition(node: Condition, value: Any, scope: Scope) -> Walk:
    holds = yield Decide(node.name, node.when, scope.given(value), _is_bool)
    begun = yield from _begin(node, {"holds": holds, "input": value}, scope)
    if isinstance(begun, _Instead):
        return begun.output
    _require(node, begun, "holds", _is_bool)
    return (yield from in_order(node.then if begun["holds"] else node.otherwise, begun["input"], scope))


def _loop(node: Loop, value: Any, scope: Scope) -> Walk:
    for iteration in range(1, node.max_iterations + 1):
        begun = yield from _begin(node, {"iteration": iteration, "input": value}, scope)
        if isinstance(begun, _Instead):
            return begun.output
        value = yield from in_order(node.steps, begun["input"], scope)
        if node.until is not None and iteration < node.max_iterations:
            given = scope.given(value, iteration=iteration)
            if (yield Decide(f"{node.name}.until", node.until, given, _is_bool)):
                break
    return value


def _router(node: Router, value: Any, scope: Scope) -> Walk:
    args: dict[str, Any] = {"input": value}

    def is_route(route: Any) -> str | None:
        return None if route in node.routes else f"one of {', '.join(node.routes)}"

    if node.choose is not None:
        args["route"] = yield Decide(node.name, node.choose, scope.given(value), is_route)
    begun = yield from _begin(node, args, scope)
    if isinstance(begun, _Instead):
        return begun.output
    _require(node, begun, "route", is_route)
    chosen = node.choices[node.routes.index(begun["route"])]
    return (yield from walk(chosen, begun["input"], scope))


# -- calls


def _call(planned: Planned) -> Generator[Batch, Sequence[Ended], Ended]:
    (ended,) = yield Batch((planned,))
    return ended


class _Instead(NamedTuple):
    """The output of a node that was rejected, or that a person gave instead of it."""

    output: Any


def _begin(node: Node, args: dict[str, Any], scope: Scope) -> Walk:
    """The call that a node begins with: its arguments as people left them, or what is done instead."""
    rejections = 0
    while True:
        ended = yield from _call(Planned(node.name, args))
        if ended.outcome == CallState.SUCCEEDED:
            if not isinstance(ended.value, dict) or "input" not in ended.value:
                _stop(f"{node.name} was left without its input")
            return ended.value
        if ended.outcome == CallState.SUBSTITUTED:
            return _Instead(ended.value)
        if ended.outcome not in _REFUSED:
            _stop(f"{node.name} failed: {ended.text}")
        if not _is_again(node.on_reject, rejections):
            return _Instead((yield from _instead(node, args["input"], scope, ended)))
        rejections += 1


def _instead(node: Node, value: Any, scope: Scope, ended: Ended) -> Walk:
    """The output of what was rejected for good."""
    if isinstance(node.on_reject, NODES):
        return (yield from walk(node.on_reject, value, scope))
    if node.on_reject == "skip" or _then(node.on_reject) == "skip":
        return value
    _stop(f"{node.name}: {ended.text}")


def _is_again(word: object, times: int) -> bool:
    """Whether what was tried again that often may be once more."""
    if isinstance(word, Retry):
        return times < word.times
    return word == "retry" and times < RETRIES


def _then(word: object) -> str:
    return word.then if isinstance(word, Retry) else ""


def _together(branches: Sequence[Walk]) -> Walk:
    """Walk them side by side: what they call next goes into one batch. The outputs, in their order."""
    outputs: dict[int, Any] = {}
    waiting: dict[int, Batch] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(branches)))
    while True:
        for index, answer in answers.items():
            try:
                request = branches[index].send(answer)
                while isinstance(request, Decide):
                    request = branches[index].send((yield request))
                waiting[index] = request
            except StopIteration as end:
                outputs[index] = end.value
        if not waiting:
            return [outputs[index] for index in range(len(branches))]
        ended = iter((yield Batch(tuple(call for batch in waiting.values() for call in batch.calls))))
        answers = {index: [next(ended) for _ in batch.calls] for index, batch in waiting.items()}
        waiting = {}


def _require(node: Node, begun: dict[str, Any], field_name: str, check: Callable[[Any], str | None]) -> None:
    """A reviewer can put anything in the place of a result."""
    wanted = check(begun.get(field_name))
    if wanted is not None:
        _stop(f"{node.name}: `{field_name}` was left as something else than {wanted}")


def _stop(message: str) -> NoReturn:
    raise WorkflowStopped(message, help="`on_reject` and `on_error` say what else may follow")


def _is_bool(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"
