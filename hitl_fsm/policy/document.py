"""The policy language as pydantic models: what a policy file may say (DESIGN section 5).

The descriptions are written for a policy's author; they become `schemas/policy.schema.json`. A field or value that
carries `NotYet` is part of the language but not enforced by this release: it is refused by name, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from hitl_fsm.policy.fields import (
    DURATION_PATTERN,
    Conditions,
    Duration,
    Hints,
    JsonObject,
    Model,
    Name,
    NamePatterns,
    NotYet,
    Pattern,
    Patterns,
    Subjects,
    Text,
    duration_ms,
    shape_of,
)

__all__ = ["DURATION_PATTERN", "NotYet", "PolicyDocument", "Rule", "Subjects", "Text", "duration_ms", "gate_items"]

MAX_RULES = 1000
MAX_EXAMPLES = 100
MAX_GATES = 20
MAX_RETRIES = 10

GATE_WORDS = ("allow", "audit", "confirm", "deny", "review")
GATE_NAMES = ("allow", "audit", "confirm", "approval", "user_input", "external", "review", "deny")


class Escalate(Model):
    """Ask others when the time is over."""

    escalate: Subjects = Field(description="Who is asked next, such as `[role:cfo]`.")


_NO_TIMER_SAYS_YES = (
    "time never says yes (law 12): when nobody answered, nobody agreed",
    "write `on_expiry: deny`; for what may go on without an answer, the gate `audit` only records",
)
OnExpiry = Annotated[
    Annotated[Literal["deny"], Tag("word")] | Annotated[Escalate, Tag("mapping")],
    Discriminator(shape_of),
    NotYet(lambda value: isinstance(value, Escalate), "escalate", "write `on_expiry: deny`; time never says yes"),
    Hints(
        dict.fromkeys(
            ("allow", "approve", "approved", "accept", "confirm", "audit", "continue", "proceed", "yes", "true"),
            _NO_TIMER_SAYS_YES,
        )
    ),
]


class _Asks(Model):
    """What every gate that waits for an answer can say."""

    expires: Duration | None = Field(
        None,
        description="How long the question stays open: a number and a unit (`ms`, `s`, `m`, `h`, `d`, `w`), such as "
        "`4h`. Then the action is denied. Without it, the question waits for ever.",
    )
    on_expiry: OnExpiry = Field(
        "deny", description="What happens when the time is over: `deny`, which also holds without it. Never a yes."
    )
    reminders: Annotated[Any, NotYet()] = Field(None, description="When to remind those who were asked.")


class ConfirmGate(_Asks):
    """The run's own user says yes or no."""


class ApprovalGate(_Asks):
    """Somebody with a role says yes or no."""

    of: Subjects | None = Field(
        None,
        description="Who may answer; one of them is enough. `role:finance` is everyone with that role, `requester` the "
        "run's own user, anything else the id of one person.",
    )
    quorum: Annotated[
        int, Field(ge=1, le=100), NotYet(lambda value: value > 1, help="write one `approval` gate for each role")
    ] = Field(1, description="How many different people must say yes.")
    excluded: Subjects = Field(
        [],
        alias="not",
        description="Who may not answer, whatever their roles. `not: [requester]` keeps people from approving what "
        "they asked for themselves.",
    )
    stages: Annotated[Any, NotYet(help="write a list of `approval` gates; they are passed in order")] = Field(
        None, description="Approvals one after the other."
    )
    grant: Annotated[Any, NotYet()] = Field(None, description="Remember the yes for a while.")


class UserInputGate(_Asks):
    """A person fills in a form first. Fields named like an argument replace it; the others go to the tool."""

    form: JsonObject = Field(
        alias="schema",
        description="The form: a JSON Schema object, inline or in a file: `{$ref: ../forms/reason.schema.json}`, "
        "relative to this policy.",
        examples=[
            {"type": "object", "properties": {"reason": {"type": "string", "minLength": 10}}, "required": ["reason"]}
        ],
    )
    of: Subjects = Field([], description="Who fills it in, such as `[requester]`; without it, the run's user.")


class ExternalGate(Model):
    """Another system executes the call and reports the result."""

    route: Name = Field(description="The name of the route that carries the call, such as `bank`.")
    timeout: Duration | None = Field(
        None, description="How long to wait for the result, such as `2d`; then the action is denied."
    )
    result_schema: JsonObject | None = Field(
        None,
        description="What a result must look like: a JSON Schema, inline or in a file (`{$ref: receipt.schema.json}`). "
        "Without it: anything that fits the route's own schema, if it has one.",
    )
    silent: bool = Field(
        default=False,
        description="`true`: the run waits, but chat surfaces do not announce it, for a result that no person is to "
        "think about. An inbox lists it all the same.",
    )


