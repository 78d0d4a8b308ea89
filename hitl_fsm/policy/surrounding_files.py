"""The bytes of routes and roles files -> `Surroundings`, with every finding of every file. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.around_documents import MAX_ENTRIES, GroupEntry, RolesDocument, RoutesDocument
from hitl_fsm.policy.bounded import bounded
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.people import Directory
from hitl_fsm.policy.people_files import Read as ReadRoles
from hitl_fsm.policy.people_files import directory_of, known_in, wrong_members
from hitl_fsm.policy.schemas import Read, SchemaFiles
from hitl_fsm.policy.shape import not_yet, shape_findings
from hitl_fsm.policy.source import Node, Source, parse
from hitl_fsm.policy.spans import Span
from hitl_fsm.policy.surroundings import Surroundings

MAX_GROUP_DEPTH = 16
MAX_PEOPLE = 200_000

_Document = TypeVar("_Document", RoutesDocument, RolesDocument)
_SHOWN = 5


class _Place(NamedTuple):
    """A role or a group, and where it stands."""

    file: ReadRoles
    path: tuple[str, ...]
    entry: GroupEntry

    @property
    def source(self) -> Source:
        return self.file.source

    @property
    def members(self) -> list[tuple[str, Span]]:
        return [(one.id, self.file.span(one.since, one.until)) for one in self.entry.members]

    def finding(self, message: str, help: str, *below: str | int) -> Diagnostic:  # noqa: A002 - the word users know
        node = self.source.node((*self.path, *below), key=not below)
        return self.source.diagnostic(Code.AROUND, message, node, help)


def _no_file(path: str) -> bytes:
    raise FileNotFoundError(2, "schema files are not read here", path)


def read_surroundings(
    routes: Mapping[str, bytes], roles: Mapping[str, bytes], read: Read = _no_file
) -> tuple[Surroundings, tuple[Diagnostic, ...]]:
    """What the files say together, in order of their names, and what is wrong with them, in order of place.

    Without a file of its kind, or with a wrong one, `routes` or `roles` is None: then nothing can be said about names.
    `read` is asked for the schema files that routes name, as in `load.check`.
    """
    of_routes: list[Diagnostic] = []
    of_roles: list[Diagnostic] = []
    known = _routes(routes, SchemaFiles(read), of_routes) if routes else None
    people = _roles(roles, of_roles) if roles else None
    around = Surroundings()
    if people is not None and not of_roles:
        around = around._replace(roles=_persons(people[0], people[1]), people=people[1])
    if known is not None and not of_routes:
        schemas = {name: one for name, one in known.items() if one is not None}
        around = around._replace(routes=frozenset(known), route_schemas=schemas)
    return around, tuple(bounded(of_routes + of_roles))


def _read(data: bytes, file: str, kind: type[_Document], findings: list[Diagnostic]) -> tuple[Source, _Document | None]:
    source = parse(data, file)
    findings += source.findings
    root = source.root
    if root is None:
        return source, None
    if not isinstance(root.value, dict):
        findings.append(source.diagnostic(Code.WRONG_VALUE, "this is no mapping of keys to values", root))
        return source, None
    try:
        document = kind.model_validate(root.value)
    except ValidationError as error:
        findings += shape_findings(source, error, kind)
        return source, None
    findings += not_yet(source, document, ())
    return source, document


def _routes(
    files: Mapping[str, bytes], schemas: SchemaFiles, findings: list[Diagnostic]
) -> dict[str, dict[str, Any] | None]:
    """Each route with what its results must fit."""
    first: dict[str, Source] = {}
    known: dict[str, dict[str, Any] | None] = {}
    for file in sorted(files):
        source, document = _read(files[file], file, RoutesDocument, findings)
        for name, entry in document.routes.items() if document else ():
            if name in first:
                findings.append(_twice("route", name, source.node(("routes", name), key=True), source, first[name]))
                continue
            first[name] = source
            place = ("routes", name, "result_schema")
            schema = entry.result_schema
            known[name] = None if schema is None else schemas.resolve(source, schema, place, findings, is_form=False)
    return known


def _roles(files: Mapping[str, bytes], findings: list[Diagnostic]) -> tuple[Mapping[str, _Place], Directory] | None:
    """The roles, and everything that is said of people. None where it cannot be told."""
    roles: dict[str, _Place] = {}
    groups: dict[str, _Place] = {}
    documents = [
        ReadRoles(source, document)
        for file in sorted(files)
        for source, document in [_read(files[file], file, RolesDocument, findings)]
        if document is not None
    ]
    for one in documents:
        for key, entries, known in (("roles", one.document.roles, roles), ("groups", one.document.groups, groups)):
            for name, entry in entries.items():
                place = _Place(one, (key, name), entry)
                if name in known:
                    node = one.source.node(place.path, key=True)
                    findings.append(_twice(key.rstrip("s"), name, node, one.source, known[name].source))
                known.setdefault(name, place)
    persons = known_in(documents, findings)
    for one in documents:
        findings += wrong_members(one, persons)
    for known in (roles, groups):
        if len(known) > MAX_ENTRIES:
            place = list(known.values())[MAX_ENTRIES]
            findings.append(place.finding(f"more than {MAX_ENTRIES} {place.path[0]} in all files", "split the project"))
            return None
    for place in (*roles.values(), *groups.values()):
        findings += _unknown_groups(place, groups)
    findings += _circles(groups)
    if findings:
        return None
    in_roles, in_groups = _people_of(roles, groups, findings), _people_of(groups, groups, findings)
    return roles, directory_of(documents, persons, in_roles, in_groups, findings)


def _persons(roles: Mapping[str, _Place], people: Directory) -> dict[str, frozenset[str]]:
    """Each role with all people who ever have it; machines are none."""
    found: dict[str, set[str]] = {name: set() for name in roles}
    for person, memberships in people.roles.items():
        for one in memberships if people.people[person].kind == "human" else ():
            found[one.name].add(person)
    return {name: frozenset(some) for name, some in found.items()}


def _twice(what: str, name: str, node: Node, source: Source, first: Source) -> Diagnostic:
    help_text = f"it is in {first.file}; a name has one place"
    return source.diagnostic(Code.AROUND, f"the {what} `{name}` stands twice", node, help_text)


def _unknown_groups(place: _Place, groups: Mapping[str, _Place]) -> list[Diagnostic]:
    return [
        place.finding(
            f"there is no group `{name}`",
            did_you_mean(name, groups) or f"groups: {', '.join(sorted(groups)[:_SHOWN]) or 'none'}",
            "groups",
            index,
        )
        for index, name in enumerate(place.entry.groups)
        if name not in groups
    ]


def _circles(groups: Mapping[str, _Place]) -> list[Diagnostic]:
    """A finding for each circle of groups that hold each other."""
    found: list[Diagnostic] = []
    left = dict(groups)
    while left := _bound(left):
        trail = [min(left)]
        while trail[-1] not in trail[:-1]:
            trail.append(next(one for one in left[trail[-1]].entry.groups if one in left))
        circle = trail[trail.index(trail[-1]) :]
        message = f"the group `{circle[0]}` is in itself: {' → '.join(circle[:_SHOWN])}"
        found.append(groups[circle[0]].finding(message, "take one of them out of the circle"))
        for name in circle[1:]:
            del left[name]
    return found


def _bound(groups: Mapping[str, _Place]) -> dict[str, _Place]:
    """The groups that hold one of these, over and over: what is left are circles, and what leads to them."""
    left = dict(groups)
    while True:
        kept = {name: place for name, place in left.items() if any(one in left for one in place.entry.groups)}
        if len(kept) == len(left):
            return left
        left = kept


def _people_of(
    named: Mapping[str, _Place], groups: Mapping[str, _Place], findings: list[Diagnostic]
) -> dict[str, list[tuple[str, Span]]]:
    """Each role or group with all its people, those of its groups among them. Within named bounds, without circles."""
    flat: dict[str, list[tuple[str, Span]]] = {}
    total = 0
    for name, place in named.items():
        people, level, seen = set(place.members), set(place.entry.groups), set[str]()
        for _ in range(MAX_GROUP_DEPTH):
            people.update(member for group in level for member in groups[group].members)
            seen |= level
            level = {one for group in level for one in groups[group].entry.groups} - seen
        total += len(people)
        if level:
            help_text = "name the inner groups directly"
            findings.append(place.finding(f"groups within groups, deeper than {MAX_GROUP_DEPTH}", help_text))
        if total > MAX_PEOPLE:
            findings.append(
                place.finding(f"more than {MAX_PEOPLE} people in all {place.path[0]} together", "split the file")
            )
            break
        flat[name] = list(people)
    return flat
