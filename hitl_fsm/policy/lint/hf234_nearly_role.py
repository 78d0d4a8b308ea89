"""HF234: a person's id that looks like a role or a group."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.asked_people import GROUP, ROLE
from hitl_fsm.policy.lint.people import named_by
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Project

RULE = Rule("HF234", "nearly-role", "warning", "A person's id looks like a role or a group")


def check(project: Project) -> Iterator[Diagnostic]:
    """Names before whose colon stands nearly `role` or `group`."""
    for member in project.members:
        for path, subjects in named_by(member):
            for index, subject in enumerate(subjects):
                if ":" not in subject or subject.startswith((ROLE, GROUP)):
                    continue
                kind, _, name = subject.partition(":")
                if near := get_close_matches(kind.strip().lower(), (ROLE[:-1], GROUP[:-1]), n=1):
                    told = f"`{subject}` is the id of one person, and no role or group"
                    yield RULE.at(member, (*path, index), told, f"did you mean `{near[0]}:{name.strip()}`?")
