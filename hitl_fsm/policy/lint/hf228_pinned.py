"""HF228: much is at stake, and a tightened policy does not reach what is paused."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import is_grave, rules_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF228", "pinned-when-grave", "warning", "A stricter policy does not reach grave actions that are paused")


def check(project: Project) -> Iterator[Diagnostic]:
    """`on_change: pin` in a policy with a rule of severity high or critical."""
    for member in project.members:
        if member.document.on_change != "pin":
            continue
        grave = next((rule for _, rule in rules_of(member) if is_grave(rule)), None)
        if grave is not None:
            message = f"what is paused keeps the old policy, also for `{grave.id}` ({grave.severity})"
            yield RULE.at(member, ("on_change",), message, "write `on_change: strictest`")