class ReviewGate(_Asks):
    """A person looks at the output before the model does."""

    of: Subjects = Field([], description="Who reviews, such as `[role:editor]`; without it, the run's user.")
    excluded: Subjects = Field([], alias="not", description="Who may not review, whatever their roles.")
    retries: int = Field(
        0,
        ge=0,
        le=MAX_RETRIES,
        description="How often a reviewer may have the call run again. Each time it takes effect once more, and every "
        "gate before it is asked again. Such as `1`; without it: never.",
    )


class DenyGate(Model):
    """The action does not happen."""

    note: Text = Field(
        description="Why not, in a sentence; the model and the record get this text. "
        "Such as `Transfers above 10000 are made by hand`."
    )


class GateMapping(Model):
    """One gate with its details."""

    confirm: ConfirmGate | None = Field(
        None, description="The run's own user says yes or no. `{confirm: {expires: 1h}}`"
    )
    approval: ApprovalGate | None = Field(
        None, description="Somebody with a role says yes or no. `{approval: {of: [role:finance], not: [requester]}}`"
    )
    user_input: UserInputGate | None = Field(
        None,
        description="A person fills in a form, whose values go to the tool. "
        "`{user_input: {schema: {$ref: ../forms/reason.schema.json}}}`",
    )
    external: ExternalGate | None = Field(
        None,
        description="Another system executes the call and reports the result. `{external: {route: bank, timeout: 2d}}`",
    )
    review: ReviewGate | None = Field(
        None, description="A person looks at the output before the model does. `{review: {of: [role:editor]}}`"
    )
    deny: DenyGate | None = Field(
        None, description="The action does not happen, and the model reads why. `{deny: {note: Not on Sundays}}`"
    )


GateWord = Literal["allow", "audit", "confirm", "deny", "review"]
GateItem = Annotated[Annotated[GateWord, Tag("word")] | Annotated[GateMapping, Tag("mapping")], Discriminator(shape_of)]
GateList = Annotated[list[GateItem], Field(min_length=1, max_length=MAX_GATES)]
GateField = Annotated[
    Annotated[GateWord, Tag("word")] | Annotated[GateMapping, Tag("mapping")] | Annotated[GateList, Tag("list")],
    Discriminator(shape_of),
]


class ExampleUser(Model):
    """Who asks, in an example."""

    id: str = Field("", description="The user's id, such as `alice`.")
    roles: list[str] = Field([], description="The user's roles, such as `[finance]`.")
    kind: Literal["human", "agent", "service", "timer"] = Field(
        "human", description="What the user is, such as `service`."
    )


class Example(Model):
    """An action to try the rule on."""

    args: JsonObject = Field(
        {}, description="The call's arguments, or the step's input, such as `{amount: 1000.01, currency: EUR}`."
    )
    tool: Pattern | None = Field(
        None, description="The tool that is called; without it, the first one that the rule names in full."
    )
    user: ExampleUser = Field(
        default_factory=lambda: ExampleUser.model_validate({}),
        description="Who asks, such as `{id: alice, roles: [finance]}`.",
    )
    agent: str = Field("", description="The agent's name; without it, the first one that the rule names in full.")
    step: str = Field(
        "", description="The workflow step: the one that begins, if the rule is for steps, else the one that calls."
    )
    team: str = Field("", description="The name of the team in whose run it happens.")
    workflow: str = Field("", description="The name of the workflow in whose run it happens.")
    env: dict[str, str] = Field({}, description="The environment's values, such as `{stage: prod}`.")
    now: str | None = Field(
        None, description="The instant, such as `2026-01-31T12:00:00Z`; without it, the start of 2026."
    )


class Examples(Model):
    """Checked whenever the policy is loaded."""

    match: list[Example] = Field(
        [],
        max_length=MAX_EXAMPLES,
        description="Actions that the rule applies to: `when` is true and no `unless` is.",
        examples=[[{"args": {"amount": 1000.01}}]],
    )
    not_match: list[Example] = Field(
        [],
        max_length=MAX_EXAMPLES,
        description="Actions that it does not apply to: best those just beside the limit.",
        examples=[[{"args": {"amount": 1000}}]],
    )


Severity = Literal["low", "medium", "high", "critical"]


class Rule(Model):
    """When something is about to happen, what must happen first."""

    id: Name = Field(
        description="The rule's name, unique in its policy, such as `large-refund`; it stands in every record."
    )
    description: Text | None = Field(None, description="What the rule is for, in a sentence; approvers read it.")
    severity: Severity = Field(
        "low", description="How much is at stake: `low`, `medium`, `high` or `critical`; approvers see it."
    )
    tools: Patterns | None = Field(
        None,
        description="For which tool calls, among those that the policy covers: `payments.refund`, or `payments.*` (`*` "
        "stands for any text). Without `tools` and `steps`: all that the policy covers.",
    )
    steps: NamePatterns | None = Field(
        None,
        description="For which workflow steps, among those that the policy covers: `ship`, or `ship-*`. The calls "
        "inside a step are named by `tools`; `when: step == 'ship'` asks where a call happens.",
    )
    agents: NamePatterns | None = Field(
        None, description="Only for what these agents do: `support-bot`, or `support-*`. Without it: whoever does it."
    )
    when: Conditions = Field(
        [],
        description="Conditions in CEL; all must be true, such as `args.amount > 1000`. Names: `args`, `tool`, `step`, "
        "`agent`, `team`, `workflow`, `user` (`id`, `roles`, `kind`), `run` (`id`), `env`, `vars`, `now`. Without it, "
        "the rule always applies.",
    )
    unless: Conditions = Field(
        [],
        description="Conditions in CEL; if any is true, the rule does not apply, such as `'cfo' in user.roles`. The "
        "only way to make an exception.",
    )
    gate: GateField = Field(
        description="What must happen first: a word (`confirm`), one gate (`approval: {of: [role:finance]}`), "
        "or a list of gates, passed in order. All rules that match count."
    )
    examples: Examples = Field(
        default_factory=lambda: Examples.model_validate({}),
        description="Actions to try the rule on whenever it is loaded: those it must apply to, and those it must not.",
    )


