"""`kind: Workflow` as pydantic models: what a `*.workflow.yaml` may say.

The descriptions are written for the file's author; they become `schemas/workflow.schema.json`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from hitl_fsm.policy.fields import Hints, Model, Name, Text, listed, shape_of
from hitl_fsm.policy.workflows.limits import ITERATIONS_MAX, RETRIES_MAX, STEP_NAME, STEP_NAME_MAX

MAX_STEPS = 500
"""Nodes right inside one other."""
PATH_MAX = 500
"""Characters of an import path."""
_PATH = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
)


def _step_name(text: str) -> str:
    if not STEP_NAME.fullmatch(text):
        msg = f"{text[:60]!r} is not the name of a step: at most {STEP_NAME_MAX} letters, digits, `_`, `-`, `.`"
        raise ValueError(msg)
    return text


StepName = Annotated[str, AfterValidator(_step_name), Field(json_schema_extra={"pattern": f"^{STEP_NAME.pattern}$"})]


def _import_path(text: str) -> str:
    if len(text) > PATH_MAX or not _PATH.fullmatch(text):
        msg = f"{text[:60]!r} is no import path; write it as module:name, such as shop.steps:check"
        raise ValueError(msg)
    return text


ImportPath = Annotated[
    str,
    AfterValidator(_import_path),
    Field(json_schema_extra={"pattern": f"^{_PATH.pattern}$", "maxLength": PATH_MAX, "examples": ["shop.steps:check"]}),
]
Nodes = Annotated[list["NodeEntry"], BeforeValidator(listed), Field(min_length=1, max_length=MAX_STEPS)]


class RetryEntry(Model):
    """Once more, some times."""

    retry: Annotated[int, Field(ge=1, le=RETRIES_MAX)] = Field(description="How many times more, at most: `2`.")
    then: Literal["stop", "skip"] = Field("stop", description="What follows when these are used up: `stop` or `skip`.")


class ElseEntry(Model):
    """Something else instead."""

    else_: Nodes = Field(alias="else", description="What is done instead: a node, or several in a row.")


def _how(value: Any) -> str:
    shape = shape_of(value)
    return "else" if shape == "mapping" and "else" in value else shape


OnReject = Annotated[
    Annotated[Literal["cancel", "skip", "retry"], Tag("word")]
    | Annotated[RetryEntry, Tag("mapping")]
    | Annotated[ElseEntry, Tag("else")],
    Discriminator(_how),
    Hints({"fail": ("a rejected step does not fail", "write `on_reject: cancel`")}),
]
OnError = Annotated[
    Annotated[Literal["fail", "skip", "retry", "ask"], Tag("word")] | Annotated[RetryEntry, Tag("mapping")],
    Discriminator(shape_of),
    Hints({"cancel": ("an error does not cancel", "write `on_error: fail`")}),
]


class NodeEntry(Model):
    """One node; its first key says which: `step`, `group`, `parallel`, `condition`, `loop` or `router`."""

    step: StepName | None = Field(None, description="A step, by its name: one thing to do, which `run` says.")
    group: StepName | None = Field(None, description="Several in a row as one, by its name.")
    parallel: StepName | None = Field(None, description="Side by side, none waiting for another, by its name.")
    condition: StepName | None = Field(None, description="`then` where `when` says true, else `otherwise`; its name.")
    loop: StepName | None = Field(None, description="`steps` again and again until `until` says true; its name.")
    router: StepName | None = Field(None, description="One of `choices`, as `choose` or a person says; its name.")
    run: ImportPath | None = Field(
        None, description="What a step runs: an Agent, a Team, a Workflow, a function or a `@tool`, as `module:name`."
    )
    description: Text | None = Field(None, description="What a step does, in a sentence, for those who are asked.")
    steps: Nodes | None = Field(None, description="What a group, a parallel or a loop does.")
    when: ImportPath | None = Field(None, description="A condition's function: it returns True or False.")
    then: Nodes | None = Field(None, description="What is done where `when` is true.")
    otherwise: Nodes | None = Field(None, description="What is done where it is not; without it: nothing.")
    until: ImportPath | None = Field(None, description="A loop's function: it returns True when it is enough.")
    max_iterations: Annotated[int, Field(ge=1, le=ITERATIONS_MAX)] | None = Field(
        None, description="How often a loop goes round at most; 3 where nothing is said."
    )
    choices: Nodes | None = Field(None, description="A router's ways, each by its name.")
    choose: ImportPath | None = Field(
        None, description="A router's function: it returns the name of a choice. Without it a person is always asked."
    )
    on_reject: OnReject = Field(
        "cancel",
        description="Where it is rejected: `cancel`, `skip`, `retry`, `{retry: 2, then: skip}`, or `{else: …}`.",
    )
    on_error: OnError = Field(
        "fail",
        description="Where a step fails: `fail`, `skip`, `retry`, `ask` (a person), or `{retry: 2, then: skip}`.",
    )


class WorkflowDocument(Model):
    """Steps in a fixed order, each of them under the policies."""

    api_version: Literal["hitl-fsm/v1"] = Field(
        alias="apiVersion", description="The version of the language: `hitl-fsm/v1`."
    )
    kind: Literal["Workflow"] = Field(description="What this file is: `Workflow`.")
    name: Name = Field(description="The workflow's name, by which its runs are known: `refunds`.")
    owner: Text | None = Field(None, description="Who answers for it, such as `platform@example.com`.")
    description: Text | None = Field(None, description="What it is for, in a sentence.")
    steps: Nodes = Field(description="What it does, in order.")


class Kind:
    """What the keys of one kind of node may be, and which it needs."""

    __slots__ = ("may", "needs")

    def __init__(self, needs: tuple[str, ...], may: tuple[str, ...] = ()) -> None:
        self.needs = needs
        self.may = (*needs, *may, "on_reject")


KINDS: dict[str, Kind] = {
    "step": Kind(("run",), ("description", "on_error")),
    "group": Kind(("steps",)),
    "parallel": Kind(("steps",)),
    "condition": Kind(("when", "then"), ("otherwise",)),
    "loop": Kind(("steps",), ("until", "max_iterations")),
    "router": Kind(("choices",), ("choose",)),
}
"""By the key that a node begins with."""
