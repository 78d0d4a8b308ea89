"""HF220: a rule that allows everything."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import enforced, gates_of_rule, is_narrowed, is_unconditional, rules_of, tools_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF220", "allow-everything", "warning", "A rule allows every call of every tool")


def check(project: Project) -> Iterator[Diagnostic]:
    """`gate: allow` without a condition over the pattern `*`."""
    for member in enforced(project.members):
        for path, rule in rules_of(member):
            if not is_unconditional(rule) or is_narrowed(member, rule):
                continue
            if any(gate.kind != "allow" for gate in gates_of_rule(path, rule)):
                continue
            if any(not pattern.strip("*") for pattern in tools_of(member, rule)):
                message = f"`{rule.id}` allows every call of every tool, also of those that come later"
                yield RULE.at(member, (*path, "gate"), message, "name the tools that need nobody")
