"""What a policy test file may say, as pydantic models. The descriptions become `schemas/policytest.schema.json`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema

from hitl_fsm.policy.document import ExampleUser, Severity
from hitl_fsm.policy.fields import DURATION_PATTERN, Model, Subjects, Text, duration_ms, listed, shape_of

MAX_CASES = 5_000
MAX_COLUMNS = 50
MAX_ARGUMENTS = 200
MAX_NAME_CHARS = 200
MAX_POLICIES = 100
MAX_USERS = 1_000
MAX_PINNED_GATES = 20

NEVER = "never"
ABSENT = "absent"
GATE_WORDS = ("confirm", "approval", "user_input", "external", "review")

Batch = Literal["in_order", "run_ungated", "hold_all"]
GateWord = Literal["confirm", "approval", "user_input", "external", "review"]
OutcomeWord = Literal["allow", "audit", "gated", "deny", "confirm", "approval", "user_input", "external", "review"]


def _time(value: object) -> object:
    return value if value == NEVER else duration_ms(value)


CaseName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARS)]
Word = Annotated[str, StringConstraints(max_length=MAX_NAME_CHARS)]
RuleName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARS)]
RuleNames = Annotated[
    list[RuleName],
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
FieldNames = Annotated[
    list[str],
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Limit = Annotated[
    int | Literal["never"],
    BeforeValidator(_time),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": NEVER}]}),
]
Arguments = Annotated[dict[str, Any], Field(max_length=MAX_ARGUMENTS)]


class PinnedConfirm(Model):
    """Details of a `confirm` gate that must be so."""

    expires: Limit | None = Field(None, description="How long the question stays open, such as `4h`, or `never`.")


class PinnedApproval(Model):
    """Details of an `approval` gate that must be so."""

    of: Subjects | None = Field(None, description="Who may answer: exactly these, in any order.")
    excluded: Subjects | None = Field(None, alias="not", description="Who may not: exactly these, in any order.")
    quorum: int | None = Field(None, description="How many different people must say yes.")
    name: str | None = Field(None, description="The name of the stage.")
    escalate: Subjects | None = Field(
        None, description="Who is asked when nobody answered, first or later: exactly these, in any order."
    )
    edit: FieldNames | None = Field(
        None, description="The arguments that a yes may change: exactly these, in any order; `none`, or `any`."
    )
    grant: int | None = Field(None, description="For how many further calls a yes may be remembered; `0`: for none.")
    break_glass: Subjects | None = Field(None, description="Who may say yes alone in an emergency: exactly these.")
    expires: Limit | None = Field(None, description="How long the question stays open, such as `4h`, or `never`.")


class PinnedInput(Model):
    """Details of a `user_input` gate that must be so."""

    of: Subjects | None = Field(None, description="Who fills in the form: exactly these, in any order.")
    fields: FieldNames | None = Field(None, description="The form's fields: exactly these, in any order.")
    required: FieldNames | None = Field(None, description="Those that must be filled in: exactly these.")
    expires: Limit | None = Field(None, description="How long the form stays open, such as `4h`, or `never`.")


class PinnedExternal(Model):
    """Details of an `external` gate that must be so."""

    route: str | None = Field(None, description="The route that carries the call.")
    timeout: Limit | None = Field(None, description="How long its result is waited for, such as `2d`, or `never`.")


class PinnedReview(Model):
    """Details of a `review` gate that must be so."""

    of: Subjects | None = Field(None, description="Who reviews: exactly these, in any order.")
    excluded: Subjects | None = Field(None, alias="not", description="Who may not: exactly these, in any order.")
    expires: Limit | None = Field(None, description="How long the question stays open, such as `4h`, or `never`.")


class PinnedGate(Model):
    """One gate with the details that matter to the case. Name one gate."""

    confirm: PinnedConfirm | None = Field(None, description="The run's own user says yes or no.")
    approval: PinnedApproval | None = Field(None, description="Someone else says yes or no.")
    user_input: PinnedInput | None = Field(None, description="A person fills in a form.")
    external: PinnedExternal | None = Field(None, description="Another system executes the call.")
    review: PinnedReview | None = Field(None, description="A person looks at the output.")


GateItem = Annotated[Annotated[GateWord, Tag("word")] | Annotated[PinnedGate, Tag("mapping")], Discriminator(shape_of)]
GateItems = Annotated[list[GateItem], Field(max_length=MAX_PINNED_GATES)]

_OUTCOME = (
    "`allow` (nothing is asked), `audit` (nothing is asked, marked for the auditors), `deny`, `gated` (somebody is "
    "asked), or the one gate that there must be: `confirm`, `approval`, `user_input`, `external`, `review`."
)


class WouldBe(Model):
    """What the policies in `mode: shadow` would do. What is not said is not compared."""

    outcome: OutcomeWord | None = Field(None, description=_OUTCOME)
    gates: GateItems | None = Field(None, description="All gates, in the order in which they are passed.")
    rule: RuleName | None = Field(None, description="A rule that matches, as `ID` or `POLICY/ID`.")
    severity: Severity | None = Field(None, description="The highest severity of the rules that match.")


ShadowField = Annotated[
    Annotated[OutcomeWord | Literal["nothing"], Tag("word")]
    | Annotated[GateItems, Tag("list")]
    | Annotated[WouldBe, Tag("mapping")],
    Discriminator(shape_of),
]


class Expected(Model):
    """What must be so. What is not said is not compared."""

    outcome: OutcomeWord | None = Field(None, description=_OUTCOME)
    gates: GateItems | None = Field(None, description="All gates, in the order in which they are passed.")
    audit: bool | None = Field(None, description="Whether it is marked for the auditors.")
    rule: RuleName | None = Field(
        None, description="A rule that matches, as `ID` or `POLICY/ID`; `default` where none does."
    )
    rules: RuleNames | None = Field(None, description="All rules that match: exactly these, in any order.")
    severity: Severity | None = Field(None, description="The highest severity of the rules that match.")
    problem: Text | None = Field(None, description="A condition cannot be evaluated, and the reason has this text.")
    batch: Batch | None = Field(None, description="What several calls in one turn do to each other.")
    shadow: ShadowField | None = Field(
        None, description="What policies in `mode: shadow` would do: as `expect`, or `nothing` where none covers it."
    )


ExpectField = Annotated[
    Annotated[OutcomeWord, Tag("word")] | Annotated[GateItems, Tag("list")] | Annotated[Expected, Tag("mapping")],
    Discriminator(shape_of),
]


UserField = Annotated[Annotated[Word, Tag("word")] | Annotated[ExampleUser, Tag("mapping")], Discriminator(shape_of)]


class Call(Model):
    """The action that the policies judge: a call of a tool, a step of a workflow, or the start of an agent's run."""

    tool: Word | None = Field(None, description="The tool's full name. Without it: the step, or the agent's start.")
    step: Word | None = Field(
        None, description="The workflow's step. Where a case names a step and no tool, it is the step itself."
    )
    agent: Word | None = Field(None, description="The agent whose run it is.")
    team: Word | None = Field(None, description="The team whose run it is.")
    workflow: Word | None = Field(None, description="The workflow whose run it is.")
    args: Arguments | None = Field(None, description="The arguments. They are added to those of `defaults`.")
    user: UserField | None = Field(
        None, description="For whom the agent works: a name from `users`, or `{id, roles, kind}`."
    )
    env: dict[str, str] | None = Field(None, description="The environment's values, added to those of `defaults`.")
    now: str | None = Field(
        None,
        description="The instant, such as `2026-01-31T12:00:00Z`; unless told, the first of January 2026, 00:00 UTC.",
    )


