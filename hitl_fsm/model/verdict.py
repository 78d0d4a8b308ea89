"""What the policies say of one action: the gates to pass, in order, or allow, or deny, and why."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Batch = Literal["in_order", "run_ungated", "hold_all"]
OnChange = Literal["strictest", "pin"]
Severity = Literal["low", "medium", "high", "critical"]


class Seat(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many different people of these; nobody takes two seats."""

    of: tuple[str, ...]
    count: int = 1


class Escalation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is asked when the time before is over, and how long these have. Votes given before do not count any more."""

    of: tuple[str, ...]
    expires_ms: int | None = None
    quorum: int = 1


class Patience(msgspec.Struct, frozen=True, omit_defaults=True):
    """How time goes on while a question is open. It never says yes (law 12).

    `reminders_ms`: how long after it was asked those who may answer are told again. `calendar`: whose open hours count
    as time, for `expires_ms`, these and those of the escalations ("": all hours). `escalate`: who is asked next, one
    after the other, each time it expires; after the last, the action is denied.
    """

    reminders_ms: tuple[int, ...] = ()
    calendar: str = ""
    escalate: tuple[Escalation, ...] = ()


class Editing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which arguments a yes may change: by name, the JSON Schema that the new value must fit.

    `lower`: numbers that may only become smaller than what the model asked for.
    """

    fields: dict[str, dict[str, Any]] = {}
    lower: tuple[str, ...] = ()


class GrantOffer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a yes may be remembered, at most. `vary` are the arguments that may differ; all others stay as they were.

    `budget` bounds the sum of the argument `budget_of`, which is one of `vary`.
    """

    uses: int
    for_ms: int
    scopes: tuple[Literal["run", "session", "agent"], ...] = ("run",)
    vary: tuple[str, ...] = ()
    budget_of: str = ""
    budget: int | float = 0


class Confirm(msgspec.Struct, frozen=True, tag="confirm", omit_defaults=True):
    """The run's own user says yes or no."""

    expires_ms: int | None = None
    patience: Patience | None = None
    edit: Editing | None = None
    grant: GrantOffer | None = None


class Approval(msgspec.Struct, frozen=True, tag="approval", omit_defaults=True):
    """`quorum` different people of `of` say yes; nobody of `excluded` counts. `reject_quorum` people say no.

    `of` and `excluded` hold `role:NAME`, `group:NAME`, `requester`, or an actor's id; `excluded` also `editor` (who
    changed the arguments) and `previous_approver` (who said yes at an earlier gate of the same call).
    `ways`: instead of the quorum, each of these lists of seats is enough; `of` then has everybody who is in one.
    `break_glass`: who may say yes alone, with a reason, for somebody else to look at afterwards. `name` is the stage's.
    `edit` None: any argument may be changed, and the policies judge what comes of it.
    """

    of: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    expires_ms: int | None = None
    quorum: int = 1
    ways: tuple[tuple[Seat, ...], ...] = ()
    reject_quorum: int = 1
    patience: Patience | None = None
    edit: Editing | None = None
    grant: GrantOffer | None = None
    break_glass: tuple[str, ...] = ()
    name: str = ""


class UserInput(msgspec.Struct, frozen=True, tag="user_input", omit_defaults=True):
    """A JSON Schema form (an object schema) that one of `of` fills in (empty: the run's own user).

    `asker`: no policy's form, but that of what runs this tool; none of its values is an argument.
    """

    schema: dict[str, Any]
    of: tuple[str, ...] = ()
    expires_ms: int | None = None
    asker: str = ""
    patience: Patience | None = None


class External(msgspec.Struct, frozen=True, tag="external", omit_defaults=True):
    """A route executes the call. Its result must fit `result_schema`, and each of `route_schemas`, the route's own.

    `silent`: chat surfaces do not announce that the run waits for it. It waits all the same, and an inbox has it.
    """

    route: str
    result_schema: dict[str, Any] | None = None
    expires_ms: int | None = None
    silent: bool = False
    route_schemas: tuple[dict[str, Any], ...] = ()

    @property
    def result_schemas(self) -> tuple[dict[str, Any], ...]:
        """All that a result must fit, the gate's own first."""
        return self.route_schemas if self.result_schema is None else (self.result_schema, *self.route_schemas)


class Review(msgspec.Struct, frozen=True, tag="review", omit_defaults=True):
    """After the call, one of `of` (empty: the run's own user) and none of `excluded` looks at its result.

    It may be run again `retries` times.
    """

    of: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    expires_ms: int | None = None
    retries: int = 0
    patience: Patience | None = None


Gate = Confirm | Approval | UserInput | External | Review


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule (or default) that took part: where it stands and what it demanded.

    `description` is what the rule is for, in its author's words: for who is asked, who may not have the file. It goes
    with the verdict and the question; the record leaves it out.
    """

    policy: str
    rule: str
    effect: str
    file: str = ""
    line: int = 0
    note: str | None = None
    description: str = ""


class Looked(msgspec.Struct, frozen=True, array_like=True):
    """A rule that was looked at. `answer` is `T` where it matched, `F` where not, `!` where that could not be told.

    `when` and `unless` have one such letter for each of its conditions, in their order.
    """

    policy: str
    rule: str
    line: int
    answer: Literal["T", "F", "!"]
    when: str = ""
    unless: str = ""


class Would(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the policies in `mode: shadow` alone come to; the fields are those of `Verdict`."""

    outcome: Literal["allow", "gated", "deny"]
    gates: tuple[Gate, ...] = ()
    audit: bool = False
    severity: Severity = "low"
    looked: tuple[Looked, ...] = ()
    problem: str | None = None


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The join of everything that matched.

    `gates` is empty unless `outcome` is `gated`; `shadow` is what policies in `mode: shadow` would
    have demanded, and `would` what that comes to; `looked` has each rule that was looked at, of the policies
    that are enforced; `problem` says what could not be evaluated (then the outcome is `deny`, or `gated` where
    a policy's `on_error` names who is asked; never `allow`, law 6).
    """

    outcome: Literal["allow", "gated", "deny"]
    gates: tuple[Gate, ...] = ()
    audit: bool = False
    batch: Batch = "in_order"
    on_change: OnChange = "strictest"
    severity: Severity = "low"
    reasons: tuple[Reason, ...] = ()
    shadow: tuple[Reason, ...] = ()
    policy_digest: str = ""
    problem: str | None = None
    looked: tuple[Looked, ...] = ()
    would: Would | None = None
