"""HF216: a gate names a role that there is not, or a group that nobody is in."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.asked_people import GROUP, ROLE
from hitl_fsm.policy.lint.people import groups_of, named_by
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.project import Project

RULE = Rule("HF216", "unknown-role", "error", "There is no such role or group", needs="roles")
_SHOWN = 5


def check(project: Project) -> Iterator[Diagnostic]:
    """Roles and groups of those who may answer, or may not, that the roles files do not have."""
    roles, groups = project.around.roles, groups_of(project.around)
    for member in project.members:
        for path, subjects in named_by(member):
            for index, subject in enumerate(subjects):
                role, group = subject.removeprefix(ROLE), subject.removeprefix(GROUP)
                place = (*path, index)
                if roles is not None and role != subject and role not in roles:
                    yield RULE.at(member, place, f"there is no role `{role}`", _hint(role, roles, "role"))
                elif groups is not None and group != subject and group not in groups:
                    yield RULE.at(member, place, f"nobody is in a group `{group}`", _hint(group, groups, "group"))


def _hint(name: str, known: Collection[str], what: str) -> str:
    if not known:
        return f"the roles file has no {what}s"
    return did_you_mean(name, known) or f"known {what}s: {', '.join(sorted(known)[:_SHOWN])}"
