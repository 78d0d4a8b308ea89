"""HF205: an approval that the requester can give."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.people import REQUESTER
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import gates_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF205", "own-approval", "warning", "The requester can approve their own action")


def check(project: Project) -> Iterator[Diagnostic]:
    """Approvals by one person that do not exclude the requester. With a quorum, somebody else has to agree anyway."""
    for member in project.members:
        for gate in gates_of(member):
            if gate.kind != "approval" or not gate.details.of or gate.details.quorum > 1:
                continue
            if REQUESTER in gate.details.excluded:
                continue
            if REQUESTER in gate.details.of:
                help_text = "`gate: confirm` asks the requester; an approval is somebody else's"
            else:
                help_text = "add `not: [requester]`"
            message = f"who asks for the action can approve it: `{gate.rule.id}` does not exclude the requester"
            yield RULE.at(member, (*gate.path, "of"), message, help_text)
