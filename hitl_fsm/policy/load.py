"""Files' bytes -> a `PolicySet`, or every finding of every file in one pass. Bytes and a reader are given: no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import ValidationError, convert, to_builtins

from hitl_fsm.errors import Diagnostic, Place, PolicyError
from hitl_fsm.policy.bounded import bounded
from hitl_fsm.policy.build import build
from hitl_fsm.policy.calendar import Calendar
from hitl_fsm.policy.calendar_names import calendar_findings, calendars_of
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.evaluate import CompiledPolicy, PolicySet
from hitl_fsm.policy.project import Member, Project
from hitl_fsm.policy.schemas import Read, SchemaFiles, target_of
from hitl_fsm.policy.shape import read_document
from hitl_fsm.policy.source import Source, parse
from hitl_fsm.policy.surroundings import Surroundings

_DOMAIN = b"hitl-fsm/policies/v1\0"
_TEXT_VERSION = 1
_TEXT_VERSION_ROUTES = 2
"""With what routes say of their results; a set that needs none of it keeps the text, and the digest, of version 1."""
_TEXT_VERSION_CALENDARS = 3
"""With calendars that gates name, and maybe routes."""
_NOTHING_TOLD = Surroundings()
_UNREADABLE = "the stored policies cannot be read"
_FOREIGN = "the stored policies are not those of this digest"


def check(files: Mapping[str, bytes], read: Read, around: Surroundings = _NOTHING_TOLD) -> Project:
    """The files as a project: all findings (as `bounded`), and the set, if there is no error among them.

    `files` maps each file's name, as it is to be shown, to its bytes. `read` is asked for the schema files that
    policies name, by a path relative to the same place; it raises OSError or HitlError for what cannot be read. With
    tools `around`, conditions are checked against their schemas. Schemas of routes and calendars become part of it.
    """
    findings: list[Diagnostic] = []
    members: list[Member] = []
    first: dict[str, Source] = {}
    schemas = SchemaFiles(read, around.route_schemas)
    for name in sorted(files):
        source = parse(files[name], name)
        told = {(finding.place.line, finding.place.column) for finding in source.findings}
        document, found = read_document(source)
        if document is not None:
            policy, built = build(source, document, schemas)
            members.append(Member(source, document, policy))
            found += built
            if around.calendars is not None:
                found += calendar_findings(source, policy, around.calendars)
            found += _same_name(source, policy, first)
            first.setdefault(policy.name, source)
        # What the YAML reader refused has no value; that it is missing is no finding of its own.
        findings += source.findings
        findings += [one for one in found if (one.place.line, one.place.column) not in told]
    if around.tools is not None:
        from hitl_fsm.policy.tool_check import check_tools  # noqa: PLC0415 - much to import, seldom needed

        findings += check_tools(members, around.tools)
    findings = bounded(findings)
    broken = any(finding.severity == "error" for finding in findings)
    policies = None if broken else _set(members, files, schemas, _named(members, around.calendars))
    return Project(tuple(findings), tuple(members), policies, around)


def _named(members: Sequence[Member], known: Mapping[str, Calendar] | None) -> dict[str, Calendar]:
    """The calendars that a gate names, in order of name."""
    names = {name for member in members for name in calendars_of(member.policy)}
    return {name: calendar for name, calendar in sorted((known or {}).items()) if name in names}


def _set(
    members: Sequence[Member], files: Mapping[str, bytes], schemas: SchemaFiles, calendars: Mapping[str, Calendar]
) -> PolicySet:
    names = {member.source.file: member.policy.name for member in members}
    digest = _digest(
        [(f"policy {names[name]}", data) for name, data in files.items()]
        + [(f"schema {names[file]} {reference}", data) for (file, reference), data in schemas.used.items()]
        + [(f"route {name}", _json(schema).encode()) for name, schema in schemas.used_routes.items()]
        + [(f"calendar {name}", _json(to_builtins(calendar)).encode()) for name, calendar in calendars.items()]
    )
    compiled = [member.policy for member in members]
    return PolicySet(compiled, digest, _text(files, schemas, calendars), sorted(files), calendars)


def load(
    files: Mapping[str, bytes],
    read: Read,
    around: Surroundings = _NOTHING_TOLD,
    wrong: Sequence[Diagnostic] = (),
) -> PolicySet:
    """The set; PolicyError with all findings when there is any (law 6: nothing runs under what does not load).

    `wrong` is what was found in the files of what is `around`: with any, the set would be another than was meant.
    """
    found, _, policies, _ = check(files, read, around)
    findings = tuple(bounded([*found, *wrong]))
    if policies is None or any(one.severity == "error" for one in wrong):
        first = findings[0]
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        message = f"the policies do not load: {first.place} {first.code} {first.message}{more}"
        raise PolicyError(message, findings, help="`hitl-fsm validate` shows each finding at its place")
    return policies


def restore(text: str, *, digest: str | None = None) -> PolicySet:
    """The set that a `PolicySet.text` holds; PolicyError when the text is damaged or no longer loads.

    With `digest`, also when the text is not that of the set with this digest.
    """
    files, read, around = _stored(text)
    policies = load(files, read, around)
    if digest is not None and policies.digest != digest:
        raise _damaged(_FOREIGN)
    return policies


def recheck(policies: PolicySet, around: Surroundings) -> Project:
    """The files of a set that is in force, looked at again with more `around`; PolicyError as `restore`."""
    if not policies.text:
        return Project((), (), policies, around)
    files, read, stored = _stored(policies.text)
    return check(files, read, around._replace(route_schemas=stored.route_schemas, calendars=stored.calendars))


def _stored(text: str) -> tuple[dict[str, bytes], Read, Surroundings]:
    """The files, the reader of their schemas, and the routes' schemas and calendars, that a `PolicySet.text` holds."""
    try:
        stored: dict[str, Any] = json.loads(text)
        files = {name: data.encode() for name, data in stored["files"].items()}
        schemas = {(file, reference): data.encode() for file, reference, data in stored["schemas"]}
        around = Surroundings(route_schemas=_stored_routes(stored), calendars=_stored_calendars(stored))
        known = stored["version"] == _version_of(stored)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        known, files, schemas, around = False, {}, {}, _NOTHING_TOLD
    if not known:
        raise _damaged(_UNREADABLE)
    by_target = {target_of(file, reference): data for (file, reference), data in schemas.items()}

    def read(path: str) -> bytes:
        if path not in by_target:
            raise FileNotFoundError(2, "not among the stored files", path)
        data: bytes = by_target[path]
        return data

    return files, read, around


