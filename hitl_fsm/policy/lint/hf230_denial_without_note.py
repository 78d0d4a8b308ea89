"""HF230: a denial that does not say why."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import gates_of
from hitl_fsm.policy.project import Project

RULE = Rule("HF230", "denial-without-note", "info", "A denial does not say why")


def check(project: Project) -> Iterator[Diagnostic]:
    """`gate: deny` without a note."""
    for member in project.members:
        for gate in gates_of(member):
            if gate.kind == "deny" and gate.details is None:
                message = f"`{gate.rule.id}` denies without saying why: the model tries again, and nobody learns"
                yield RULE.at(member, gate.path, message, 'write `gate: {deny: {note: "…"}}`')
