"""HF229: much is at stake, and the other calls of the turn run on."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import is_grave, rules_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF229", "ungated-run-on", "warning", "Other calls of the turn run past a grave question")


def check(project: Project) -> Iterator[Diagnostic]:
    """`batch: run_ungated` in a policy with a rule of severity high or critical."""
    for member in project.members:
        if member.document.batch != "run_ungated":
            continue
        grave = next((rule for _, rule in rules_of(member) if is_grave(rule)), None)
        if grave is not None:
            message = f"while `{grave.id}` ({grave.severity}) waits, later calls of the same turn run"
            yield RULE.at(member, ("batch",), message, "write `batch: in_order`, or `hold_all`")
