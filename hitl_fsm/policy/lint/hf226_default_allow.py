"""HF226: what no rule thought of is allowed."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import enforced
from hitl_fsm.policy.project import Project

RULE = Rule("HF226", "default-allow", "warning", "What no rule thought of is allowed")


def check(project: Project) -> Iterator[Diagnostic]:
    """Policies with `default: allow` that are enforced."""
    for member in enforced(project.members):
        if member.document.default == "allow":
            message = "an action that no rule matches is allowed"
            yield RULE.at(member, ("default",), message, "write `default: deny`, and a rule for what needs nobody")
