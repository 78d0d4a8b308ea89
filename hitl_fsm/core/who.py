"""Who may answer which question. Identity comes from a credential or from the embedding application (law 13).

Everybody is compared as a person: one who has several ids is one, and who stands in for another is both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from hitl_fsm.core.votes import level_of, votes_of
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.answer import Advise, Answer, Approve, BreakGlass, Respond
from hitl_fsm.model.requirement import Question, Requirement
from hitl_fsm.model.run import Run
from hitl_fsm.model.verdict import Approval, Confirm, External, Review, UserInput

Persons = Callable[[str], str]
"""From an id to the person whose id it is, as far as is known now; the id itself where nothing is known."""

ADVICE_LIMIT = 20
"""Opinions on one question, of people; and as many of machines."""


class Involved(NamedTuple):
    """The people who already have to do with a question."""

    requester: frozenset[str]
    editors: frozenset[str] = frozenset()
    approvers: frozenset[str] = frozenset()
    voters: frozenset[str] = frozenset()
    beginners: frozenset[str] = frozenset()


def itself(name: str) -> str:
    """Where nobody knows better, an id is a person."""
    return name


def involved(run: Run, requirement: Requirement, person: Persons = itself) -> Involved:
    """As they are known now, and as they were known then: an id that was linked since is the same person."""
    voters = (name for vote in votes_of(requirement) for name in vote.by.persons)
    return Involved(
        _both(run.user.persons, person),
        _both(requirement.editors, person),
        _both(requirement.approvers, person),
        _both(voters, person),
        _both((*run.user.persons, *run.begun_by), person),
    )


def _both(names: Iterable[str], person: Persons) -> frozenset[str]:
    found = frozenset(names)
    return found | {person(name) for name in found}


def objection(requirement: Requirement, actor: Actor, answer: Answer | None, known: Involved, person: Persons) -> str:
    """Why `actor` may not give this answer (None: any at all); empty if the actor may."""
    if isinstance(answer, Advise):
        return _no_advice(requirement, actor)
    if isinstance(requirement.question, External):
        return _no_report(actor, answer)
    if actor.kind != "human":
        return f"{'an' if actor.kind == 'agent' else 'a'} {actor.kind} never counts as a person"
    out = kept_out(requirement, actor, answer, known, person)
    return out or _is_not_asked(requirement, actor, answer, known, person)


def _no_report(actor: Actor, answer: Answer | None) -> str:
    if actor.kind == "agent":
        return "an agent does not report the result of an external call"
    if isinstance(answer, Respond) and actor.kind != "human":
        return f"a {actor.kind} does not give a result instead of a call; only a person does"
    return ""


def kept_out(requirement: Requirement, actor: Actor, answer: Answer | None, known: Involved, person: Persons) -> str:
    """Excluded by the policy, or heard already; also as the one for whom somebody else speaks."""
    selves = _own(actor, person) | _both(actor.persons, person)
    excluded = _excluded(requirement.question)
    known = known._replace(requester=known.beginners)  # nobody approves what one asked for under another's name
    edits = isinstance(answer, Approve) and answer.args is not None  # which does not count as a yes of the editor's
    names = (name for name in excluded if not (edits and name == "editor"))
    if any(_is_one_of(name, actor, selves, known, person) for name in names):
        return f"the policy excludes {', '.join(excluded)}"
    if selves & known.voters:
        return "this person has answered already, and can take that back first"
    return ""


def _is_not_asked(
    requirement: Requirement, actor: Actor, answer: Answer | None, known: Involved, person: Persons
) -> str:
    of, question = asked(requirement), requirement.question
    if isinstance(answer, BreakGlass):
        of = question.break_glass if isinstance(question, Approval) else ()
        if not of:
            return "the policy lets nobody pass this gate alone"
    if of and not any(_is_one_of(name, actor, _own(actor, person), known, person) for name in of):
        return f"it is for {' or '.join(_shown(name, known) for name in of)}"
    return ""


def named(requirement: Requirement, actor: Actor, known: Involved, person: Persons) -> tuple[str, ...]:
    """As which of those who are asked now the actor answers, in the policy's words."""
    own = _own(actor, person)
    return tuple(name for name in asked(requirement) if _is_one_of(name, actor, own, known, person))


def _own(actor: Actor, person: Persons) -> frozenset[str]:
    """The actor alone, without whom it stands in for: a delegation is of roles, and names nobody else."""
    return frozenset({actor.id, actor.persons[0], person(actor.id), person(actor.persons[0])})


def _shown(name: str, known: Involved) -> str:
    return " or ".join(sorted(known.requester)) if name == "requester" else name


def _no_advice(requirement: Requirement, actor: Actor) -> str:
    """Machines and people are counted apart, so that no number of models takes the word from a person."""
    if not isinstance(requirement.question, Approval | Confirm | Review):
        return "there is nothing to advise on"
    advice = [vote for vote in requirement.votes if isinstance(vote.answer, Advise)]
    if sum((vote.by.kind == "human") == (actor.kind == "human") for vote in advice) >= ADVICE_LIMIT:
        return f"there are {ADVICE_LIMIT} opinions already"
    return ""


def asked(requirement: Requirement) -> tuple[str, ...]:
    """Who may answer now; empty: any person."""
    level = level_of(requirement)
    if level is not None:
        return level.of
    match requirement.question:
        case Confirm():
            return ("requester",)
        case Approval(of):
            return of
        case UserInput(_, of) | Review(of):
            return of or ("requester",)
        case _:
            return ()


def _excluded(question: Question) -> tuple[str, ...]:
    return question.excluded if isinstance(question, Approval | Review) else ()


def _is_one_of(name: str, actor: Actor, selves: frozenset[str], known: Involved, person: Persons) -> bool:
    """Whether one of `role:NAME`, `group:NAME`, a word, `user:ID` or a bare id names the actor."""
    match name:
        case "requester":
            return bool(selves & known.requester)
        case "editor":
            return bool(selves & known.editors)
        case "previous_approver":
            return bool(selves & known.approvers)
    if name.startswith(("role:", "group:")):  # nobody has it by being called so
        return matches(name, actor)
    return matches(name, actor) or person(name.removeprefix("user:")) in selves


def matches(name: str, actor: Actor) -> bool:
    """Whether a role, a group or an id, as a policy writes it, names the actor by what the actor says of itself."""
    if name.startswith("role:"):
        return name.removeprefix("role:") in actor.roles
    if name.startswith("group:"):
        return name.removeprefix("group:") in actor.groups
    return name.removeprefix("user:") in {actor.id, actor.person}
