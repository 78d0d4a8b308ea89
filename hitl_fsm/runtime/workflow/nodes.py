"""What a workflow is written with: `Step`, `Steps`, `Parallel`, `Condition`, `Loop`, `Router`. Frozen values.

Which of them need a person stands in the policies, by their names (`steps: [payout]`); what becomes of a "no" or of an
error stands here, beside the step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from hitl_fsm.errors import WorkflowError
from hitl_fsm.policy.workflows.limits import ITERATIONS_MAX, RETRIES_MAX, STEP_NAME, STEP_NAME_MAX
from hitl_fsm.runtime.agents.reply import CALLS_PER_REPLY
from hitl_fsm.runtime.runnable import Runnable
from hitl_fsm.runtime.tools.tool import Tool

RETRIES = 3
"""Times that a step is tried again where `retry` names no number."""
ITERATIONS = 3
"""Times that a loop goes round at most where it names no number."""
NODES_MAX = 1_000
"""Nodes of one workflow, those of the workflows in its steps not counted."""
DEPTH_MAX = 32
"""Nodes inside each other in one workflow."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Once more, `times` at most; `then` the word holds that ends it."""

    times: int = RETRIES
    then: Literal["stop", "skip"] = "stop"

    def __post_init__(self) -> None:
        if type(self.times) is not int or not 1 <= self.times <= RETRIES_MAX:
            _refuse(f"Retry({self.times!r}) is no number of times", f"1 to {RETRIES_MAX}")
        if self.then not in {"stop", "skip"}:
            _refuse(f"Retry(then={self.then!r}) is unknown", "it is stop or skip")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: `run` is an Agent, a Team, a Workflow, a function or a `@tool`.

    It gets the output of the step before, the first one the workflow's input, and its result is its output.
    `on_reject`, where a person or a policy said no before it began, or a reviewer kept its result back: `cancel` ends
    the workflow, `skip` goes on with what the step was given, `retry` asks again and hands the step what the person
    said, and a node is done instead. `on_error`, where it failed: `fail` ends the workflow, `skip`, `retry`, or `ask`:
    a person says whether to try again, to skip it or to fail.
    """

    name: str
    run: Any
    on_reject: OnReject = "cancel"
    on_error: OnError = "fail"
    description: str = ""

    def __post_init__(self) -> None:
        _check_name("Step", self.name)
        if not isinstance(self.run, Runnable) and not callable(self.run):
            _refuse(f"step `{self.name}` runs {type(self.run).__name__}", "an Agent, a Team, a Workflow or a function")
        _check_word(self, "on_reject", ("cancel", "skip", "retry"))
        _check_word(self, "on_error", ("fail", "skip", "retry", "ask"))


@dataclass(frozen=True, slots=True, init=False)
class Steps:
    """Several in a row, as one: `Steps("intake", [read, check])`. A name makes its beginning a step of its own."""

    name: str
    steps: tuple[Node, ...]
    on_reject: OnReject

    def __init__(
        self, name: str | Sequence[Any] = "", steps: Sequence[Any] = (), *, on_reject: OnReject = "cancel"
    ) -> None:
        if not isinstance(name, str):
            name, steps = "", name
        _set(self, name=name, steps=as_nodes(steps, f"Steps({name!r})"), on_reject=on_reject)
        _check_group(self)


@dataclass(frozen=True, slots=True, init=False)
class Parallel:
    """Side by side: each gets the same input, none waits for another; the output has each one's under its name."""

    name: str
    steps: tuple[Node, ...]
    on_reject: OnReject

    def __init__(self, *steps: Any, name: str = "", on_reject: OnReject = "cancel") -> None:
        _set(self, name=name, steps=as_nodes(steps, f"Parallel({name!r})"), on_reject=on_reject)
        _check_group(self)
        if len(self.steps) > CALLS_PER_REPLY:
            _refuse(f"a Parallel has {len(self.steps)} branches", f"it takes {CALLS_PER_REPLY}")
        for step in self.steps:
            if not step.name:
                _refuse("a branch of a Parallel has no name", 'its output is kept under it: Steps("name", [...])')


@dataclass(frozen=True, slots=True, init=False)
class Condition:
    """`then` where `when` is True, else `otherwise` (nothing: the input goes on as it is).

    `when` is a function of what a step would be given; it returns True or False.
    """

    name: str
    when: Callable[..., Any]
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...]
    on_reject: OnReject

    def __init__(
        self, name: str, when: Callable[..., Any], then: Any, otherwise: Any = (), *, on_reject: OnReject = "cancel"
    ) -> None:
        _check_name("Condition", name)
        _check_function(name, "when", when)
        rest = as_nodes(otherwise, f"`otherwise` of {name}") if _is_something(otherwise) else ()
        _set(self, name=name, when=when, then=as_nodes(then, f"`then` of {name}"), otherwise=rest, on_reject=on_reject)
        _check_word(self, "on_reject", ("cancel", "skip", "retry"))


