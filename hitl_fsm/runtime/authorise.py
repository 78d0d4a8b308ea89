"""Who may answer which question. Identity comes from a credential or from the embedding application (law 13)."""

from __future__ import annotations

from collections.abc import Iterable

from hitl_fsm.errors import NotAuthorised
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Answer, Respond
from hitl_fsm.model.requirement import Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, External, Review, UserInput


def authorise(run: Run, requirement: Requirement, actor: Actor, answer: Answer) -> None:
    """NotAuthorised, with who could answer, unless `actor` may give this answer."""
    objection = _objection(requirement.question, actor, run.user.id)
    if objection is None and isinstance(answer, Respond) and actor.kind != "human":
        objection = f"a {actor.kind} does not give a result instead of a call; only a person does"
    if objection is not None:
        msg = f"{actor.id} may not answer {requirement.requirement_id}: {objection}"
        raise NotAuthorised(msg, help=f"`hitl-fsm show {requirement.requirement_id}` tells who may")


def _objection(question: Question, actor: Actor, requester: str) -> str | None:
    if isinstance(question, External):
        return "an agent does not report the result of an external call" if actor.kind == "agent" else None
    if actor.kind != "human":
        return f"a {actor.kind} never counts as a person"
    if isinstance(question, Approval | Review) and matches(question.excluded, actor, requester):
        return f"the policy excludes {', '.join(question.excluded)}"
    of = _asked(question)
    if of and not matches(of, actor, requester):
        return f"it is for {' or '.join(requester if name == 'requester' else name for name in of)}"
    return None


def _asked(question: Question) -> tuple[str, ...]:
    """Who may answer; empty: any person."""
    match question:
        case Confirm():
            return ("requester",)
        case Approval(of):
            return of
        case UserInput(_, of) | Review(of):
            return of or ("requester",)
        case _:
            return ()


def matches(names: Iterable[str], actor: Actor, requester: str) -> bool:
    """Whether one of `role:NAME`, `requester`, `user:ID` or a bare id names the actor."""
    for name in names:
        if name == "requester":
            if actor.id == requester:
                return True
        elif name.startswith("role:"):
            if name.removeprefix("role:") in actor.roles:
                return True
        elif name.removeprefix("user:") == actor.id:
            return True
    return False