Default = Literal["deny", "confirm", "allow"]


class AskOnError(Model):
    """Ask somebody when a condition cannot be evaluated."""

    approval: ApprovalGate = Field(
        description="Who decides then: `{of: [role:finance], expires: 4h}`. What the rule itself asks for is asked too."
    )


OnError = Annotated[
    Annotated[Literal["deny"], Tag("word")] | Annotated[AskOnError, Tag("mapping")],
    Discriminator(shape_of),
    Hints(
        {
            "confirm": ("`on_error` asks by `approval`, or denies", "on_error: {approval: {of: [requester]}}"),
            "approval": ("`on_error: approval` does not say who is asked", "on_error: {approval: {of: [role:NAME]}}"),
            "allow": (
                "what cannot be evaluated is never allowed (law 6)",
                "`deny`, or who is asked: {approval: {of: [role:NAME]}}",
            ),
        }
    ),
]


class PolicyDocument(Model):
    """A hitl-fsm policy: which actions need what, before they happen."""

    api_version: Literal["hitl-fsm/v1"] = Field(
        alias="apiVersion", description="The version of the language: `hitl-fsm/v1`."
    )
    kind: Literal["Policy"] = Field(description="What this file is: `Policy`.")
    name: Name = Field(description="The policy's name, unique among all loaded policies, such as `refunds`.")
    owner: Text | None = Field(None, description="Who answers for it, such as `treasury-compliance@example.com`.")
    description: Text | None = Field(None, description="What it is for, in a sentence.")
    tools: Patterns | None = Field(
        None,
        description='The tool calls it covers: `[payments.refund, "payments.payout.*"]`. `*` stands for any text, dots '
        "included; case counts.",
    )
    steps: NamePatterns | None = Field(
        None,
        description='The workflow steps it covers, before each begins: `[ship, "invoice-*"]`. The calls inside a step '
        "are covered by `tools`. With both, it covers both kinds.",
    )
    agents: NamePatterns | None = Field(
        None,
        description='Only what these agents do: `[support-bot, "research-*"]`. Beside `tools` or `steps` it narrows '
        "them; alone, it covers all that the agents do.",
    )
    mode: Literal["enforce", "shadow"] = Field(
        "enforce",
        description="`enforce`, or `shadow`: nothing is asked or denied, the record tells what it would have done.",
    )
    default: Default = Field(
        "deny",
        description="What holds for a covered action that none of the rules matched: `deny`, `confirm` or `allow`. "
        "Each rule that matches takes its place, also `allow` and `audit`: a rule that matches everything, be it only "
        "to record it, leaves nothing to the default.",
    )
    on_error: OnError = Field(
        "deny",
        description="What holds when a condition cannot be evaluated, such as for an argument that is not there: "
        "`deny`, or somebody is asked: `{approval: {of: [role:finance], expires: 4h}}`. Never a yes; a rule that "
        "denies still denies.",
    )
    on_change: Literal["strictest", "pin"] = Field(
        "strictest",
        description="The policy changed while a run was paused: `strictest` is the stricter of then and now, `pin` "
        "what held then.",
    )
    batch: Literal["in_order", "run_ungated", "hold_all"] = Field(
        "in_order",
        description="Several calls in one turn, one of them waits: `in_order` runs none behind it, `run_ungated` runs "
        "those that nobody is asked about, `hold_all` holds those before it too.",
    )
    vars: JsonObject = Field(
        {}, description="Values for the conditions: `{limit: 1000, home: [EUR, GBP]}` is `vars.limit` and `vars.home`."
    )
    rules: list[Rule] = Field(
        [],
        max_length=MAX_RULES,
        description="The rules. All that match are joined: what they ask for adds up, `deny` beats all. Their order "
        "does not matter.",
    )


def gate_items(gate: Any) -> list[tuple[tuple[int, ...], Any]]:
    """The gates of a rule, each with its path below `gate`."""
    if isinstance(gate, list):
        return [((index,), item) for index, item in enumerate(gate)]
    return [((), gate)]