def _no_call() -> Call:
    return Call.model_validate({})


class NamedUser(Model):
    """A person or program that cases name."""

    id: str | None = Field(None, description="The id; without it, the name.")
    roles: list[str] = Field([], description="The roles.")
    kind: Literal["human", "agent", "service", "timer"] = Field("human", description="What the user is.")


class CaseEntry(Model):
    """One action, and what must come of it."""

    name: CaseName = Field(description="What the case shows, in a few words; unique in this file.")
    description: Text | None = Field(None, description="Why it matters.")
    call: Call = Field(default_factory=_no_call, description="The action.")
    expect: ExpectField = Field(description=f"What must come of it. A word: {_OUTCOME} A list: the gates, in order.")


class RowEntry(Model):
    """What one row of a table comes to."""

    call: Call = Field(default_factory=_no_call)
    expect: ExpectField | None = None
    audit: bool | None = None
    rule: RuleName | None = None
    rules: RuleNames | None = None
    severity: Severity | None = None
    problem: Text | None = None
    batch: Batch | None = None
    shadow: ShadowField | None = None


class TableEntry(Model):
    """Many similar actions: one row a line, one column for each thing that differs."""

    name: CaseName = Field(description="What the table shows; the start of each row's name.")
    description: Text | None = Field(None, description="Why it matters.")
    call: Call = Field(default_factory=_no_call, description="What is the same in all rows.")
    columns: list[str] = Field(
        min_length=1,
        max_length=MAX_COLUMNS,
        description="What each cell of a row is: `args.NAME`, `user`, `tool`, `step`, `agent`, `team`, `workflow`, "
        "`env.NAME`, `now`; then what must come of it: `expect`, `rule`, `rules`, `severity`, `audit`, `problem`, "
        "`batch`, `shadow`. `case` names the row.",
    )
    rows: list[list[Any]] = Field(
        min_length=1,
        description="The rows, each a list with a cell for each column. `absent` (without quotes) leaves a cell out.",
    )
    expect: ExpectField | None = Field(None, description="What must come of every row; a row's own cells add to it.")


class Unreachable(Model):
    """A part of a policy that no action can try. It is not missed; when it is tried after all, the test fails."""

    rule: RuleName = Field(description="The rule, as `ID` or `POLICY/ID`; `default` for what holds when none matches.")
    condition: Text | None = Field(None, description="One comparison of the rule, as it is written there.")
    never: bool | None = Field(
        None,
        description="Which value it cannot have: for a rule, `true` means that it never matches. Without it: both.",
    )
    because: Text = Field(description="Why not.")


class PolicyTestDocument(Model):
    """Cases for hitl-fsm policies: what should come of an action, checked by `hitl-fsm test`."""

    api_version: Literal["hitl-fsm/v1"] = Field(alias="apiVersion", description="The version of the language.")
    kind: Literal["PolicyTest"] = Field(description="What this file is.")
    description: Text | None = Field(None, description="What these cases show.")
    policies: list[Text] | None = Field(
        None,
        min_length=1,
        max_length=MAX_POLICIES,
        description="The policy files, or folders of them, relative to this file. Without it: those in this folder.",
    )
    users: dict[CaseName, NamedUser] = Field(
        {}, max_length=MAX_USERS, description="Who asks, by the names that the cases use."
    )
    defaults: Call = Field(default_factory=_no_call, description="What holds for all cases that say nothing else.")
    cases: list[CaseEntry] = Field([], max_length=MAX_CASES, description="Single cases.")
    tables: list[TableEntry] = Field([], max_length=MAX_CASES, description="Tables of cases.")
    unreachable: list[Unreachable] = Field(
        [], max_length=MAX_CASES, description="What `--coverage` need not ask for, each with the reason."
    )
