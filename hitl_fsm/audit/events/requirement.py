"""Questions to people: opened, seen, voted on, escalated, closed."""

from __future__ import annotations

from typing import ClassVar, Literal

from hitl_fsm.audit.events.base import (
    ActionDigest,
    CallId,
    Count,
    Data,
    Digest,
    GateKey,
    Moment,
    Names,
    Ordinal,
    PersonId,
    RequirementId,
    Severity,
    Shape,
    ToolName,
)

Kind = Literal["confirm", "approval", "user_input", "external", "review", "outcome"]
_ANSWER = {"answer": "what was answered, with the note, the changed arguments or the form's values"}


class Flagged(Shape):
    """A reason to look twice."""

    kind: str
    where: str = ""


class RequirementOpened(Data):
    """A person is asked: about which action of which agent, which gate that is, who may answer, until when.

    `flags` are reasons to look twice that the approver was shown, and in which argument.
    """

    CONTENTS: ClassVar = {"result": "what a review is about"}
    requirement: RequirementId
    kind: Kind
    call: CallId
    tool: ToolName
    digest: ActionDigest
    stage: Ordinal
    agent: str
    of: Names
    gate: GateKey = ""
    excluded: Names = ()
    severity: Severity = "low"
    flags: tuple[Flagged, ...] = ()
    execution: Ordinal = 1
    substituted: bool = False
    expires_at: Moment | None = None


class Shown(Data):
    """What a person saw."""

    CONTENTS: ClassVar = {"presentation": "all that was shown, masked as it was on the screen"}
    requirement: RequirementId
    call: CallId
    presented: Digest
    surface: str


class RequirementViewed(Shown):
    """A person looked at a question; `presented` is the digest of all that there was to see, `surface` where."""


class RequirementPresented(Data):
    """What there was to see with the question at the moment of an answer: each signature has what it was put under."""

    CONTENTS: ClassVar = {"presentation": "all that was to be seen, masked"}
    requirement: RequirementId
    call: CallId
    presented: Digest


class Vote(Shape):
    """One person's word: who, how authenticated, what, when, of which action and which picture of it."""

    voter: PersonId
    persons: Names
    authenticated_by: str
    answer: str
    voted_at: Moment
    shown: ActionDigest
    presented: Digest | Literal[""] = ""
    level: Count = 0


class Closed(Data):
    """A question that is closed: how long it was open, by what answer, and all votes on it.

    `shown` is the digest of the action that the answer was given to, `presented` that of all that was to be seen.
    """

    CONTENTS: ClassVar = _ANSWER
    requirement: RequirementId
    kind: Kind
    call: CallId
    digest: ActionDigest
    waited_ms: int
    answer: str = ""
    shown: ActionDigest = ""
    presented: Digest | Literal[""] = ""
    votes: tuple[Vote, ...] = ()
    escalated: Count = 0


class RequirementResolved(Closed):
    """A yes, a filled-in form, a reported result: the question is answered."""


class RequirementRejected(Closed):
    """A no, which is final, or a result that a person gave instead of the call."""


class RequirementExpired(Closed):
    """Nobody answered in time: the action is denied."""


class RequirementCancelled(Closed):
    """The run was cancelled while the question was open."""


class RequirementSuperseded(Closed):
    """The question is void: the action is another one by now, a yes was taken back, or the outcome came by itself."""


class RequirementVoted(Data):
    """A vote that leaves the question open. `counts` false: the policy does not count who changed the arguments."""

    CONTENTS: ClassVar = _ANSWER
    requirement: RequirementId
    call: CallId
    voter: PersonId
    persons: Names
    authenticated_by: str
    answer: str
    voted_at: Moment
    shown: ActionDigest
    presented: Digest | Literal[""] = ""
    level: Count = 0
    counts: bool = True


class RequirementAdvised(RequirementVoted):
    """An opinion of a model, a service or a bystander, shown to those who decide; it never counts."""


class TakenBack(Data):
    """Something that does not count any more."""

    CONTENTS: ClassVar = {"note": "why"}
    requirement: RequirementId
    call: CallId
    tool: ToolName


class RequirementVoteWithdrawn(TakenBack):
    """Somebody took the own vote back, while the question was open."""


class ApprovalRevoked(TakenBack):
    """Who had said yes took it back before the action began: its gate is asked about again."""


class RequirementReminded(Data):
    """Those who may answer were told again; `number` reminders are over."""

    requirement: RequirementId
    call: CallId
    number: Count


class RequirementEscalated(Data):
    """Nobody answered in time, and others are asked now (`of`); what was answered before does not count any more."""

    requirement: RequirementId
    call: CallId
    level: Ordinal
    of: Names
    waited_since: Moment


class BreakGlass(Data):
    """One person passed a gate alone, past the quorum; somebody else owes a look at it (`override_reviewed`)."""

    CONTENTS: ClassVar = {"reason": "why, in that person's words"}
    requirement: RequirementId
    tool: ToolName
    digest: ActionDigest


EVENTS: dict[str, type[Data]] = {
    "requirement_opened": RequirementOpened,
    "requirement_viewed": RequirementViewed,
    "requirement_presented": RequirementPresented,
    "requirement_voted": RequirementVoted,
    "requirement_advised": RequirementAdvised,
    "requirement_vote_withdrawn": RequirementVoteWithdrawn,
    "requirement_reminded": RequirementReminded,
    "requirement_escalated": RequirementEscalated,
    "requirement_resolved": RequirementResolved,
    "requirement_rejected": RequirementRejected,
    "requirement_expired": RequirementExpired,
    "requirement_cancelled": RequirementCancelled,
    "requirement_superseded": RequirementSuperseded,
    "approval_revoked": ApprovalRevoked,
    "break_glass": BreakGlass,
}
