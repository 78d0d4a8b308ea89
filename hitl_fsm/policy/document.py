"""The policy language as pydantic models: what a policy file may say (DESIGN section 5).

The descriptions are written for a policy's author; they become `schemas/policy.schema.json`. A field or value that
carries `NotYet` is part of the language but not enforced by this release: it is refused by name, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)

MAX_RULES = 1000
MAX_TOOLS = 500
MAX_EXAMPLES = 100
MAX_CONDITIONS = 50
MAX_SUBJECTS = 100
MAX_GATES = 20
MAX_TEXT = 2000
MAX_DURATION_MS = 366 * 86_400_000
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
TOOL_PATTERN = r"^[A-Za-z0-9_.:/*-]{1,128}$"
DURATION_PATTERN = r"^[1-9][0-9]{0,8}(ms|s|m|h|d|w)$"

GATE_WORDS = ("allow", "audit", "confirm", "deny", "review")
GATE_NAMES = ("allow", "audit", "confirm", "approval", "user_input", "external", "review", "deny")

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"([1-9][0-9]{0,8})(ms|s|m|h|d|w)")


def _always(value: object) -> bool:
    return value is not None


@dataclass(frozen=True, slots=True)
class NotYet:
    """Marks a field whose value is not enforced yet. `when` picks the values; `word` names it to the author."""

    when: Callable[[Any], bool] = _always
    word: str = ""
    help: str | None = None


def duration_ms(text: object) -> int:
    """`30s`, `15m`, `4h`, `2d` -> milliseconds; ValueError otherwise."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        msg = f"{text!r} is not a duration; write a number and a unit: 30s, 15m, 4h, 2d"
        raise ValueError(msg)
    milliseconds = int(found[1]) * _UNIT_MS[found[2]]
    if milliseconds > MAX_DURATION_MS:
        msg = f"{text!r} is longer than a year"
        raise ValueError(msg)
    return milliseconds


def _listed(value: object) -> object:
    """One item may be written without the list."""
    return value if isinstance(value, list) else [value]


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list) else "word"


def _one_or_list(item: dict[str, Any], limit: int) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": limit}]})