@dataclass(frozen=True, slots=True, init=False)
class Loop:
    """`steps` again and again, each time with the last output, until `until` is True of it, `max_iterations` at most.

    The beginning of each iteration is a step of its own, named as the loop. Where one is rejected and skipped, the loop
    ends with the last output.
    """

    name: str
    steps: tuple[Node, ...]
    until: Callable[..., Any] | None
    max_iterations: int
    on_reject: OnReject

    def __init__(
        self,
        name: str,
        steps: Any,
        until: Callable[..., Any] | None = None,
        max_iterations: int = ITERATIONS,
        *,
        on_reject: OnReject = "cancel",
    ) -> None:
        _check_name("Loop", name)
        if until is not None:
            _check_function(name, "until", until)
        if type(max_iterations) is not int or not 1 <= max_iterations <= ITERATIONS_MAX:
            _refuse(f"loop `{name}` goes round {max_iterations!r} times", f"max_iterations is 1 to {ITERATIONS_MAX}")
        made = as_nodes(steps, f"loop `{name}`")
        _set(self, name=name, steps=made, until=until, max_iterations=max_iterations, on_reject=on_reject)
        _check_word(self, "on_reject", ("cancel", "skip", "retry"))


@dataclass(frozen=True, slots=True, init=False)
class Router:
    """One of `choices`, by its name, as `choose` says; without it a person is always asked."""

    name: str
    choices: tuple[Node, ...]
    choose: Callable[..., Any] | None
    on_reject: OnReject

    def __init__(
        self,
        name: str,
        choices: Sequence[Any],
        choose: Callable[..., Any] | None = None,
        *,
        on_reject: OnReject = "cancel",
    ) -> None:
        _check_name("Router", name)
        if choose is not None:
            _check_function(name, "choose", choose)
        made = as_nodes(choices, f"router `{name}`")
        if any(not choice.name for choice in made):
            _refuse(f"a choice of router `{name}` has no name", 'a route is a name: Steps("name", [...])')
        _set(self, name=name, choices=made, choose=choose, on_reject=on_reject)
        _check_word(self, "on_reject", ("cancel", "skip", "retry"))

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(choice.name for choice in self.choices)


Node = Step | Steps | Parallel | Condition | Loop | Router
OnReject = Literal["cancel", "skip", "retry"] | Retry | Node
OnError = Literal["fail", "skip", "retry", "ask"] | Retry

NODES = (Step, Steps, Parallel, Condition, Loop, Router)


def as_node(thing: Any) -> Node:
    """A node as it is; an Agent, a Team, a Workflow, a function or a `@tool` as a step named after itself."""
    if isinstance(thing, NODES):
        return thing
    if isinstance(thing, list | tuple):
        return Steps(thing)
    if isinstance(thing, Runnable | Tool):
        return Step(thing.name, thing)
    name = getattr(thing, "__name__", "")
    if callable(thing) and STEP_NAME.fullmatch(name):
        return Step(name, thing)
    if callable(thing):
        _refuse(f"{name or type(thing).__name__} cannot name its step", 'give it a name: Step("name", function)')
    msg = f"{type(thing).__name__} is no step"
    raise WorkflowError(msg, help="an Agent, a Team, a Workflow, a function, or a node")


def as_nodes(things: Any, where: str) -> tuple[Node, ...]:
    """One or several as nodes; WorkflowError for none."""
    several = things if isinstance(things, list | tuple) else [things]
    if not several:
        _refuse(f"{where} has no steps", "give it at least one")
    return tuple(as_node(thing) for thing in several)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right inside, in their order; what is done instead of a rejected one is among them."""
    instead = (node.on_reject,) if isinstance(node.on_reject, NODES) else ()
    match node:
        case Step():
            inside: tuple[Node, ...] = ()
        case Condition():
            inside = node.then + node.otherwise
        case Router():
            inside = node.choices
        case _:
            inside = node.steps
    return (*inside, *instead)


def _check_group(node: Steps | Parallel) -> None:
    if node.name:
        _check_name(type(node).__name__, node.name)
    elif node.on_reject != "cancel":
        _refuse(f"a {type(node).__name__} without a name says on_reject", "only what has a name can be rejected")
    _check_word(node, "on_reject", ("cancel", "skip", "retry"))


def _check_name(kind: str, name: Any) -> None:
    if not isinstance(name, str) or not STEP_NAME.fullmatch(name):
        help_text = f"at most {STEP_NAME_MAX} letters, digits, `_`, `-` and `.`, a letter first"
        _refuse(f"{name!r} cannot be the name of a {kind}", help_text)


def _check_function(name: str, what: str, function: Any) -> None:
    if not callable(function):
        _refuse(f"`{what}` of {name} is {type(function).__name__}", "give a function")


def _check_word(node: Any, what: str, words: tuple[str, ...]) -> None:
    value = getattr(node, what)
    if isinstance(value, Retry) or (what == "on_reject" and isinstance(value, NODES)):
        return
    if not isinstance(value, str) or value not in words:
        more = "Retry(n), or a step to do instead" if what == "on_reject" else "Retry(n)"
        _refuse(f"`{what}` of {node.name} is {value!r}", f"it is {', '.join(words)}, {more}")


def _is_something(things: Any) -> bool:
    return things is not None and not (isinstance(things, list | tuple) and not things)


def _set(node: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(node, name, value)


def _refuse(message: str, help_text: str) -> NoReturn:
    raise WorkflowError(message, help=help_text)
