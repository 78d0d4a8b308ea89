"""What a step's function, or a decision's, is given: by the names of its parameters, so that a plain one is enough."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hitl_fsm.errors import WorkflowError
from hitl_fsm.model.context import CallContext

BY_NAME = ("outputs", "workflow_input", "feedback", "iteration")
"""Parameters with a meaning of their own; the first other one gets the input."""


@dataclass(frozen=True, slots=True)
class StepInput:
    """Everything that a step can know.

    `input` is the output of the step before; `outputs` the last output of each step so far, by its name. `feedback` is
    what a person said who wants the step done again. `iteration` counts from 1, for the `until` of a loop alone.
    """

    input: Any = None
    outputs: dict[str, Any] = field(default_factory=dict)
    workflow_input: Any = None
    feedback: str = ""
    iteration: int = 0


@dataclass(frozen=True, slots=True)
class Taking:
    """What a function takes: its parameter for the input ("" if none), and for each word that it names its parameter.

    `whole` is the parameter for a StepInput, `context` that for the CallContext.
    """

    function: Callable[..., Any]
    input: str = ""
    words: tuple[str, ...] = ()
    whole: str = ""
    context: str = ""
    annotation: Any = Any

    def arguments(self, given: StepInput) -> dict[str, Any]:
        """The keyword arguments; without that for the context."""
        found = {word: getattr(given, word) for word in self.words}
        if self.input:
            found[self.input] = given.input
        if self.whole:
            found[self.whole] = given
        return found

    @property
    def wanted(self) -> tuple[str, ...]:
        """What beside the input is to be known for it."""
        return tuple(word for word in BY_NAME if word != "iteration") if self.whole else self.words


def taking(function: Callable[..., Any], what: str) -> Taking:
    """Reads the signature's text; WorkflowError, naming `what`, for a parameter that nobody would fill in."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        msg = f"{what}: its signature cannot be read: {error}"
        raise WorkflowError(msg, help="wrap it in a function") from error
    found: dict[str, Any] = {}
    words: list[str] = []
    for name, parameter in parameters.items():
        if name in BY_NAME:
            words.append(name)
        elif (role := _role(parameter, taken="input" in found)) == "input":
            found |= {"input": name} | ({} if _is_bare(parameter) else {"annotation": parameter.annotation})
        elif role:
            found[role] = name
        elif _is_required(parameter):
            msg = f"{what}: nobody fills in its parameter `{name}`"
            raise WorkflowError(
                msg, help=f"a step gets its input, and what it names of {', '.join(BY_NAME)}; or one StepInput"
            )
    return Taking(function, words=tuple(words), **found)


def _role(parameter: inspect.Parameter, *, taken: bool) -> str:
    """What a parameter without a word of its own takes; "" for nothing."""
    if _is(parameter.annotation, StepInput) or parameter.name == "step_input":
        return "whole"
    if _is(parameter.annotation, CallContext):
        return "context"
    by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return "input" if by_name and not taken else ""


def _is_bare(parameter: inspect.Parameter) -> bool:
    return parameter.annotation is parameter.empty


def _is_required(parameter: inspect.Parameter) -> bool:
    several = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and not several


def _is(annotation: Any, kind: type) -> bool:
    """Without evaluating it: most annotations are text."""
    return annotation is kind or (isinstance(annotation, str) and annotation.rpartition(".")[2] == kind.__name__)
