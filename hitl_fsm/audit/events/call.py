"""Calls: judged, allowed or denied, begun, ended, and what was found out later."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hitl_fsm.audit.events.base import (
    ActionDigest,
    CallId,
    Count,
    Data,
    Digest,
    GateKey,
    Money,
    Names,
    OfCall,
    Ordinal,
    Plain,
    PolicyDigest,
    RequirementId,
    Rule,
    Severity,
    Shape,
)

Outcome = Literal["allow", "gated", "deny"]
Truth = Annotated[str, Field(pattern="^[TF!]*$", description="One letter a condition: true, false, could not be told.")]
Looked = tuple[str, str, int, str] | tuple[str, str, int, str, str] | tuple[str, str, int, str, str, str]
"""Policy, rule, line, what came of it, and of each of its conditions `when` and `unless`."""


class Would(Shape):
    """What policies in shadow mode alone come to; forms, changes and grants in their gates by digest."""

    outcome: Outcome
    gates: tuple[dict[str, Plain], ...] = ()
    audit: bool = False
    severity: Severity = "low"
    looked: tuple[Looked, ...] = ()
    problem: bool = False


class CallJudged(OfCall):
    """What the policies say of an action: the rules that took part, their files and lines, and each rule looked at.

    `gates` are what must be passed first. `problem`: something could not be read or evaluated, so that it fails
    closed. `money` are the sums that it is about, `money_unclear` the places of those that cannot be told exactly.
    """

    CONTENTS: ClassVar = {"args": "the exact arguments", "problem": "what could not be read or evaluated"}
    outcome: Outcome
    reasons: tuple[Rule, ...]
    policies: PolicyDigest
    gates: tuple[GateKey, ...] = ()
    audit: bool = False
    severity: Severity = "low"
    looked: tuple[Looked, ...] = ()
    shadow: tuple[Rule, ...] = ()
    would: Would | None = None
    problem: bool = False
    money: tuple[Money, ...] = ()
    money_unclear: Names = ()


class CallEdited(CallJudged):
    """A person changed the arguments: another action, judged again. `was` is the digest of the action before."""

    CONTENTS: ClassVar = {**CallJudged.CONTENTS, "was": "the arguments before"}
    was: ActionDigest


class Passed(Shape):
    """A gate that was passed, by whose word, and by which remembered permission."""

    gate: GateKey
    by: Names
    grant: str = ""


class CallAuthorised(OfCall):
    """An action may begin, once: by whose word each of its gates was passed. None: no rule wanted a person."""

    passes: tuple[Passed, ...]


class CallStarted(OfCall):
    """The intent: this is on disk before the action begins, and `attempt` says for the how-manieth time."""

    attempt: Ordinal


class CallSucceeded(OfCall):
    """An action took effect, and the model may read what came of it."""

    CONTENTS: ClassVar = {"result": "what it returned"}
    attempt: Count


class CallFailed(OfCall):
    """An action did not work, or its result is not known and was given up."""

    CONTENTS: ClassVar = {"error": "what the model was told of it"}
    attempt: Count


class CallDenied(OfCall):
    """An action does not happen: by a rule, by a person, or because nobody answered in time."""


class CallLost(OfCall):
    """It began, and nobody knows whether it took effect: an indeterminate outcome, about which a person is asked."""

    attempt: Ordinal


class CallNotBegun(OfCall):
    """Its intent was on disk and its worker says itself that nothing followed."""

    CONTENTS: ClassVar = {"why": "what kept it"}
    attempt: Ordinal


class CallAsked(OfCall):
    """The tool wanted to know something of a person in the middle of its work, and was told to let go."""

    CONTENTS: ClassVar = {"question": "what it asked", "form": "the form that a person fills in"}


class CallHeld(OfCall):
    """A result waits for a review, and goes nowhere until then. `substituted`: a person gave it instead of the call."""

    CONTENTS: ClassVar = {"result": "what waits"}
    execution: Ordinal
    substituted: bool = False


class ResultEdited(OfCall):
    """A reviewer had another result go on."""

    CONTENTS: ClassVar = {"result": "what goes on", "was": "what was returned"}


class CallSentBack(OfCall):
    """A reviewer had the call run again; its gates are asked about again."""

    CONTENTS: ClassVar = {"result": "what was not good enough"}
    execution: Ordinal


class CallWithheld(OfCall):
    """An action ran, and the model never reads its result."""


class CallSubstituted(OfCall):
    """An action never ran: a person gave its result instead."""

    CONTENTS: ClassVar = {"result": "what the person gave"}
    attempt: Count


class LateResult(Data):
    """What came of an action was learned after its run had gone on without it. `taken`: it still answered a question.

    Of a call: which start (`call`, `attempt`). Of a route: which question and which route (`requirement`, `route`); its
    `result`, which is refused, is told by digest alone, under the run's salt.
    """

    CONTENTS: ClassVar = {"result": "what came, or what went wrong"}
    call: CallId = ""
    attempt: Count = 0
    begun: bool = True
    failed: bool = False
    taken: bool = False
    requirement: RequirementId = ""
    route: str = ""
    digest: ActionDigest = ""
    result: Digest | Literal[""] = ""


EVENTS: dict[str, type[Data]] = {
    "call_judged": CallJudged,
    "call_edited": CallEdited,
    "call_authorised": CallAuthorised,
    "call_started": CallStarted,
    "call_succeeded": CallSucceeded,
    "call_failed": CallFailed,
    "call_denied": CallDenied,
    "call_lost": CallLost,
    "call_not_begun": CallNotBegun,
    "call_asked": CallAsked,
    "call_held": CallHeld,
    "result_edited": ResultEdited,
    "call_sent_back": CallSentBack,
    "call_withheld": CallWithheld,
    "call_substituted": CallSubstituted,
    "late_result": LateResult,
}
