"""Answers are a discriminated union, not a bag of optional fields; a resolution is one that closed a question."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hitl_fsm.model.actor import Actor


class GrantTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a yes is to be remembered. None: as far as the policy offers; what it does not offer is refused.

    `scope`: in this run, in this session of the same user, or wherever the agent does it. `uses` counts further calls;
    `for_ms` is how long from now, `budget` what the argument that the policy names may come to in all.
    """

    scope: Literal["run", "session", "agent"] = "run"
    uses: int | None = None
    for_ms: int | None = None
    budget: int | float | None = None


class Approve(msgspec.Struct, frozen=True, tag="approve", omit_defaults=True):
    """Yes. `args`, where given, replaces the call's arguments whole: an edit.

    `grant`: and the same need not be asked again, within what the policy offers.
    """

    args: dict[str, Any] | None = None
    note: str | None = None
    grant: GrantTerms | None = None


class Reject(msgspec.Struct, frozen=True, tag="reject", omit_defaults=True):
    """No, for good (law 4); the note reaches the model."""

    note: str | None = None


class Provide(msgspec.Struct, frozen=True, tag="provide", omit_defaults=True):
    """The filled-in form."""

    values: dict[str, Any]
    note: str | None = None


class Report(msgspec.Struct, frozen=True, tag="report", omit_defaults=True):
    """What an outside system returned for the call, or, in `error`, that it failed; then there is no result."""

    result: Any = None
    note: str | None = None
    error: str | None = None


class Respond(msgspec.Struct, frozen=True, tag="respond", omit_defaults=True):
    """Instead of the call, which never runs: this result, which the model reads. As final as a rejection (law 4)."""

    result: Any
    note: str | None = None


class Happened(msgspec.Struct, frozen=True, tag="happened", omit_defaults=True):
    """To `did it happen?`: it did, with this result."""

    result: Any
    note: str | None = None


class NotHappened(msgspec.Struct, frozen=True, tag="not_happened", omit_defaults=True):
    """To `did it happen?`: it did not; run it."""

    note: str | None = None


class GiveUp(msgspec.Struct, frozen=True, tag="give_up", omit_defaults=True):
    """To `did it happen?`: nobody knows; go on without."""

    note: str | None = None


class Accept(msgspec.Struct, frozen=True, tag="accept", omit_defaults=True):
    """To a review: the result goes on as it is."""

    note: str | None = None


class EditResult(msgspec.Struct, frozen=True, tag="edit_result", omit_defaults=True):
    """To a review: this result goes on instead."""

    result: Any
    note: str | None = None


class Retry(msgspec.Struct, frozen=True, tag="retry", omit_defaults=True):
    """To a review: the result goes nowhere; run the call again, through its gates."""

    note: str | None = None


class Abstain(msgspec.Struct, frozen=True, tag="abstain", omit_defaults=True):
    """Neither yes nor no, from somebody who was asked; it counts for nothing, and the person does not vote again."""

    note: str | None = None


class BreakGlass(msgspec.Struct, frozen=True, tag="break_glass", omit_defaults=True):
    """Yes by one person, past the quorum, in an emergency. `note` says why; somebody else looks at it afterwards."""

    note: str | None = None


class Advise(msgspec.Struct, frozen=True, tag="advise", omit_defaults=True):
    """What a model, a service or a bystander thinks of it. It is shown to those who decide, and never counts."""

    opinion: Literal["approve", "reject", "unsure"]
    note: str | None = None


Answer = (
    Approve
    | Reject
    | Provide
    | Report
    | Respond
    | Happened
    | NotHappened
    | GiveUp
    | Accept
    | EditResult
    | Retry
    | Abstain
    | BreakGlass
    | Advise
)
NO = (Reject, Respond)
"""What closes a gate so that the call never begins."""


class Resolution(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer, who gave it and when (ms since the epoch), and the digest of the action that was shown.

    `presented` is the digest of all that was shown with it (`presentation_digest`).
    """

    answer: Answer
    by: Actor
    at: int
    digest: str
    presented: str = ""


class Vote(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person's answer to a question that several may answer. `level`: after how many escalations it was given.

    Only those of the question's present level count. `named`: as which of those who are asked, in the policy's words.
    """

    answer: Approve | Reject | Abstain | Advise
    by: Actor
    at: int
    digest: str
    level: int = 0
    named: tuple[str, ...] = ()
    presented: str = ""
