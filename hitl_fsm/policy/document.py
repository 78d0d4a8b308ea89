"""The policy language as pydantic models: what a policy file may say (DESIGN section 5).

The descriptions are written for a policy's author; they become `schemas/policy.schema.json`. A field or value that
carries `NotYet` is part of the language but not enforced by this release: it is refused by name, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from hitl_fsm.policy.document_gates import ApprovalGate, GateField
from hitl_fsm.policy.fields import (
    Conditions,
    Hints,
    JsonObject,
    Model,
    Name,
    NamePatterns,
    Pattern,
    Patterns,
    Text,
    shape_of,
)

MAX_RULES = 1000
MAX_EXAMPLES = 100


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
        default_factory=ExampleUser.model_construct,
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
        default_factory=Examples.model_construct,
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
