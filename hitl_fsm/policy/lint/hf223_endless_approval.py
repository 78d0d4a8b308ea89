"""HF223: an approval that waits for ever."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import asking_gates_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF223", "endless-approval", "warning", "An approval waits for ever")


def check(project: Project) -> Iterator[Diagnostic]:
    """Approvals without `expires`."""
    for member in project.members:
        for gate in asking_gates_of(member):
            if gate.kind == "approval" and gate.details.expires is None:
                message = "this question stays open until somebody answers, however old it is"
                yield RULE.at(member, gate.path, message, "add `expires: 24h`", key=True)
