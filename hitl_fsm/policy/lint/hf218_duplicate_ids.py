"""HF218: names that a reader takes for the same."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.overlap import nested
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import RulePath, is_narrowed, rules_of, tools_of
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF218", "duplicate-ids", "warning", "Two names are easily taken for each other")
_Where = tuple[int, RulePath]


def check(project: Project) -> Iterator[Diagnostic]:
    """Policies, and rules of one policy, that differ by case only; rules of one id for one tool in two policies."""
    policies: dict[str, Member] = {}
    for member in project.members:
        first = policies.setdefault(member.document.name.casefold(), member)
        if first.document.name != member.document.name:
            message = f"the policy `{first.document.name}` has nearly the same name"
            yield RULE.at(member, ("name",), message, f"it is in {first.source.file}")
        yield from _within(member)
    yield from _across(project)


def _within(member: Member) -> Iterator[Diagnostic]:
    seen: dict[str, tuple[str, RulePath]] = {}
    for path, rule in rules_of(member):
        name, there = seen.setdefault(rule.id.casefold(), (rule.id, path))
        if name != rule.id:
            line = member.source.node((*there, "id")).line
            yield RULE.at(member, (*path, "id"), f"the rule `{name}` has nearly the same id", f"it is on line {line}")


def _across(project: Project) -> Iterator[Diagnostic]:
    """One call, two rules of the same id: `explain` and the record name both, and a reader sees one."""
    by_id: dict[str, dict[_Where, list[str]]] = {}
    for number, member in enumerate(project.members):
        if not is_narrowed(member):
            for path, rule in rules_of(member):
                by_id.setdefault(rule.id, {})[number, path] = tools_of(member, rule)
    told: set[_Where] = set()
    for name, rules in by_id.items():
        if len({number for number, _ in rules}) < 2:  # noqa: PLR2004 - one policy's own are another matter
            continue
        patterns = [(pattern, where) for where, tools in rules.items() for pattern in tools]
        for (_, one), (_, other) in nested(patterns):
            first, second = min(one, other), max(one, other)
            if first[0] == second[0] or second in told:
                continue
            told.add(second)
            there = project.members[first[0]]
            message = f"`{there.document.name}` has a rule `{name}` for the same tool"
            where = f"it is in {there.source.file}, line {there.source.node((*first[1], 'id')).line}"
            yield RULE.at(project.members[second[0]], (*second[1], "id"), message, where)
