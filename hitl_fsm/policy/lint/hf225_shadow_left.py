"""HF225: a policy that only logs."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF225", "shadow-left", "info", "The policy only logs what it would have done")


def check(project: Project) -> Iterator[Diagnostic]:
    """Policies in `mode: shadow`."""
    for member in project.members:
        if member.document.mode == "shadow":
            message = f"`{member.document.name}` holds nothing back: it only logs what it would have done"
            yield RULE.at(member, ("mode",), message, "when its log looks right, write `mode: enforce`")
