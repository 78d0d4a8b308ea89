"""The gates of the policy language as pydantic models: what may stand under a rule's `gate`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from hitl_fsm.policy.document_asks import MAX_QUORUM, Asks, Edit, Grant
from hitl_fsm.policy.fields import Duration, JsonObject, Model, Name, NotYet, Subject, Subjects, Text, shape_of

MAX_GATES = 20
MAX_RETRIES = 10
MAX_SEATS = 10
MAX_STAGES = 10

GATE_WORDS = ("allow", "audit", "confirm", "deny", "review")
GATE_NAMES = ("allow", "audit", "confirm", "approval", "user_input", "external", "review", "deny")
WHO = ("of", "all_of", "any_of", "stages")
"""The ways to say who approves; an approval uses one."""


class ConfirmGate(Asks):
    """The run's own user says yes or no."""

    edit: Edit = Field(
        "any",
        description="Which arguments a yes may change: `none`; or each by name with a JSON Schema that its new value "
        "must fit, or `lower`: `{amount: {maximum: 1000}, total: lower}`; or `any`, which holds without it.",
    )
    grant: Grant | None = Field(
        None,
        description="The yes may be remembered for calls that are alike, at most so far: `{max: 10, for: 24h}`. "
        "Without it, each call is asked about.",
    )


class SeatEntry(Model):
    """So many different people of these."""

    of: Subjects = Field(description="Who they are, such as `[role:finance]`.")
    quorum: int = Field(1, ge=1, le=MAX_QUORUM, description="How many different people of them must say yes.")


Seat = Annotated[Annotated[Subject, Tag("word")] | Annotated[SeatEntry, Tag("mapping")], Discriminator(shape_of)]
Seats = Annotated[list[Seat], Field(min_length=1, max_length=MAX_SEATS)]


class _Approvers(Asks):
    """Who approves, and how a yes comes about."""

    of: Subjects | None = Field(
        None,
        description="Who may answer; one of them is enough, or as many as `quorum` says. `role:finance` is everyone "
        "with that role, `group:treasury` everyone of that group, `requester` the run's own user, `owner` the policy's "
        "owner, anything else the id of one person.",
    )
    quorum: int = Field(
        1, ge=1, le=MAX_QUORUM, description="How many different people of `of` must say yes, such as `2`."
    )
    all_of: Seats | None = Field(
        None,
        description="Instead of `of`: one of each must say yes, all different people: `[role:finance, role:legal]`, "
        "or `[{of: [role:finance], quorum: 2}, {of: [role:legal]}]`.",
    )
    any_of: Seats | None = Field(
        None,
        description="Instead of `of`: any of these by itself is enough: `[{of: [role:cfo]}, {of: [role:finance], "
        "quorum: 2}]`.",
    )
    excluded: Subjects = Field(
        [],
        alias="not",
        description="Who may not answer, whatever their roles. `requester`: nobody approves what they asked for. "
        "`editor`: nor what they changed. `previous_approver`: nor who said yes at an earlier gate of the same call.",
    )
    reject_quorum: int = Field(
        1, ge=1, le=MAX_QUORUM, description="How many different people must say no; one is enough without it."
    )
    edit: Edit = Field(
        "any",
        description="Which arguments a yes may change: `none`; or each by name with a JSON Schema that its new value "
        "must fit, or `lower`: `{amount: {maximum: 1000}, total: lower}`; or `any`, which holds without it. A change "
        "voids the votes before it, and is judged by all policies again.",
    )
    grant: Grant | None = Field(
        None,
        description="The yes may be remembered for calls that are alike, at most so far: `{max: 10, for: 24h}`. "
        "Without it, each call is asked about.",
    )
    break_glass: Subjects | None = Field(
        None,
        description="Who may say yes alone in an emergency, with a reason, such as `[role:oncall]`. Somebody else has "
        "to look at it afterwards.",
    )


class StageEntry(_Approvers):
    """One approval of several, one after the other."""

    name: Name = Field(description="The stage's name, unique in its approval, such as `manager`.")


class ApprovalGate(_Approvers):
    """Somebody with a role says yes or no."""

    stages: Annotated[list[StageEntry], Field(min_length=1, max_length=MAX_STAGES)] | None = Field(
        None,
        description="Instead of `of`: approvals one after the other, each with its own people and times: `[{name: "
        "manager, of: [role:manager], expires: 4h}, {name: cfo, of: [role:cfo], not: [previous_approver]}]`. Nothing "
        "else stands beside it.",
    )


class UserInputGate(Asks):
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
    calendar: Annotated[Any, NotYet(help="`timeout` counts all hours")] = Field(
        None, description="Whose open hours count for `timeout`."
    )
    reminders: Annotated[Any, NotYet(help="a route is no person; `timeout` ends the waiting")] = Field(
        None, description="When to ask the route again."
    )


class ReviewGate(Asks):
    """A person looks at the output before the model does."""

    of: Subjects = Field([], description="Who reviews, such as `[role:editor]`; without it, the run's user.")
    excluded: Subjects = Field(
        [],
        alias="not",
        description="Who may not review, whatever their roles, such as `[requester, previous_approver]`.",
    )
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


def gate_items(gate: Any) -> list[tuple[tuple[int, ...], Any]]:
    """The gates of a rule, each with its path below `gate`."""
    if isinstance(gate, list):
        return [((index,), item) for index, item in enumerate(gate)]
    return [((), gate)]
