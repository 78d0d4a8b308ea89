"""Who may answer which question. Identity comes from a credential or from the embedding application (law 13)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from hitl_fsm.errors import NotAuthorised
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.requirement import OutcomeUnknown, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, External, UserInput


def authorise(run: Run, requirement: Requirement, actor: Actor) -> None:
    """NotAuthorised, with who could answer, unless `actor` may."""
    question = requirement.question
    requester = run.user.id
    if isinstance(question, External):
        if actor.kind == "agent":
            _refuse(requirement, actor, "an agent does not report the result of an external call")
        return
    if actor.kind != "human":
        _refuse(requirement, actor, f"a {actor.kind} never counts as a person")
    match question:
        case Confirm():
            if actor.id != requester:
                _refuse(requirement, actor, f"only {requester}, for whom the run acts, confirms it")
        case Approval(of, excluded):
            if matches(excluded, actor, requester):
                _refuse(requirement, actor, f"the policy excludes {', '.join(excluded)}")
            if not matches(of, actor, requester):
                _refuse(requirement, actor, f"the policy asks for {' or '.join(of)}")
        case UserInput(_, of):
            if not matches(of or ("requester",), actor, requester):
                _refuse(requirement, actor, f"the form is for {' or '.join(of) or requester}")
        case OutcomeUnknown():
            pass


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


def _refuse(requirement: Requirement, actor: Actor, why: str) -> NoReturn:
    msg = f"{actor.id} may not answer {requirement.requirement_id}: {why}"
    raise NotAuthorised(msg, help=f"`hitl-fsm show {requirement.requirement_id}` tells who may")
