"""What the policies say of one action: the gates to pass, in order, or allow, or deny, and why."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Batch = Literal["in_order", "run_ungated", "hold_all"]
OnChange = Literal["strictest", "pin"]
Severity = Literal["low", "medium", "high", "critical"]


class Confirm(msgspec.Struct, frozen=True, tag="confirm", omit_defaults=True):
    """The run's own user says yes or no."""

    expires_ms: int | None = None


class Approval(msgspec.Struct, frozen=True, tag="approval", omit_defaults=True):
    """Someone of `of` says yes or no; nobody of `excluded` counts.

    `of` and `excluded` hold `role:NAME`, `requester`, or an actor's id.
    """

    of: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    expires_ms: int | None = None


class UserInput(msgspec.Struct, frozen=True, tag="user_input", omit_defaults=True):
    """A JSON Schema form (an object schema) that one of `of` fills in (empty: the run's own user).

    `asker`: no policy's form, but that of what runs this tool; none of its values is an argument.
    """

    schema: dict[str, Any]
    of: tuple[str, ...] = ()
    expires_ms: int | None = None
    asker: str = ""


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


Gate = Confirm | Approval | UserInput | External | Review


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule (or default) that took part: where it stands and what it demanded."""

    policy: str
    rule: str
    effect: str
    file: str = ""
    line: int = 0
    note: str | None = None


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