def _version_of(stored: Mapping[str, Any]) -> int:
    if "calendars" in stored:
        return _TEXT_VERSION_CALENDARS
    return _TEXT_VERSION_ROUTES if "routes" in stored else _TEXT_VERSION


def _stored_calendars(stored: dict[str, Any]) -> dict[str, Calendar] | None:
    """None where there are none: of a set without files nobody told which calendars there are."""
    return convert(stored["calendars"], dict[str, Calendar]) if "calendars" in stored else None


def _stored_routes(stored: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """ValueError for what is no schema: nothing else would look at it before a result comes."""
    if "routes" not in stored:
        return {}
    from hitl_fsm.policy.form import check_schema  # noqa: PLC0415 - jsonschema costs 0.1 s

    routes: dict[str, Any] = dict(stored["routes"])
    if not routes or any(not isinstance(one, dict) or check_schema(one) for one in routes.values()):
        raise ValueError(_UNREADABLE)
    return routes


def _damaged(message: str) -> PolicyError:
    finding = Diagnostic(Code.UNREADABLE.value, message, Place("(stored)", 1, 1))
    return PolicyError(message, (finding,), help="the store was changed from outside")


def _same_name(source: Source, policy: CompiledPolicy, known: Mapping[str, Source]) -> list[Diagnostic]:
    if policy.name not in known:
        return []
    message = f"another policy has the name `{policy.name}`"
    where = f"it is in {known[policy.name].file}"
    return [source.diagnostic(Code.DUPLICATE_POLICY, message, source.node(("name",)), where)]


def _digest(parts: list[tuple[str, bytes]]) -> str:
    """Names this set of policies wherever its files lie: the policies' own names count, not the paths."""
    digest = hashlib.sha256(_DOMAIN)
    for name, data in sorted(parts):
        for part in (name.encode(), data):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _text(files: Mapping[str, bytes], schemas: SchemaFiles, calendars: Mapping[str, Calendar]) -> str:
    """Everything needed to load the set again."""
    stored: dict[str, Any] = {
        "version": _TEXT_VERSION,
        "files": {name: files[name].decode() for name in sorted(files)},
        "schemas": [[file, reference, data.decode()] for (file, reference), data in sorted(schemas.used.items())],
    }
    if schemas.used_routes:
        stored |= {"version": _TEXT_VERSION_ROUTES, "routes": schemas.used_routes}
    if calendars:
        stored |= {"version": _TEXT_VERSION_CALENDARS, "calendars": to_builtins(calendars)}
    return _json(stored)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
