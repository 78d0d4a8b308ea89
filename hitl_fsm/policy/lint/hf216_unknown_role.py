"""HF216: a gate names a role that there is not."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.people import ROLE, named_in
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import gates_of
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.project import Project

RULE = Rule("HF216", "unknown-role", "error", "There is no such role", needs="roles")
_SHOWN = 5


def check(project: Project) -> Iterator[Diagnostic]:
    """Roles under `of`, `not` and `escalate` that the roles files do not have."""
    roles = project.around.roles
    if roles is None:
        return
    known = f"known roles: {', '.join(sorted(roles)[:_SHOWN])}" if roles else "the roles file has none"
    for member in project.members:
        for gate in gates_of(member):
            for path, subjects in named_in(gate):
                for index, subject in enumerate(subjects):
                    role = subject.removeprefix(ROLE)
                    if subject.startswith(ROLE) and role not in roles:
                        hint = did_you_mean(role, roles) or known
                        yield RULE.at(member, (*path, index), f"there is no role `{role}`", hint)
