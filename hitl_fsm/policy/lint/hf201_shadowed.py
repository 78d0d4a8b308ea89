"""HF201: a rule that changes nothing, since another one of its policy always asks for at least as much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.compiled import CompiledRule
from hitl_fsm.policy.data import MAX_DATA_SIZE
from hitl_fsm.policy.join import SEVERITIES, gate_key
from hitl_fsm.policy.lint.asked import Asked, asked, subjects_tools
from hitl_fsm.policy.lint.cases import Terms
from hitl_fsm.policy.lint.conditions import Trees
from hitl_fsm.policy.lint.hf202_unreachable import never_applies
from hitl_fsm.policy.lint.overlap import covers, head
from hitl_fsm.policy.lint.rule import Rule
from hitl_fsm.policy.patterns import is_glob
from hitl_fsm.policy.project import Project

RULE = Rule("HF201", "shadowed-rule", "warning", "A rule changes nothing, since another one always asks for more")
MAX_PAIRS = 200_000
MAX_CASES_IN_ALL = 200_000
_ANYTHING = ""


class _Read(NamedTuple):
    """`names`: what its conditions ask of."""

    asked: Asked
    trees: Trees
    rule: CompiledRule
    names: frozenset[object]


def check(project: Project) -> Iterator[Diagnostic]:
    """In each policy; after MAX_PAIRS pairs of rules, or MAX_CASES_IN_ALL cases of their conditions, no more."""
    budget = [MAX_PAIRS, MAX_CASES_IN_ALL]
    for _, rules in groupby(asked(project), lambda one: one.trees.member.source.file):
        groups = _grouped([read for one in rules if (read := _read(one)) is not None])
        for one in groups.all:
            for other in groups.candidates(one):
                budget[0] -= 1
                if min(budget) < 0:
                    return
                if _shadows(other, one, budget):
                    yield _finding(one, other)
                    break


def _shadows(other: _Read, one: _Read, budget: list[int]) -> bool:
    """Of two that ask for the same, the first one shadows."""
    if other is one or not other.names <= one.names or not _demands_less(one.rule, other.rule):
        return False
    if not _follows(one, other, budget):
        return False
    return one.trees.path > other.trees.path or not (
        one.names == other.names and _demands_less(other.rule, one.rule) and _follows(other, one, budget)
    )


def _finding(one: _Read, other: _Read) -> Diagnostic:
    whose = f"`{other.rule.reason.rule}` (line {other.rule.reason.line})"
    does = "denies" if other.rule.denies else "asks for at least as much"
    message = f"`{one.rule.reason.rule}` changes nothing: whenever it matches, {whose} {does}"
    return RULE.at(
        one.trees.member, (*one.trees.path, "id"), message, "remove it, or make the other one narrower with `unless`"
    )


def _read(one: Asked) -> _Read | None:
    """None for conditions that data of some size are too large for: which of two fails then, is not seen here."""
    rule = one.trees.compiled
    if any(condition.limit < MAX_DATA_SIZE for condition in (*rule.when, *rule.unless)):
        return None
    return _Read(one, one.trees, rule, one.terms.names())


class _Groups(NamedTuple):
    """Rules by a tool or step that they name (`_ANYTHING`: none), and by what their conditions ask of.

    Each stands under the one of its `names` that is asked of by the fewest rules: those that shadow a rule ask of
    nothing that it does not ask of. `globs` are by what stands before their first `*`.
    """

    all: list[_Read]
    named: dict[tuple[str, object], list[_Read]]
    globs: dict[str, list[str]]

    def candidates(self, one: _Read) -> Iterator[_Read]:
        """Rules that may be for all that this one is for."""
        patterns = [_ANYTHING]
        for name in (*one.rule.tools, *one.rule.steps)[:1]:
            patterns += [name, *(glob for glob in self._beginning(name) if glob != name and covers(glob, name))]
        for pattern in patterns:
            for key in (None, *one.names):
                yield from self.named.get((pattern, key), ())

    def _beginning(self, name: str) -> Iterator[str]:
        """The globs that a name may match, by how it begins."""
        for length in range(len(name) + 1):
            yield from self.globs.get(name[:length], ())


def _grouped(rules: list[_Read]) -> _Groups:
    groups = _Groups(rules, {}, {})
    asked = Counter(name for one in rules for name in one.names)
    globs: dict[str, None] = {}
    for one in rules:
        rarest = min(one.names, key=asked.__getitem__, default=None)
        for pattern in dict.fromkeys((*one.rule.tools, *one.rule.steps) or (_ANYTHING,)):
            groups.named.setdefault((pattern, rarest), []).append(one)
            if is_glob(pattern):
                globs[pattern] = None
    for glob in globs:
        groups.globs.setdefault(head(glob), []).append(glob)
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


def _follows(one: _Read, other: _Read, budget: list[int]) -> bool:
    """Whether the other rule matches, or cannot be evaluated, whenever this one does.

    A rule that cannot be evaluated denies, or asks: then the other one cannot be evaluated either, or denies anyway.
    """
    denies = other.rule.denies
    bare = not (other.rule.when or other.rule.unless)
    conditional = bool(one.rule.when or one.rule.unless)
    if conditional and bare and not denies:
        return False  # there are data that no condition can be asked of
    if one.asked.met is not None and other.asked.reading.answer(one.asked.met) == "F":
        return False  # seen at once; `other` asks of nothing that this case does not say
    member = one.trees.member
    terms = Terms(member.document.vars)
    first, second = (terms.read(trees.when, trees.unless) for trees in (one.trees, other.trees))
    cases = terms.cases(subjects_tools(member, one.trees.rule))
    if cases is None:
        return False
    for case in cases:
        budget[1] -= 1
        answer = first.answer(case)
        if answer != "F":
            met = second.answer(case)
            if met == "F" or (answer == "!" and met == "T" and not denies):
                return False
    return not (conditional and never_applies(one.asked))  # that is told already
