"""HF219: what one file asks for, another one always denies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.overlap import may_overlap, nested
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import (
    denies,
    enforced,
    gates_of_rule,
    is_narrowed,
    is_unconditional,
    listed,
    rules_of,
    tools_of,
)
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF219", "conflicting-files", "warning", "What one file allows or asks for, another one always denies")


class _Covered(NamedTuple):
    member: int
    place: int


class _Carried(NamedTuple):
    member: int
    rule: int
    route: str


def check(project: Project) -> Iterator[Diagnostic]:
    """Tools that another policy covers without a rule for them, so that its `default: deny` holds; and two routes."""
    members = tuple(enforced(project.members))
    yield from _denied_by_default(members)
    yield from _two_routes(members)


def _denied_by_default(members: tuple[Member, ...]) -> Iterator[Diagnostic]:
    patterns = [
        (pattern, _Covered(number, index))
        for number, member in enumerate(members)
        for index, pattern in enumerate(listed(member.document.tools))
    ]
    told: set[_Covered] = set()
    for (_, outer), (pattern, inner) in nested(patterns):
        for one, other in ((outer, inner), (inner, outer)):
            strict, loose = members[one.member], members[other.member]
            if strict is loose or other in told or listed(loose.document.tools)[other.place] != pattern:
                continue
            if not _always_denies(strict, pattern) or not _lets_pass(loose, pattern):
                continue
            told.add(other)
            message = f"`{strict.document.name}` denies `{pattern}`: it covers it, and none of its rules is for it"
            where = f"{strict.source.file}: leave `{pattern}` out of its `tools`, or give it a rule there"
            yield RULE.at(loose, ("tools", other.place), message, where)


def _always_denies(member: Member, pattern: str) -> bool:
    """Whether only the policy's `default: deny` speaks about what the pattern stands for."""
    if member.document.default != "deny" or is_narrowed(member):
        return False
    return not any(may_overlap(tool, pattern) for _, rule in rules_of(member) for tool in tools_of(member, rule))


def _lets_pass(member: Member, pattern: str) -> bool:
    """Whether the policy has something else than a denial for what the pattern stands for."""
    if member.document.default != "deny":
        return True
    return any(
        not denies(rule) and any(may_overlap(tool, pattern) for tool in tools_of(member, rule))
        for _, rule in rules_of(member)
    )


def _two_routes(members: tuple[Member, ...]) -> Iterator[Diagnostic]:
    """Two external gates for one call cannot both carry it out: that is a denial."""
    carried = [
        (pattern, _Carried(number, index, gate.details.route))
        for number, member in enumerate(members)
        if not is_narrowed(member)
        for index, (path, rule) in enumerate(rules_of(member))
        if is_unconditional(rule) and not listed(rule.agents)
        for gate in gates_of_rule(path, rule)
        if gate.kind == "external"
        for pattern in tools_of(member, rule)
    ]
    told: set[tuple[int, int]] = set()
    for (_, one), (pattern, other) in nested(carried):
        first, second = min(one, other), max(one, other)
        if one.route == other.route or first.member == second.member or second[:2] in told:
            continue
        told.add(second[:2])
        there = members[first.member]
        message = f"`{pattern}` always goes to `{second.route}` and to `{first.route}`: two routes are a denial"
        where = f"{there.document.name}/{there.document.rules[first.rule].id} in {there.source.file} has the other one"
        yield RULE.at(members[second.member], ("rules", second.rule, "id"), message, where)
