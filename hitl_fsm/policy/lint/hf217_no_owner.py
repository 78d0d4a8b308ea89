"""HF217: nobody answers for the policy."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF217", "no-owner", "warning", "Nobody answers for the policy")


def check(project: Project) -> Iterator[Diagnostic]:
    """Policies without an `owner`, or with a blank one."""
    for member in project.members:
        owner = member.document.owner
        if owner is None:
            yield RULE.at(
                member, ("name",), f"nobody answers for `{member.document.name}`", "add `owner: NAME or ADDRESS`"
            )
        elif not owner.strip():
            yield RULE.at(member, ("owner",), f"nobody answers for `{member.document.name}`", "name who does")
