"""Whether who said yes at a gate was asked there, by what the lines say of the question and of the person."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.adapters.questions.lines import By
from hitl_fsm.adapters.questions.shelves import AskFact, CallFact


class Voice(NamedTuple):
    """One yes, as `CallFact.voters` keeps it: whose, as which of those who were asked, to which action.

    `anew`: it was given with a change that made the action another one, so that it is kept when that is asked about.
    `by` is the id.
    """

    persons: Sequence[str]
    named: Sequence[str]
    shown: str
    anew: bool = False
    by: str = ""


class Way(NamedTuple):
    """How a gate was passed, without saying by whom, so that there are few: what is held against the policies.

    `voices` has of each person who counts, as which of those who were asked; where one passed it alone (`glass`), all
    by which a policy may name that one. As `CallFact.ways` keeps it.
    """

    kind: str
    level: int
    asked: Sequence[str]
    excluded: Sequence[str]
    voices: Sequence[Sequence[str]]
    glass: bool = False


class People(NamedTuple):
    """What is known of ids so far: the person behind each that was seen to act, and who is in the roles files."""

    persons: Mapping[str, str]
    listed: Container[str]


def asked_at(ask: AskFact, call: CallFact, level: int) -> Sequence[str] | None:
    """Who was asked after so many escalations; None where no line says. One that is asked anew starts where it was."""
    if not level:
        return ask.of
    risen = call.risen.get(ask.gate)
    return risen[1] if risen is not None and risen[0] == level else None


def refusal(ask: AskFact, call: CallFact, by: By, known: People, *, level: int, glass: bool = False) -> str:
    """Why somebody's yes does not count; empty if it does. `glass`: it was given alone, in an emergency."""
    out = next((name for name in ask.excluded if _is_excluded(name, by, ask, call, known)), "")
    if out:
        return f"{by.id} is excluded there ({out})"
    if glass:
        return ""
    asked = asked_at(ask, call, level)
    if asked is None:
        return f"the record does not have who was asked after escalation {level}"
    if asked and not named(asked, by, ask.requester, known):
        return f"{by.id} was not asked there ({', '.join(asked)})"
    return ""


def named(asked: Sequence[str], by: By, requester: str, known: People) -> list[str]:
    """As which of those who were asked somebody answered."""
    return [name for name in asked if _is_one_of(name, by, requester, known)]


def assumed(as_whom: Sequence[str], by: By, requester: str, known: People) -> str:
    """The id as which somebody counts although no line says whose it is; empty where they count without that."""
    unknown = [name for name in as_whom if not name.startswith(("role:", "group:"))]
    owns = [own for own in (_id_of(name, requester) for name in unknown) if _may_be(own, by, known)]
    owns = [own for own in owns if own not in (by.id, by.own)]
    return owns[0] if owns and len(owns) == len(as_whom) else ""


def names_of(by: By) -> list[str]:
    """Everything by which a policy may name somebody."""
    held = (*(f"role:{role}" for role in by.roles), *(f"group:{group}" for group in by.groups))
    return sorted({*held, by.id, by.own, f"user:{by.id}", f"user:{by.own}"})


def _is_one_of(name: str, by: By, requester: str, known: People) -> bool:
    """An id of which nothing is known may be another one of the same person: only then the doubt is for the person."""
    if name.startswith(("role:", "group:")):
        return _holds(name, by)
    own = _id_of(name, requester)
    return own in (by.id, by.own) or known.persons.get(own) == by.own or _may_be(own, by, known)


def _id_of(name: str, requester: str) -> str:
    return requester if name == "requester" else name.removeprefix("user:")


def _may_be(own: str, by: By, known: People) -> bool:
    return bool(by.person) and own not in known.persons and own not in known.listed


def _holds(name: str, by: By) -> bool:
    kind, _, held = name.partition(":")
    return held in (by.roles if kind == "role" else by.groups)


def _is_excluded(name: str, by: By, ask: AskFact, call: CallFact, known: People) -> bool:
    """Only where the lines say so. Who passed an earlier gate is told by `call_authorised`."""
    if name.startswith(("role:", "group:")):
        return _holds(name, by)
    if name == "editor":
        return call.editor in by.persons
    own = ask.requester if name == "requester" else name.removeprefix("user:")
    return own in (by.id, *by.persons) or known.persons.get(own) in by.persons


def apart(voices: Iterable[Voice]) -> list[Voice]:
    """Without those of who was heard before, under whatever name."""
    kept: list[Voice] = []
    heard: set[str] = set()
    for voice in voices:
        if heard.isdisjoint(voice.persons):
            kept.append(voice)
            heard.update(voice.persons)
    return kept
