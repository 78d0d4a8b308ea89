"""HF203: a `default` that no action reaches."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.overlap import covers
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import is_unconditional, listed, rules_of
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF203", "dead-default", "warning", "No action reaches the default")


def check(project: Project) -> Iterator[Diagnostic]:
    """A `default` other than `deny`, where rules without conditions match all that the policy covers.

    `default: deny` may stand anywhere: it holds when somebody removes the rule.
    """
    for member in project.members:
        default = member.document.default
        if default != "deny" and (reached := _catch_all(member)):
            message = f"`default: {default}` never holds: `{reached}` always matches"
            yield RULE.at(member, ("default",), message, "write `default: deny`, or give the rule a `when`")


def _catch_all(member: Member) -> str | None:
    """The last of the rules that together match every action; None when they do not."""
    document = member.document
    always = [rule for _, rule in rules_of(member) if is_unconditional(rule) and not listed(rule.agents)]
    for rule in always:
        if not listed(rule.tools) and not listed(rule.steps):
            return rule.id
    tools = listed(document.tools)
    if not tools or listed(document.steps):
        return None
    last = None
    patterns = [(pattern, rule) for rule in always for pattern in listed(rule.tools)]
    for tool in tools:
        last = next((rule for pattern, rule in patterns if covers(pattern, tool)), None)
        if last is None:
            return None
    return last.id if last else None
