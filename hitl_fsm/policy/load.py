"""Files' bytes -> a `PolicySet`, or every finding of every file in one pass. Bytes and a reader are given: no I/O."""

from __future__ import annotations

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
from hitl_fsm.policy.stored import Stored, digest_of, parts_of, text_of
from hitl_fsm.policy.surroundings import Surroundings

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
    plain = {name: to_builtins(calendar) for name, calendar in calendars.items()}
    parts = Stored(files, schemas.used, schemas.used_routes, plain)
    digest = digest_of(parts, {member.source.file: member.policy.name for member in members})
    return PolicySet([member.policy for member in members], digest, text_of(parts), sorted(files), calendars)


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


def _stored(text: str) -> tuple[Mapping[str, bytes], Read, Surroundings]:
    """The files, the reader of their schemas, and the routes' schemas and calendars, that a `PolicySet.text` holds."""
    try:
        parts = parts_of(text)
        around = Surroundings(route_schemas=_routes_of(parts), calendars=_calendars_of(parts))
        by_target = {target_of(file, reference): data for (file, reference), data in parts.schemas.items()}
    except (ValueError, TypeError, AttributeError, ValidationError):
        raise _damaged(_UNREADABLE) from None

    def read(path: str) -> bytes:
        if path not in by_target:
            raise FileNotFoundError(2, "not among the stored files", path)
        return by_target[path]

    return parts.files, read, around


def _calendars_of(parts: Stored) -> dict[str, Calendar] | None:
    """None where there are none: of a set without files nobody told which calendars there are."""
    return convert(parts.calendars, dict[str, Calendar]) if parts.calendars else None


def _routes_of(parts: Stored) -> dict[str, dict[str, Any]]:
    """ValueError for what is no schema: nothing else would look at it before a result comes."""
    if not parts.routes:
        return {}
    from hitl_fsm.policy.form import check_schema  # noqa: PLC0415 - jsonschema costs 0.1 s

    if any(not isinstance(one, dict) or check_schema(one) for one in parts.routes.values()):
        raise ValueError(_UNREADABLE)
    return dict(parts.routes)


def _damaged(message: str) -> PolicyError:
    finding = Diagnostic(Code.UNREADABLE.value, message, Place("(stored)", 1, 1))
    return PolicyError(message, (finding,), help="the store was changed from outside")


def _same_name(source: Source, policy: CompiledPolicy, known: Mapping[str, Source]) -> list[Diagnostic]:
    if policy.name not in known:
        return []
    message = f"another policy has the name `{policy.name}`"
    where = f"it is in {known[policy.name].file}"
    return [source.diagnostic(Code.DUPLICATE_POLICY, message, source.node(("name",)), where)]
