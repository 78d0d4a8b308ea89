"""HF231: a comment that sets nothing aside, or does not say why."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.suppression import Suppression, suppressions
from hitl_fsm.policy.project import Member, Project

RULE = Rule(
    "HF231", "idle-suppression", "warning", "A comment sets a finding aside that is not there, or without a reason"
)
_FORM = "write `# hitl-fsm: ignore HF205 because …`"
_LINT_CODE = re.compile(r"HF2\d\d")
_CODE = re.compile(r"HF\d{3}")


def check(project: Project) -> Iterator[Diagnostic]:
    """What is wrong with the comments themselves; what it takes all rules to know is found when all have spoken."""
    for member in project.members:
        for aside in suppressions(member.source):
            for message, help_text in _problems(aside):
                yield _finding(member, aside, message, help_text)


def unknown(project: Project, known: Collection[str]) -> Iterator[Diagnostic]:
    """The findings on comments that name a code which no rule has; `known` are those that rules have."""
    for member in project.members:
        for aside in suppressions(member.source):
            for code in aside.codes or ():
                if code not in known and not _is_never_set_aside(code):
                    told = f"there is no {code[:20]} to set aside"
                    yield _finding(member, aside, told, "the codes are in docs/rules/README.md")


def unused(member: Member, aside: Suppression, code: str) -> Diagnostic:
    """The finding on a comment that sets nothing aside."""
    return _finding(member, aside, f"there is no {code} on line {aside.target} to set aside", "remove the comment")


def _problems(aside: Suppression) -> Iterator[tuple[str, str]]:
    if aside.codes is None:
        yield "this comment says nothing that is known", _FORM
        return
    if not aside.codes:
        yield "this comment names no code", _FORM
    if not aside.reason:
        yield "this comment does not say why, so it sets nothing aside", _FORM
    for code in aside.codes:
        if _is_never_set_aside(code):
            yield f"{code} cannot be set aside", "correct what it says"


def _is_never_set_aside(code: str) -> bool:
    return code == RULE.code or (_CODE.fullmatch(code) is not None and not _LINT_CODE.fullmatch(code))


def _finding(member: Member, aside: Suppression, message: str, help_text: str) -> Diagnostic:
    found = member.source.at(RULE.code, message, aside.line, aside.column, width=aside.width, help=help_text)
    return replace(found, severity=RULE.severity)
