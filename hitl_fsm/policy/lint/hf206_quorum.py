"""HF206: more people must agree than there are."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.people import largest
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import RulePath, gates_of
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF206", "quorum-too-large", "error", "More people must agree than there are")


def check(project: Project) -> Iterator[Diagnostic]:
    """Approvals whose quorum is larger than the group. People of roles count where the roles are known."""
    for member in project.members:
        for gate in gates_of(member):
            if gate.kind != "approval" or not gate.details.of:
                continue
            group = largest(gate.details.of, gate.details.excluded, project.around.roles)
            if group is None or group >= gate.details.quorum:
                continue
            people = "nobody" if group == 0 else "only one person" if group == 1 else f"only {group} people"
            message = f"{gate.details.quorum} must agree, but {people} can: this approval is never given"
            yield RULE.at(member, _place(member, gate.path), message, "name more people, or lower the quorum")


def _place(member: Member, path: RulePath) -> RulePath:
    """Where the quorum is written, else who is asked."""
    return (*path, "quorum" if "quorum" in member.source.node(path).children else "of")
