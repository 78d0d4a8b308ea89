"""What the gates that wait for a person can say: until when, who is asked next, what a yes may change, or outlast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from hitl_fsm.policy.fields import (
    DURATION_PATTERN,
    Duration,
    Hints,
    JsonObject,
    Model,
    Name,
    Subjects,
    duration_ms,
    listed,
    one_or_list,
    shape_of,
)

MAX_QUORUM = 100
MAX_ESCALATIONS = 10
MAX_REMINDERS = 10
MAX_EDIT_FIELDS = 100
MAX_ARGUMENT_CHARS = 200
MAX_GRANT_USES = 10_000
MAX_GRANT_MS = 90 * 86_400_000
MAX_BUDGET = 10**15

_NO_TIMER_SAYS_YES = (
    "time never says yes (law 12): when nobody answered, nobody agreed",
    "write `on_expiry: deny`; for what may go on without an answer, the gate `audit` only records",
)
_ESCALATE_WHOM = (
    "`escalate` does not say who is asked next",
    "on_expiry: {escalate: [role:NAME], expires: 8h}",
)
_EDIT_WHAT = (
    "`edit` says for each argument what it may become",
    "write `edit: {amount: {maximum: 1000}, memo: {}}`, `edit: any`, or `edit: none`",
)


class Escalate(Model):
    """Ask others when the time is over. What was answered before counts no more."""

    escalate: Subjects = Field(description="Who is asked next, such as `[role:cfo]`, when the time before is over.")
    expires: Duration | None = Field(
        None,
        description="How long these have, such as `8h`; without it, as long as those before them. Then the next ones "
        "are asked; after the last, the action is denied.",
    )
    quorum: int = Field(
        1, ge=1, le=MAX_QUORUM, description="How many different people of these must say yes (`approval` only)."
    )


OnExpiry = Annotated[
    Annotated[Literal["deny"], Tag("word")]
    | Annotated[Escalate, Tag("mapping")]
    | Annotated[list[Escalate], Field(min_length=1, max_length=MAX_ESCALATIONS), Tag("list")],
    Discriminator(shape_of),
    Hints(
        {
            **dict.fromkeys(
                ("allow", "approve", "approved", "accept", "confirm", "audit", "continue", "proceed", "yes", "true"),
                _NO_TIMER_SAYS_YES,
            ),
            "escalate": _ESCALATE_WHOM,
        }
    ),
]
Durations = Annotated[
    list[Duration],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_REMINDERS),
    one_or_list({"type": "string", "pattern": DURATION_PATTERN, "examples": ["30m", "2h"]}, MAX_REMINDERS),
]


def _grant_ms(text: object) -> int:
    milliseconds = duration_ms(text)
    if milliseconds > MAX_GRANT_MS:
        msg = f"{text!r} is longer than {MAX_GRANT_MS // 86_400_000} days; nobody remembers what was agreed to then"
        raise ValueError(msg)
    return milliseconds


GrantDuration = Annotated[
    int,
    BeforeValidator(_grant_ms),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["8h", "24h", "7d"]}),
]
ArgumentName = Annotated[str, Field(min_length=1, max_length=MAX_ARGUMENT_CHARS)]
EditItem = Annotated[
    Annotated[Literal["lower"], Tag("word")] | Annotated[JsonObject, Tag("mapping")],
    Discriminator(shape_of),
]
Edit = Annotated[
    Annotated[Literal["none", "any"], Tag("word")]
    | Annotated[
        dict[ArgumentName, EditItem],
        Field(min_length=1, max_length=MAX_EDIT_FIELDS),
        Tag("mapping"),
    ],
    Discriminator(shape_of),
    Hints(
        {
            "higher": ("a yes to a smaller number is no yes to a larger one", "write its bounds: {maximum: 1000}"),
            "lower": ("`lower` is said of one argument", "write `edit: {amount: lower}`"),
            **dict.fromkeys(("true", "a list", "yes", "all"), _EDIT_WHAT),
            "false": ("what may be changed is not said by yes and no", "write `edit: none`"),
            **dict.fromkeys(
                ("less", "smaller", "decrease", "down"),
                ("a number that may only become smaller is `lower`", "write `edit: {amount: lower}`"),
            ),
            "any": ("`any` is for all arguments", "for one whose value is free, write an empty mapping: `{}`"),
        }
    ),
]
Scope = Literal["run", "session", "agent"]
Scopes = Annotated[
    list[Scope],
    BeforeValidator(listed),
    Field(min_length=1, max_length=3),
    one_or_list({"enum": ["run", "session", "agent"]}, 3),
]
Arguments = Annotated[
    list[ArgumentName],
    BeforeValidator(listed),
    Field(min_length=1, max_length=MAX_EDIT_FIELDS),
    one_or_list({"type": "string", "minLength": 1, "examples": ["amount"]}, MAX_EDIT_FIELDS),
]
Budget = Annotated[
    dict[ArgumentName, Annotated[int | float, Field(gt=0, le=MAX_BUDGET, allow_inf_nan=False)]],
    Field(min_length=1, max_length=1),
]


class Grant(Model):
    """How far a yes may be remembered, if whoever says yes wants that."""

    max: int = Field(
        ge=1, le=MAX_GRANT_USES, description="For how many further calls at most, such as `10`; each is counted."
    )
    duration: GrantDuration = Field(
        alias="for", description="For how long at most, such as `24h`, from the yes on; 90 days are the limit."
    )
    scope: Scopes = Field(
        ["run"],
        description="Where it may hold: in the same `run` (without a word, only there), in the same `session` of the "
        "same user, or for the same `agent` in all its runs.",
    )
    vary: Arguments = Field(
        [],
        description="The arguments that may differ, such as `[amount]`; all others must be exactly those that were "
        "agreed to. Without it, none may differ.",
    )
    budget: Budget | None = Field(
        None,
        description="What an argument may come to in all, such as `{amount: 5000}`: the sum over all calls that use "
        "it. The argument is one of `vary`, and a number.",
    )


class Asks(Model):
    """What every gate that waits for an answer can say."""

    expires: Duration | None = Field(
        None,
        description="How long the question stays open: a number and a unit (`ms`, `s`, `m`, `h`, `d`, `w`), such as "
        "`4h`. Then what `on_expiry` says: the action is denied, or others are asked. Without it, the question waits "
        "for ever.",
    )
    on_expiry: OnExpiry = Field(
        "deny",
        description="What happens when the time is over: `deny`, which also holds without it, or others are asked: "
        "`{escalate: [role:cfo], expires: 8h}`, or a list of these, one after the other. Never a yes.",
    )
    reminders: Durations = Field(
        [],
        description="When those who may answer are told again: how long after they were asked, such as `[1h, 3h]`.",
    )
    calendar: Name | None = Field(
        None,
        description="Whose open hours count for `expires`, `reminders` and the times of who is asked next: the name of "
        "a `kind: Calendar`. Without it, all hours count.",
    )
