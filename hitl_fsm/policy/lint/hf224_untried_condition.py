"""HF224: a condition that nothing tries."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import rules_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF224", "untried-condition", "info", "A condition has no examples")


def check(project: Project) -> Iterator[Diagnostic]:
    """Rules with `when` or `unless`, and no examples at all."""
    for member in project.members:
        for path, rule in rules_of(member):
            if (rule.when or rule.unless) and not rule.examples.match and not rule.examples.not_match:
                key = "when" if rule.when else "unless"
                message = f"nothing shows which actions `{rule.id}` is for"
                help_text = "add `examples`: an action that it matches, and one that it does not"
                yield RULE.at(member, (*path, key), message, help_text, key=True)
