"""All rules over a project, without what was set aside with a reason."""

from __future__ import annotations

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.bounded import bounded
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.lint import hf231_suppression
from hitl_fsm.policy.lint.all import RULES
from hitl_fsm.policy.lint.suppression import Suppression, suppressions
from hitl_fsm.policy.project import Member, Project

# With one of these, what is missing in the document is not what its author left out.
_MISSHAPEN = frozenset(
    {
        *(Code.UNREADABLE, Code.SYNTAX, Code.DUPLICATE_KEY, Code.YAML_FEATURE, Code.TOO_LARGE),
        *(Code.UNKNOWN_KEY, Code.MISSING_KEY, Code.WRONG_VALUE, Code.GATE),
    }
)


def lint(project: Project) -> list[Diagnostic]:
    """Every finding of every rule, in order of place. Files whose shape is wrong are left out: they have errors first.

    Never raises on what policies hold; says nothing that the project's own findings say.
    """
    misshapen = {found.place.file for found in project.findings if found.code in _MISSHAPEN}
    sound = project._replace(members=tuple(one for one in project.members if one.source.file not in misshapen))
    found = [finding for rule in RULES for finding in rule.check(sound)]
    found += hf231_suppression.unknown(sound, {rule.RULE.code for rule in RULES})
    kept: list[Diagnostic] = []
    used: set[tuple[str, int, str]] = set()
    asides = {member.source.file: tuple(suppressions(member.source)) for member in sound.members}
    for finding in found:
        if any(_sets_aside(aside, finding) for aside in asides[finding.place.file]):
            used.add((finding.place.file, finding.place.line, finding.code))
        else:
            kept.append(finding)
    erroneous = {finding.place.file for finding in project.findings if finding.severity == "error"}
    for member in sound.members:
        if member.source.file not in erroneous:  # with errors, a finding may be missing for another reason
            kept += _unused(project, member, asides[member.source.file], used)
    return bounded(kept)


def _sets_aside(aside: Suppression, finding: Diagnostic) -> bool:
    codes = aside.codes or ()
    return aside.target == finding.place.line and finding.code in codes and bool(aside.reason)


def _unused(
    project: Project, member: Member, asides: tuple[Suppression, ...], used: set[tuple[str, int, str]]
) -> list[Diagnostic]:
    """Comments that set nothing aside, of rules that were not silent."""
    heard = {rule.RULE.code for rule in RULES if _speaks(project, rule.RULE.needs)}
    return [
        hf231_suppression.unused(member, aside, code)
        for aside in asides
        if aside.reason
        for code in aside.codes or ()
        if code in heard - {hf231_suppression.RULE.code} and (member.source.file, aside.target, code) not in used
    ]


def _speaks(project: Project, need: str | None) -> bool:
    return need is None or getattr(project.around, need) is not None
