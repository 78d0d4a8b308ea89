"""HF232: much is at stake, and a yes may be remembered."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import asking_gates_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF232", "grave-grant", "warning", "A yes to a critical action may be remembered")


def check(project: Project) -> Iterator[Diagnostic]:
    """`grant` on a gate of a rule of severity critical."""
    for member in project.members:
        for gate in asking_gates_of(member):
            if gate.rule.severity == "critical" and getattr(gate.details, "grant", None) is not None:
                message = f"`{gate.rule.id}` is critical, and further calls may pass without anybody looking at them"
                yield RULE.at(
                    member, (*gate.path, "grant"), message, "leave out `grant`, or lower the severity", key=True
                )
