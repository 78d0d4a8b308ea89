"""Who is asked by a gate, with the places of their names, and how many people that can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hitl_fsm.policy.asked_people import GROUP, OWNER, REQUESTER, ROLE
from hitl_fsm.policy.document import AskOnError
from hitl_fsm.policy.document_asks import Escalate
from hitl_fsm.policy.document_gates import SeatEntry
from hitl_fsm.policy.lint.walk import PlacedGate, RulePath, asking_gates_of
from hitl_fsm.policy.project import Member
from hitl_fsm.policy.surroundings import Surroundings

_ANYBODY = "\0requester"  # may be nobody of the others

People = frozenset[str]


class Named(NamedTuple):
    """One list of subjects under `of`, `not`, `escalate`, `break_glass`, or one subject of `all_of` or `any_of`."""

    path: RulePath
    subjects: Sequence[str]


class Seats(NamedTuple):
    """So many different people of these, and where these are written."""

    path: RulePath
    of: Sequence[str]
    number: int


class Known(NamedTuple):
    """What is known of people: of each role and each group, and which id is whose. None: nobody told."""

    roles: Mapping[str, People] | None
    groups: Mapping[str, People] | None
    person: Callable[[str], str]
    owner: str | None


def known_to(member: Member, around: Surroundings) -> Known:
    """What is known where the policy's own words are read."""
    person = str if around.people is None else around.people.person
    return Known(around.roles, groups_of(around), person, (member.document.owner or "").strip() or None)


def groups_of(around: Surroundings) -> dict[str, People] | None:
    """Each group that has people, with those who are ever in it; None where nobody told."""
    if around.people is None:
        return None
    found: dict[str, set[str]] = {}
    for person, memberships in around.people.groups.items():
        if around.people.people[person].kind == "human":
            for one in memberships:
                found.setdefault(one.name, set()).add(person)
    return {name: frozenset(people) for name, people in found.items()}


def named_in(gate: PlacedGate) -> Iterator[Named]:
    """Every list of people that a gate has, but for its stages."""
    return lists_of(gate.details, gate.path)


def lists_of(details: Any, path: RulePath) -> Iterator[Named]:
    """The same, of the details at a path."""
    for key, name in (("of", "of"), ("not", "excluded"), ("break_glass", "break_glass")):
        subjects = getattr(details, name, None)
        if subjects:
            yield Named((*path, key), subjects)
    for seats in (*ways_of(details, path), *levels_of(details, path)):
        yield Named(seats.path, seats.of)


def named_by(member: Member) -> Iterator[Named]:
    """Every list of people of a policy: of its gates, and of what is asked when a condition cannot be evaluated."""
    for gate in asking_gates_of(member):
        yield from named_in(gate)
    on_error = member.document.on_error
    if isinstance(on_error, AskOnError):
        yield from lists_of(on_error.approval, ("on_error", "approval"))


def ways_in(gate: PlacedGate) -> Iterator[Seats]:
    """The seats of `all_of` and `any_of`."""
    return ways_of(gate.details, gate.path)


def ways_of(details: Any, path: RulePath) -> Iterator[Seats]:
    """The same, of the details at a path."""
    for key in ("all_of", "any_of"):
        entries: Sequence[Any] = getattr(details, key, None) or ()
        for index, entry in enumerate(entries):
            here = (*path, key, index)
            if isinstance(entry, SeatEntry):
                yield Seats((*here, "of"), entry.of, entry.quorum)
            else:
                yield Seats(here, [entry], 1)


def levels_in(gate: PlacedGate) -> Iterator[Seats]:
    """Who is asked when the time is over, one after the other."""
    return levels_of(gate.details, gate.path)


def levels_of(details: Any, path: RulePath) -> Iterator[Seats]:
    """The same, of the details at a path."""
    outcome = getattr(details, "on_expiry", None)
    here = (*path, "on_expiry")
    if isinstance(outcome, Escalate):
        yield Seats((*here, "escalate"), outcome.escalate, outcome.quorum)
    for index, level in enumerate(outcome if isinstance(outcome, list) else ()):
        yield Seats((*here, index, "escalate"), level.escalate, level.quorum)


def largest(of: Sequence[str], excluded: Sequence[str], known: Known) -> int | None:
    """How many different people can be meant at most; None where nobody can tell."""
    people = may_answer(of, excluded, known)
    return None if people is None else len(people)


def may_answer(of: Sequence[str], excluded: Sequence[str], known: Known) -> People | None:
    """All who can be meant at most, the requester as somebody apart; None where nobody can tell."""
    people = _people(of, known, known_only=False)
    barred = _people(excluded, known, known_only=True)
    return None if people is None or barred is None else people - barred


def fit(seats: Sequence[Seats], excluded: Sequence[str], known: Known) -> bool:
    """Whether the seats can be taken by different people, as far as anybody can tell."""
    told = [(may_answer(one.of, excluded, known), one.number) for one in seats]
    places = [people for people, count in told if people is not None for _ in range(count)]
    taken: dict[str, int] = {}

    def place(number: int, seen: set[str]) -> bool:
        for name in sorted(places[number] - seen):
            seen.add(name)
            if name not in taken or place(taken[name], seen):
                taken[name] = number
                return True
        return False

    return all(place(number, set()) for number in range(len(places)))


def _people(subjects: Sequence[str], known: Known, *, known_only: bool) -> People | None:
    people: set[str] = set()
    for subject in subjects:
        found = _those(subject, known)
        if found is not None:
            people |= found
        elif not known_only:
            return None
    return frozenset(people)


def _those(subject: str, known: Known) -> People | None:
    for kind, those in ((ROLE, known.roles), (GROUP, known.groups)):
        if subject.startswith(kind):
            return None if those is None else those.get(subject.removeprefix(kind))
    if subject == REQUESTER:
        return frozenset({_ANYBODY})
    if subject == OWNER:
        return None if known.owner is None or known.owner == OWNER else _those(known.owner, known)
    return frozenset({known.person(subject.removeprefix("user:"))})
