"""`people`, `delegations` and `absences` of roles files -> `Directory`, with what is wrong with them, at its place."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.delegation import Delegation
from hitl_fsm.policy.around_documents import RolesDocument
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.people import Directory, Membership, Person, circle_of
from hitl_fsm.policy.source import Path, Source
from hitl_fsm.policy.spans import Span, span_of, zone_named

_NOT_PEOPLE = ("role:", "group:", "user:", "agent:")
_SHOWN = 5

Members = Mapping[str, Sequence[tuple[str, Span]]]
"""By the name of a role or a group, everybody in it, those of its groups among them."""


class Read(NamedTuple):
    """One roles file."""

    source: Source
    document: RolesDocument

    def span(self, since: str | None, until: str | None) -> Span:
        return span_of(since, until, zone_named(self.document.timezone))

    def finding(self, message: str, help: str, path: Path, *, key: bool = False) -> Diagnostic:  # noqa: A002 - the word users know
        return self.source.diagnostic(Code.AROUND, message, self.source.node(path, key=key), help)


class Known(NamedTuple):
    """Everybody in all files. `listed` is False without any `people`: then whoever is a member of something is one."""

    people: Mapping[str, Person]
    identities: Mapping[str, str]
    listed: bool

    def unknown(self, name: str) -> tuple[str, str] | None:
        """What to say of a name that stands for nobody; None where it stands for a person."""
        if name in self.people:
            return None
        person = self.identities.get(name)
        if person is not None:
            return f"`{name}` is an identity of `{person}`", f"write `{person}`"
        few = ", ".join(sorted(self.people)[:_SHOWN]) or "nobody"
        return f"there is nobody called `{name}`", did_you_mean(name, self.people) or f"people: {few}"


def known_in(files: Sequence[Read], findings: list[Diagnostic]) -> Known:
    """Who is who. An id belongs to one person, and so does what only looks like it."""
    people: dict[str, Person] = {}
    identities: dict[str, str] = {}
    alike: dict[str, str] = {}
    for file in files:
        for name, entry in file.document.people.items():
            path = ("people", name)
            if name in people:
                findings.append(
                    file.finding(f"the person `{name}` stands twice", "a name has one place", path, key=True)
                )
                continue
            people[name] = Person(name, entry.name or "", entry.kind)
            places = [
                (name, path, True),
                *((one, (*path, "identities", n), False) for n, one in enumerate(entry.identities)),
            ]
            for identity, place, is_key in places:
                if is_no_person(identity):
                    message = f"{identity!r} is not the id of a person"
                    findings.append(file.finding(message, "ids stand alone: `alice`, `os:1001`", place, key=is_key))
                    continue
                other = alike.setdefault(_alike(identity), name)
                if other != name:
                    message = f"`{identity}` is an identity of `{other}` and of `{name}`"
                    help_text = "one identity, one person; upper and lower case are alike"
                    findings.append(file.finding(message, help_text, place, key=is_key))
                identities.setdefault(identity, name)
    if people:
        return Known(people, identities, listed=True)
    members = {one.id for file in files for part in _parts(file) for entry in part for one in entry.members}
    return Known({one: Person(one) for one in members}, {one: one for one in members}, listed=False)


def _parts(file: Read) -> Iterator[Sequence[Any]]:
    yield list(file.document.roles.values())
    yield list(file.document.groups.values())


def _alike(identity: str) -> str:
    return unicodedata.normalize("NFKC", identity).casefold()


def is_no_person(name: str) -> bool:
    """A word of the policy language, or spaces around a name."""
    return (
        name.startswith(_NOT_PEOPLE)
        or name in {"requester", "owner", "editor", "previous_approver"}
        or name != name.strip()
    )


def directory_of(
    files: Sequence[Read], known: Known, roles: Members, groups: Members, findings: list[Diagnostic]
) -> Directory:
    """Everything that the files say of people; with findings, it serves nobody."""
    delegations: list[Delegation] = []
    places: dict[int, tuple[Read, int]] = {}
    absences: dict[str, list[Span]] = {}
    by_person = _by_person(roles)
    held = {person: {one.name for one in some} for person, some in by_person.items()}
    for file in files:
        for index, entry in enumerate(file.document.absences):
            span = file.span(entry.since, entry.until)
            path = ("absences", index)
            findings += _wrong_names(file, known, path, who=entry.who)
            findings += _wrong_span(file, span, (*path, "until"))
            absences.setdefault(entry.who, []).append(span)
        for index, given in enumerate(file.document.delegations):
            span = file.span(given.since, given.until)
            made = Delegation(given.giver, given.taker, tuple(given.roles or ()), span.since, span.until, given.when)
            findings += _wrong_delegation(file, known, ("delegations", index), made, held)
            places[id(made)] = (file, index)
            delegations.append(made)
    if not findings and (circle := circle_of(delegations)):
        file, index = places[id(circle[0])]
        trail = " → ".join([*(one.giver for one in circle[:_SHOWN]), circle[0].giver])
        message = f"the delegations go in a circle: {trail}"
        findings.append(file.finding(message, "take one of them out of it", ("delegations", index)))
    return Directory(
        known.people,
        known.identities,
        by_person,
        _by_person(groups),
        tuple(delegations),
        {person: tuple(spans) for person, spans in absences.items()},
    )


def _by_person(named: Members) -> dict[str, tuple[Membership, ...]]:
    found: dict[str, list[Membership]] = {}
    for name, members in named.items():
        for person, span in members:
            found.setdefault(person, []).append(Membership(name, span))
    return {person: tuple(some) for person, some in found.items()}


def _wrong_names(file: Read, known: Known, path: Path, **names: str) -> Iterator[Diagnostic]:
    for key, name in names.items():
        if (said := known.unknown(name)) is not None:
            yield file.finding(*said, (*path, key))


def _wrong_span(file: Read, span: Span, path: Path) -> Iterator[Diagnostic]:
    if span.is_empty:
        yield file.finding("`until` is not after `since`: this never holds", "an `until` day is included", path)


def _wrong_delegation(
    file: Read, known: Known, path: Path, given: Delegation, held: Mapping[str, set[str]]
) -> Iterator[Diagnostic]:
    yield from _wrong_names(file, known, path, **{"from": given.giver, "to": given.taker})
    yield from _wrong_span(file, Span(given.since, given.until), (*path, "until"))
    if known.identities.get(given.giver, given.giver) == known.identities.get(given.taker, given.taker):
        yield file.finding(f"`{given.giver}` delegates to the same person", "name somebody else", (*path, "to"))
    giver = known.people.get(given.giver)
    if giver is not None and giver.kind != "human":
        yield file.finding(f"`{given.giver}` is a {giver.kind}; only people delegate", "name a person", (*path, "from"))
    for index, role in enumerate(given.roles):
        if giver is not None and role not in held.get(given.giver, ()):
            theirs = held.get(given.giver, set())
            help_text = did_you_mean(role, theirs) or f"roles of `{given.giver}`: {', '.join(sorted(theirs)) or 'none'}"
            yield file.finding(f"`{given.giver}` has no role `{role}` to delegate", help_text, (*path, "roles", index))


def wrong_members(file: Read, known: Known) -> Iterator[Diagnostic]:
    """What is wrong with the members of the roles and groups of one file."""
    for part in ("roles", "groups"):
        for name, entry in getattr(file.document, part).items():
            for index, member in enumerate(entry.members):
                path = (part, name, "members", index)
                if is_no_person(member.id):
                    message = f"{member.id!r} is not the id of a person"
                    yield file.finding(message, "ids stand alone: `alice`; groups under `groups`", path)
                elif (said := known.unknown(member.id)) is not None:
                    yield file.finding(*said, path)
                yield from _wrong_span(file, file.span(member.since, member.until), path)
