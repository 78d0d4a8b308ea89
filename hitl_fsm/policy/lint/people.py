"""Who is asked by a gate, with the places of their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.policy.document_asks import Escalate
from hitl_fsm.policy.lint.walk import PlacedGate, RulePath

ROLE = "role:"
REQUESTER = "requester"


class Named(NamedTuple):
    """One list of subjects under `of`, `not` or `escalate`."""

    path: RulePath
    subjects: Sequence[str]


def named_in(gate: PlacedGate) -> Iterator[Named]:
    """Every list of people that a gate has."""
    details = gate.details
    for key, name in (("of", "of"), ("not", "excluded")):
        subjects = getattr(details, name, None)
        if subjects:
            yield Named((*gate.path, key), subjects)
    outcome = getattr(details, "on_expiry", None)
    if isinstance(outcome, Escalate):
        yield Named((*gate.path, "on_expiry", "escalate"), outcome.escalate)


def largest(of: Sequence[str], excluded: Sequence[str], roles: Mapping[str, frozenset[str]] | None) -> int | None:
    """How many different people can be meant at most; None where nobody can tell."""
    barred = _people(excluded, roles, known_only=True)
    people = _people(of, roles, known_only=False)
    if people is None or barred is None:
        return None
    more = REQUESTER in of and REQUESTER not in excluded  # who may be nobody of the others
    return len(people - barred) + more


def _people(
    subjects: Sequence[str], roles: Mapping[str, frozenset[str]] | None, *, known_only: bool
) -> frozenset[str] | None:
    people: set[str] = set()
    for subject in subjects:
        if not subject.startswith(ROLE):
            people.add(subject.removeprefix("user:"))
        elif roles is not None and (name := subject.removeprefix(ROLE)) in roles:
            people |= roles[name]
        elif not known_only:
            return None
    return frozenset(people - {REQUESTER})
