"""HF201: a rule that changes nothing, since another one of its policy always asks for at least as much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.compiled import CompiledRule
from hitl_fsm.policy.condition import ConditionError
from hitl_fsm.policy.data import MAX_DATA_SIZE
from hitl_fsm.policy.expression import Node, parse_tree
from hitl_fsm.policy.join import SEVERITIES, gate_key
from hitl_fsm.policy.lint.cases import Reading, Terms
from hitl_fsm.policy.lint.hf202_unreachable import never_applies, subjects_tools
from hitl_fsm.policy.lint.overlap import covers
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.lint.walk import RulePath, rules_of
from hitl_fsm.policy.patterns import is_glob
from hitl_fsm.policy.project import Member, Project

RULE = Rule("HF201", "shadowed-rule", "warning", "A rule changes nothing, since another one always asks for more")
MAX_PAIRS = 200_000
MAX_CASES_IN_ALL = 200_000


class _Read(NamedTuple):
    """`names`: what its conditions ask of."""

    path: RulePath
    rule: CompiledRule
    when: tuple[Node, ...]
    unless: tuple[Node, ...]
    names: frozenset[object]


def check(project: Project) -> Iterator[Diagnostic]:
    """In each policy; after MAX_PAIRS pairs of rules, or MAX_CASES_IN_ALL cases of their conditions, no more."""
    budget = [MAX_PAIRS, MAX_CASES_IN_ALL]
    for member in project.members:
        groups = _grouped(_read(member))
        for one in groups.all:
            for other in groups.candidates(one):
                budget[0] -= 1
                if min(budget) < 0:
                    return
                if _shadows(member, other, one, budget):
                    yield _finding(member, one, other)
                    break


def _shadows(member: Member, other: _Read, one: _Read, budget: list[int]) -> bool:
    """Of two that ask for the same, the first one shadows."""
    if other is one or not other.names <= one.names or not _demands_less(one.rule, other.rule):
        return False
    if not _follows(member, one, other, budget):
        return False
    return one.path > other.path or not (
        one.names == other.names and _demands_less(other.rule, one.rule) and _follows(member, other, one, budget)
    )


def _finding(member: Member, one: _Read, other: _Read) -> Diagnostic:
    whose = f"`{other.rule.reason.rule}` (line {other.rule.reason.line})"
    does = "denies" if other.rule.denies else "asks for at least as much"
    message = f"`{one.rule.reason.rule}` changes nothing: whenever it matches, {whose} {does}"
    return RULE.at(member, (*one.path, "id"), message, "remove it, or make the other one narrower with `unless`")


def _read(member: Member) -> Iterator[_Read]:
    """Those whose conditions compile, for data of every size; without those that never apply."""
    for (path, written), rule in zip(rules_of(member), member.policy.rules, strict=True):
        conditions = (*rule.when, *rule.unless)
        if len(conditions) != len(written.when) + len(written.unless):
            continue
        if any(condition.limit < MAX_DATA_SIZE for condition in conditions):
            continue
        try:
            when, unless = (tuple(parse_tree(one.text) for one in part) for part in (rule.when, rule.unless))
        except ConditionError:
            continue
        terms = Terms(member.document.vars)
        for node in (*when, *unless):
            terms.ask(node)
        yield _Read(path, rule, when, unless, terms.names())


class _Groups(NamedTuple):
    """Rules by the tools and steps that they name; `anywhere` those that are for everything."""

    all: list[_Read]
    anywhere: list[_Read]
    named: dict[str, list[_Read]]
    globs: list[str]

    def candidates(self, one: _Read) -> Iterator[_Read]:
        """Rules that may be for all that this one is for."""
        yield from self.anywhere
        for name in (*one.rule.tools, *one.rule.steps)[:1]:
            for pattern in (name, *(glob for glob in self.globs if glob != name and covers(glob, name))):
                yield from self.named.get(pattern, ())


def _grouped(rules: Iterator[_Read]) -> _Groups:
    groups = _Groups(list(rules), [], {}, [])
    for one in groups.all:
        names = dict.fromkeys((*one.rule.tools, *one.rule.steps))
        for name in names:
            groups.named.setdefault(name, []).append(one)
        if not names:
            groups.anywhere.append(one)
    groups.globs.extend(filter(is_glob, groups.named))
    return groups


def _demands_less(one: CompiledRule, other: CompiledRule) -> bool:
    """Whether the other one asks for all that this one does, of all that this one is for."""
    if not _within(one, other) or SEVERITIES.index(one.severity) > SEVERITIES.index(other.severity):
        return False
    if other.denies:  # a denial is on the record anyway, whether it is marked for auditors or not
        return one.reason.note is None or one.reason.note == other.reason.note  # whoever is denied reads it
    if one.denies or (one.audit and not other.audit):
        return False
    keys = iter([gate_key(gate) for gate in other.gates])
    return all(gate_key(gate) in keys for gate in one.gates)  # in the same order


def _within(one: CompiledRule, other: CompiledRule) -> bool:
    if other.agents and not (one.agents and _all_covered(one.agents, other.agents)):
        return False
    if not other.tools and not other.steps:
        return True
    named = bool(one.tools or one.steps)
    return named and _all_covered(one.tools, other.tools) and _all_covered(one.steps, other.steps)


def _all_covered(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return all(any(covers(pattern, name) for pattern in patterns) for name in names)


def _follows(member: Member, one: _Read, other: _Read, budget: list[int]) -> bool:
    """Whether the other rule matches, or cannot be evaluated, whenever this one does.

    A rule that cannot be evaluated denies, or asks: then the other one cannot be evaluated either, or denies anyway.
    """
    document = member.document.rules[int(one.path[1])]
    denies = other.rule.denies
    if not denies and not (other.when or other.unless) and (one.when or one.unless):
        return False  # there are data that no condition can be asked of
    if (one.when or one.unless) and never_applies(member, document):
        return False  # that is told already
    terms = Terms(member.document.vars)
    first, second = (
        Reading(tuple(map(terms.ask, rule.when)), tuple(map(terms.ask, rule.unless))) for rule in (one, other)
    )
    cases = terms.cases(subjects_tools(member, document))
    if cases is None:
        return False
    for case in cases:
        budget[1] -= 1
        answer = first.answer(case)
        if answer != "F":
            met = second.answer(case)
            if met == "F" or (answer == "!" and met == "T" and not denies):
                return False
    return True
