"""What the conditions of each rule ask, read once for all rules of the lint that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from hitl_fsm.policy.document import Rule as PolicyRule
from hitl_fsm.policy.lint.cases import Case, Reading, Terms, tools_in
from hitl_fsm.policy.lint.conditions import SameMembers, Trees, rules_with_trees
from hitl_fsm.policy.lint.walk import listed, tools_of
from hitl_fsm.policy.project import Member, Project


class Asked(NamedTuple):
    """A rule by itself. `met`: a case in which it matches; None where none was seen at the first look."""

    trees: Trees
    terms: Terms
    reading: Reading
    met: Case | None


def asked(project: Project) -> tuple[Asked, ...]:
    """Every rule whose conditions compile."""
    return _asked(SameMembers(project.members))


@lru_cache(maxsize=1)
def _asked(same: SameMembers) -> tuple[Asked, ...]:
    return tuple(map(_read, rules_with_trees(same)))


def _read(trees: Trees) -> Asked:
    terms = Terms(trees.member.document.vars)
    reading = terms.read(trees.when, trees.unless)
    case = terms.most_true(subjects_tools(trees.member, trees.rule))
    return Asked(trees, terms, reading, case if case is not None and reading.answer(case) == "T" else None)


def subjects_tools(member: Member, rule: PolicyRule) -> Sequence[str] | None:
    """What `tool` can be where the rule is looked at."""
    steps = listed(rule.steps) or ([] if listed(rule.tools) else listed(member.document.steps))
    return tools_in(tools_of(member, rule), steps)
