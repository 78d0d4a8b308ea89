"""HF202: a rule that can never apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.document import Rule as PolicyRule
from hitl_fsm.policy.expression import Node, conjuncts
from hitl_fsm.policy.lint.asked import Asked, asked, subjects_tools
from hitl_fsm.policy.lint.cases import Reading, Terms
from hitl_fsm.policy.lint.conditions import Trees
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF202", "unreachable-rule", "error", "A rule can never apply")
_MAX_PAIRS = 200
_SHOWN = 60


def check(project: Project) -> Iterator[Diagnostic]:
    """Rules whose conditions are true for no action that the rule is for."""
    for one in asked(project):
        if (one.trees.when or one.trees.unless) and never_applies(one):
            yield _finding(one.trees)


def never_applies(one: Asked) -> bool:
    """Whether it is certain that no action makes all of `when` true and none of `unless`."""
    return one.met is None and _none(one.terms, one.reading, one.trees.member, one.trees.rule)


def _never(member: Member, rule: PolicyRule, when: Sequence[Node]) -> bool:
    terms = Terms(member.document.vars)
    return _none(terms, terms.read(when, ()), member, rule)


def _none(terms: Terms, reading: Reading, member: Member, rule: PolicyRule) -> bool:
    """Whether there is no case in which it matches."""
    cases = terms.cases(subjects_tools(member, rule))
    return cases is not None and all(reading.answer(case) != "T" for case in cases)


def _finding(trees: Trees) -> Diagnostic:
    """At the part that cannot be true, or at the later one of two that exclude each other."""
    member, path, rule = trees.member, trees.path, trees.rule
    parts = [(index, rule.when[index], node) for index, tree in enumerate(trees.when) for node in conjuncts(tree)]
    help_text = "correct the condition, or remove the rule"
    for index, text, node in parts:
        if _never(member, rule, [node]):
            message = f"`{rule.id}` never applies: `{_shown(text, node)}` is never true"
            return RULE.inside(member, (*path, "when", index), (node.offset, node.width), message, help_text)
    for number, (one, other) in enumerate(combinations(parts, 2)):
        if number < _MAX_PAIRS and _never(member, rule, [one[2], other[2]]):
            both = f"`{_shown(*one[1:])}` and `{_shown(*other[1:])}`"
            message = f"`{rule.id}` never applies: {both} are never both true"
            span = (other[2].offset, other[2].width)
            return RULE.inside(member, (*path, "when", other[0]), span, message, help_text)
    key = "unless" if rule.unless else "when"
    why = "`unless` is true whenever `when` is" if rule.unless and rule.when else f"its `{key}` excludes every action"
    return RULE.at(member, (*path, key), f"`{rule.id}` never applies: {why}", help_text, key=True)


def _shown(text: str, node: Node) -> str:
    part = " ".join(text[node.offset : node.offset + node.width].split())
    return part if len(part) <= _SHOWN else f"{part[: _SHOWN - 1]}…"
