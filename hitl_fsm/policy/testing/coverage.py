"""What cases and examples have tried: rules that matched and did not, questions that were true and false, the default.

A question counts only where the verdict depended on it: behind a false `&&`, a true `||` or the other branch of `?:` it
was not asked. One that could not be evaluated was neither true nor false. The examples of a rule try that rule only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.policy.condition import ConditionProblem, Scope
from hitl_fsm.policy.evaluate import CompiledPolicy
from hitl_fsm.policy.example_actions import actions_of
from hitl_fsm.policy.expression import Node
from hitl_fsm.policy.project import Member, Project
from hitl_fsm.policy.subjects import subject_of
from hitl_fsm.policy.testing.parts import Item, Part, Plan, Question, RulePlan, plan_of

Truth = bool | None
"""None: it could not be evaluated."""


class Tried(NamedTuple):
    """How often a part was true, was false, and could not be evaluated."""

    part: Part
    true: int
    false: int
    problems: int
    unreachable: tuple[bool, ...] = ()

    @property
    def wanted(self) -> tuple[bool, ...]:
        """The values that somebody should try: those possible, without those that are said to be unreachable."""
        return tuple(value for value in self.part.wanted if value not in self.unreachable)

    @property
    def missing(self) -> tuple[bool, ...]:
        """Those of them that nobody tried."""
        return tuple(value for value in self.wanted if not (self.true if value else self.false))


class PolicyCoverage(NamedTuple):
    """One policy file."""

    member: Member
    tried: tuple[Tried, ...]


class Share(NamedTuple):
    """How many of the values that should be tried were."""

    covered: int
    total: int

    @property
    def tenths(self) -> int:
        """In tenths of a percent, rounded down: 1000 only if nothing is missing."""
        return 1000 if not self.total else self.covered * 1000 // self.total


def share(tried: Iterable[Tried]) -> Share:
    """Of these parts together."""
    wanted = missing = 0
    for one in tried:
        wanted += len(one.wanted)
        missing += len(one.missing)
    return Share(wanted - missing, wanted)


def measure(runs: Iterable[tuple[Project, Sequence[Action]]]) -> list[PolicyCoverage]:
    """The coverage of all policies of these projects by their actions; one entry a file, in order of name.

    A file that several projects have is the same in all of them.
    """
    counts = _Counts()
    plans: dict[str, Plan] = {}
    for project, actions in runs:
        for member in project.members:
            file = member.source.file
            if file not in plans:
                plans[file] = plan_of(member)
                _try_examples(plans[file], counts)
            for action in actions:
                _try(plans[file], action, counts)
    return [
        PolicyCoverage(plan.member, tuple(counts.of(part) for part in plan.parts()))
        for _, plan in sorted(plans.items())
    ]


class _Counts:
    """True, false and unanswered, for each part."""

    def __init__(self) -> None:
        self._counts: dict[Part, list[int]] = {}

    def add(self, part: Part, value: Truth) -> None:
        self._counts.setdefault(part, [0, 0, 0])[2 if value is None else 0 if value else 1] += 1

    def of(self, part: Part) -> Tried:
        true, false, problems = self._counts.get(part, (0, 0, 0))
        return Tried(part, true, false, problems)


def _try(plan: Plan, action: Action, counts: _Counts) -> None:
    """As `evaluate` asks one policy."""
    policy, subject = plan.member.policy, subject_of(action)
    if not policy.covers(subject):
        return
    scope, is_reached = Scope(action), True
    for rule in plan.rules:
        if rule.rule.selects(subject):
            is_reached = _try_rule(rule, scope, policy, counts) is False and is_reached
        elif not rule.when and not rule.unless:
            counts.add(rule.part, value=False)
    if is_reached:
        counts.add(plan.default, value=True)


def _try_rule(rule: RulePlan, scope: Scope, policy: CompiledPolicy, counts: _Counts) -> Truth:
    answer = rule.rule.applies(scope, policy.variables)
    matched = None if isinstance(answer, ConditionProblem) else answer
    counts.add(rule.part, matched)

    def ask(question: Question) -> Truth:
        if question.condition is None:
            return None
        answer = question.condition.evaluate(scope, policy.variables)
        value = None if isinstance(answer, ConditionProblem) else answer
        counts.add(question.part, value)
        return value

    held: Truth = True
    for item in rule.when:
        value = _value(item, ask)
        if value is False:
            return matched
        held = held and value
    if held:
        for item in rule.unless:
            lifted = _value(item, ask)
            if item.whole is not None:
                counts.add(item.whole, lifted)
            if lifted:
                break
    return matched


def _value(item: Item, ask: Callable[[Question], Truth]) -> Truth:
    if item.tree is None:
        return ask(item.questions[0, 0])
    return _walk(item.tree, item.questions, ask)


def _walk(node: Node, questions: Mapping[tuple[int, int], Question], ask: Callable[[Question], Truth]) -> Truth:
    """The value of a condition from those of its questions, from left to right, none asked that does not matter."""
    sign = node.value if node.kind == "call" else None
    if sign == "!":
        value = _walk(node.children[0], questions, ask)
        return None if value is None else not value
    if sign == "?:":
        choice = _walk(node.children[0], questions, ask)
        return None if choice is None else _walk(node.children[1 if choice else 2], questions, ask)
    if sign in ("&&", "||"):
        decides = sign == "||"
        known: Truth = not decides
        for child in node.children:
            value = _walk(child, questions, ask)
            if value is decides:
                return decides
            known = None if value is None else known
        return known
    return ask(questions[node.offset, node.width])


def _try_examples(plan: Plan, counts: _Counts) -> None:
    for example in actions_of(plan.member):
        _try_rule(plan.rules[example.rule], Scope(example.action), plan.member.policy, counts)