_TEXT = {"type": "string", "minLength": 1}

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]
Duration = Annotated[int, BeforeValidator(duration_ms), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Patterns = Annotated[
    list[Pattern],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=MAX_TOOLS),
    _one_or_list({"type": "string", "pattern": TOOL_PATTERN}, MAX_TOOLS),
]
Conditions = Annotated[
    list[Text],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=MAX_CONDITIONS),
    _one_or_list(_TEXT, MAX_CONDITIONS),
]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Subjects = Annotated[
    list[Subject],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=MAX_SUBJECTS),
    _one_or_list({"type": "string", "minLength": 1, "examples": ["role:finance", "requester", "alice"]}, MAX_SUBJECTS),
]
JsonObject = dict[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Escalate(_Model):
    """Ask others when the time is over."""

    escalate: Subjects = Field(description="Who is asked next.")


OnExpiry = Annotated[
    Annotated[Literal["deny"], Tag("word")] | Annotated[Escalate, Tag("mapping")],
    Discriminator(_shape),
    NotYet(lambda value: isinstance(value, Escalate), "escalate", "write `on_expiry: deny`; time never says yes"),
]


class _Asks(_Model):
    """What every gate that waits for an answer can say."""

    expires: Duration | None = Field(
        None, description="How long the question stays open, such as `4h`. Without it: no end."
    )
    on_expiry: OnExpiry = Field("deny", description="What happens when the time is over: the action is denied.")
    reminders: Annotated[Any, NotYet()] = Field(None, description="When to remind those who were asked.")


class ConfirmGate(_Asks):
    """The run's own user says yes or no."""


class ApprovalGate(_Asks):
    """Someone else says yes or no."""

    of: Subjects | None = Field(
        None, description="Who may answer: `role:NAME`, `requester` (the run's user) or an actor's id."
    )
    quorum: Annotated[
        int, Field(ge=1, le=100), NotYet(lambda value: value > 1, help="write one `approval` gate for each role")
    ] = Field(1, description="How many different people must say yes.")
    excluded: Subjects = Field(
        [], alias="not", description="Who may not answer, whatever their roles: often `requester`."
    )
    stages: Annotated[Any, NotYet(help="write a list of `approval` gates; they are passed in order")] = Field(
        None, description="Approvals one after the other."
    )
    grant: Annotated[Any, NotYet()] = Field(None, description="Remember the yes for a while.")


class UserInputGate(_Asks):
    """A person fills in a form first. Fields named like an argument replace it; the others go to the tool."""

    form: JsonObject = Field(
        alias="schema", description="The form: a JSON Schema object, inline or as `$ref` to a file beside the policy."
    )
    of: Subjects = Field([], description="Who fills it in; without it, the run's user.")


class ExternalGate(_Model):
    """Another system executes the call and reports the result."""

    route: Name = Field(description="The name of the route that carries the call.")
    timeout: Duration | None = Field(None, description="How long to wait for the result; then the action is denied.")
    result_schema: JsonObject | None = Field(
        None, description="What a result must look like: a JSON Schema, inline or as `$ref`. Without it: anything."
    )


class ReviewGate(_Asks):
    """A person looks at the output before the model does."""

    of: Subjects = Field([], description="Who reviews; without it, the run's user.")
    excluded: Subjects = Field([], alias="not", description="Who may not review.")


class DenyGate(_Model):
    """The action does not happen."""

    note: Text = Field(description="Why not; the model and the record get this text.")


_REVIEW_LATER = NotYet(help="ask before the call with `confirm` or `approval`")


class GateMapping(_Model):
    """One gate with its details."""

    confirm: ConfirmGate | None = Field(None, description="The run's own user says yes or no.")
    approval: ApprovalGate | None = Field(None, description="Someone with a role says yes or no.")
    user_input: UserInputGate | None = Field(None, description="A person fills in a form.")
    external: ExternalGate | None = Field(None, description="Another system executes the call.")
    review: Annotated[ReviewGate | None, _REVIEW_LATER] = Field(None, description="A person looks at the output.")
    deny: DenyGate | None = Field(None, description="The action does not happen, and the model reads why.")


GateWord = Annotated[
    Literal["allow", "audit", "confirm", "deny", "review"],
    NotYet(lambda value: value == "review", "review", _REVIEW_LATER.help),
]
GateItem = Annotated[Annotated[GateWord, Tag("word")] | Annotated[GateMapping, Tag("mapping")], Discriminator(_shape)]
GateList = Annotated[list[GateItem], Field(min_length=1, max_length=MAX_GATES)]
GateField = Annotated[
    Annotated[GateWord, Tag("word")] | Annotated[GateMapping, Tag("mapping")] | Annotated[GateList, Tag("list")],
    Discriminator(_shape),
]


class ExampleUser(_Model):
    """Who asks, in an example."""

    id: str = Field("", description="The user's id.")
    roles: list[str] = Field([], description="The user's roles.")
    kind: Literal["human", "agent", "service", "timer"] = Field("human", description="What the user is.")


class Example(_Model):
    """An action to try the rule on."""

    args: JsonObject = Field({}, description="The call's arguments.")
    tool: Pattern | None = Field(None, description="The tool; without it, the first one that the rule names in full.")
    user: ExampleUser = Field(default_factory=lambda: ExampleUser.model_validate({}), description="Who asks.")
    agent: str = Field("", description="The agent's name.")
    env: dict[str, str] = Field({}, description="The environment's values.")
    now: str | None = Field(None, description="The instant, such as `2026-01-31T12:00:00Z`.")


class Examples(_Model):
    """Checked whenever the policy is loaded."""

    match: list[Example] = Field([], max_length=MAX_EXAMPLES, description="Actions that the rule applies to.")
    not_match: list[Example] = Field([], max_length=MAX_EXAMPLES, description="Actions that it does not apply to.")


Severity = Literal["low", "medium", "high", "critical"]


class Rule(_Model):
    """When something is about to happen, what must happen first."""

    id: Name = Field(description="The rule's name, unique in its policy; it stands in the record.")
    description: Text | None = Field(None, description="What the rule is for.")
    severity: Severity = Field("low", description="How much is at stake; approvers see it.")
    tools: Patterns | None = Field(
        None, description="Which of the policy's tools; without it, all of them. `*` stands for any text."
    )
    steps: Annotated[Any, NotYet(help="name tools instead")] = Field(None, description="Which workflow steps.")
    agents: Annotated[Any, NotYet(help="compare `agent` in `when`")] = Field(None, description="Which agents.")
    when: Conditions = Field([], description="CEL condition(s); all must be true. Without it the rule always applies.")
    unless: Conditions = Field([], description="CEL condition(s); if any is true, the rule does not apply.")
    gate: GateField = Field(
        description="What must happen first: a word, a gate with details, or a list passed in order."
    )
    examples: Examples = Field(
        default_factory=lambda: Examples.model_validate({}), description="Actions to try the rule on."
    )


Default = Literal["deny", "confirm", "allow"]
OnError = Annotated[
    Literal["deny", "approval"],
    NotYet(lambda value: value == "approval", "on_error: approval", "write `on_error: deny`"),
]


class PolicyDocument(_Model):
    """A hitl-fsm policy: which actions need what, before they happen."""

    api_version: Literal["hitl-fsm/v1"] = Field(alias="apiVersion", description="The version of the language.")
    kind: Literal["Policy"] = Field(description="What this file is.")
    name: Name = Field(description="The policy's name, unique among all loaded policies.")
    owner: Text | None = Field(None, description="Who answers for it.")
    description: Text | None = Field(None, description="What it is for.")
    tools: Patterns | None = Field(None, description="The tools it covers. `*` stands for any text.")
    steps: Annotated[Any, NotYet(help="name tools instead")] = Field(None, description="The workflow steps it covers.")
    agents: Annotated[Any, NotYet(help="name tools, and compare `agent` in `when`")] = Field(
        None, description="The agents it covers."
    )
    mode: Literal["enforce", "shadow"] = Field("enforce", description="`shadow` only logs what it would have done.")
    default: Default = Field("deny", description="What holds for a covered action that none of the rules matched.")
    on_error: OnError = Field("deny", description="What holds when a condition cannot be evaluated.")
    on_change: Literal["strictest", "pin"] = Field(
        "strictest",
        description="The policy changed while a run was paused: the stricter of then and now, or that of then.",
    )
    batch: Literal["in_order", "run_ungated", "hold_all"] = Field(
        "in_order",
        description="Several calls in one turn: nothing runs past an open gate; ungated ones run; or all wait for all.",
    )
    vars: JsonObject = Field({}, description="Values for the conditions, as `vars.NAME`.")
    rules: list[Rule] = Field(
        [], max_length=MAX_RULES, description="The rules. All that match are joined; the strictest wins."
    )


def gate_items(gate: Any) -> list[tuple[tuple[int, ...], Any]]:
    """The gates of a rule, each with its path below `gate`."""
    if isinstance(gate, list):
        return [((index,), item) for index, item in enumerate(gate)]
    return [((), gate)]
