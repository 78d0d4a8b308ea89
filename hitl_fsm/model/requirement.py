"""One open question that a gate raised for one action of one run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hitl_fsm.model.answer import Resolution, Vote
from hitl_fsm.model.flag import Flag
from hitl_fsm.model.states import RequirementState
from hitl_fsm.model.verdict import Approval, Confirm, External, Reason, Review, Severity, UserInput


class OutcomeUnknown(msgspec.Struct, frozen=True, tag="outcome"):
    """Not of a policy: the process died between intent and result (law 3); somebody says what happened."""


Question = Confirm | Approval | UserInput | External | Review | OutcomeUnknown
RequirementKind = Literal["confirm", "approval", "user_input", "external", "review", "outcome"]


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """`digest` binds it to exactly one action (law 5); times are ms since the epoch.

    `stage` of `stages`: its place among the gates of the call, from 1. Before `answerable_from` no answer is taken:
    the lost worker may still act. `execution` counts from 1: above it, a reviewer asked to run the call again. `result`
    is what a review is about; its digest binds that, too. `path` leads from the run to who asks: `("workflow refunds",
    "step payout", "agent clerk")`; `agent` is the last run on it. `substituted`: the result under review was given by a
    person instead of the call, which does not run.
    `votes` are the answers so far, advice among them; after `escalated` escalations. `remind_at` are the times of the
    reminders (ms) at this level, of which `reminded` have been given.
    `said` is what the model wrote beside its calls, but for `said_cut` characters; `sensitive` names the arguments
    that nobody is shown; `proposed` are the arguments that the model wrote, where they were changed since; `editors`
    and `approvers` the people who changed them, and who passed an earlier gate. `flags` are reasons to look twice.
    """

    requirement_id: str
    run_id: str
    call_id: str
    tool: str
    args: dict[str, Any]
    digest: str
    question: Question
    opened_at: int
    state: RequirementState = RequirementState.OPEN
    user: str = ""
    agent: str = ""
    stage: int = 1
    stages: int = 1
    severity: Severity = "low"
    reasons: tuple[Reason, ...] = ()
    expires_at: int | None = None
    answerable_from: int | None = None
    execution: int = 1
    result: Any = None
    resolution: Resolution | None = None
    path: tuple[str, ...] = ()
    substituted: bool = False
    votes: tuple[Vote, ...] = ()
    escalated: int = 0
    remind_at: tuple[int, ...] = ()
    reminded: int = 0
    said: str = ""
    said_cut: int = 0
    sensitive: tuple[str, ...] = ()
    proposed: dict[str, Any] | None = None
    editors: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def kind(self) -> RequirementKind:
        """The question's tag."""
        return self.question.__struct_config__.tag  # type: ignore[return-value]  # each Question has such a tag
