"""How a question can be answered, and what an answer may carry with it: commands, and words."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.verdict import Approval, Confirm, Editing, External, GrantOffer, Review, UserInput
from hitl_fsm.runtime.presenting.form import form_fields
from hitl_fsm.runtime.presenting.who import names, span

PROGRAM = "hitl-fsm"
ANY_CHANGE = "any argument, and the policies judge what comes of it"
_SCOPES = {"run": "in this run", "session": "in this session of the same user", "agent": "wherever this agent does it"}


class HowTo(msgspec.Struct, frozen=True):
    """One way to answer: what it means, and the command line that does it."""

    meaning: str
    command: str


def editing_words(editing: Editing | None) -> str:
    """Which arguments a yes may change."""
    if editing is None:
        return ANY_CHANGE
    told = [f"{name} (only lowered)" for name in editing.lower]
    for name, schema in editing.fields.items():
        bounds = ", ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in schema.items())
        told.append(f"{name} ({bounds})" if bounds else name)
    return f"only {', '.join(told)}" if told else "none"


def grant_words(offer: GrantOffer | None) -> str:
    """How far a yes may be remembered, at most; empty where it may not."""
    if offer is None:
        return ""
    calls = "one further call" if offer.uses == 1 else f"{offer.uses} further calls"
    vary = f"only {', '.join(offer.vary)} may differ" if offer.vary else "with exactly these arguments"
    budget = f", and {offer.budget_of} may come to {offer.budget} in all" if offer.budget_of else ""
    where = " or ".join(_SCOPES[scope] for scope in offer.scopes)
    return f"at most for {calls} within {span(offer.for_ms)}, {where}; {vary}{budget}"


def break_glass_words(requirement: Requirement) -> str:
    """Who may pass it alone; empty where nobody may."""
    question = requirement.question
    if not isinstance(question, Approval) or not question.break_glass:
        return ""
    who = names(question.break_glass, requirement)
    return f"{who}, alone and with a reason; somebody else has to look at it afterwards"


def ways_to_answer(requirement: Requirement, instead: bool) -> tuple[HowTo, ...]:  # noqa: FBT001 - read from the call
    """Each way to answer it, with its command; `instead`: a result may be given instead of the call."""
    one = requirement.requirement_id
    reject = f"{PROGRAM} reject {one} --note TEXT"
    no: tuple[HowTo, ...] = (HowTo("no, for good", reject),)
    if instead:
        no = (*no, HowTo("a result instead: it never runs", f"{PROGRAM} respond {one} --data JSON"))
    match requirement.question:
        case Confirm() | Approval() as question:
            return (*_yes(question, one), *no)
        case UserInput(schema):
            needed = " ".join(f"--set {field.name}=…" for field in form_fields(schema) if field.required)
            return (
                HowTo("fill it in", f"{PROGRAM} input {one} {needed or '--set NAME=VALUE'}"),
                *no,
            )
        case External():
            return (
                HowTo("report the result", f"{PROGRAM} result {one} --data JSON"),
                HowTo("its system failed", f"{PROGRAM} result {one} --failed TEXT"),
                *no,
            )
        case Review(retries=retries):
            may_run = requirement.execution <= retries and not requirement.substituted
            again = (HowTo("run it again", f"{PROGRAM} retry {one}"),) if may_run else ()
            return (
                HowTo("the agent may have it", f"{PROGRAM} approve {one}"),
                HowTo("another result instead", f"{PROGRAM} result {one} --data JSON"),
                HowTo("the agent never gets it", reject),
                *again,
            )
        case OutcomeUnknown():
            return (
                HowTo("it happened, with this result", f"{PROGRAM} result {one} --data JSON"),
                HowTo("it did not happen: run it", f"{PROGRAM} approve {one}"),
                HowTo("nobody knows: give up on it", f"{PROGRAM} reject {one}"),
            )


def _yes(question: Confirm | Approval, one: str) -> Iterator[HowTo]:
    yield HowTo("yes, this action", f"{PROGRAM} approve {one}")
    if question.edit is None or question.edit.fields or question.edit.lower:
        yield HowTo("yes, with other arguments", f"{PROGRAM} approve {one} --set NAME=VALUE")
    if question.grant is not None:
        scope = question.grant.scopes[0] if question.grant.scopes else "run"
        yield HowTo("yes, and the same need not be asked again", f"{PROGRAM} approve {one} --grant {scope}")
    if isinstance(question, Approval) and question.break_glass:
        yield HowTo("yes, alone, in an emergency", f"{PROGRAM} break-glass {one} --tool NAME --note TEXT")
