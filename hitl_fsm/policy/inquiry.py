"""What the actions of one kind are put to: their policies and rules, and how their conditions are answered fast.

The plain conditions have a shorter way (see `quick`), the others are one CEL expression together. Both only save time:
where either has no answer, the condition is asked by itself, and that counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import Verdict
from hitl_fsm.policy.compiled import CompiledPolicy, CompiledRule, answered
from hitl_fsm.policy.condition import Answer, Condition, Scope, Together, together
from hitl_fsm.policy.data import action_size
from hitl_fsm.policy.quick import Ask

WARM_AFTER = 4
"""So many actions are judged condition by condition before it pays to compile them together."""
MAX_TOGETHER = 64
"""Conditions in one expression: the time to compile it grows faster than their number."""

Asked = tuple[CompiledPolicy, tuple[CompiledRule, ...]]
_Vars = Mapping[str, Any]
_Numbers = tuple[int, ...]


class RuleLook(NamedTuple):
    """A rule that was looked at: what each condition said, and what follows."""

    rule: CompiledRule
    when: tuple[Answer, ...]
    unless: tuple[Answer, ...]
    answer: Answer


class Look(NamedTuple):
    """A policy that covers the action, with those of its rules that are for it."""

    policy: CompiledPolicy
    rules: tuple[RuleLook, ...]


class Inquiry:
    """The policies and rules for one subject; `verdicts` remembers what followed from which answers."""

    __slots__ = ("_asks", "_conditions", "_groups", "_left", "_numbers", "_uses", "asked", "verdicts")

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.asked = tuple(asked)
        self.verdicts: dict[tuple[Answer, ...], Verdict] = {}
        self._uses = 0
        self._asks: tuple[Ask, ...] = ()
        self._left: tuple[int, ...] = ()
        self._groups: tuple[tuple[Together, _Vars], ...] = ()
        self._conditions, numbers = _numbered(self.asked)
        self._numbers = tuple(
            tuple(
                (_numbers_of(numbers, policy, rule.when), _numbers_of(numbers, policy, rule.unless)) for rule in rules
            )
            for policy, rules in self.asked
        )

    def answers(self, action: Action) -> tuple[Answer, ...]:
        """Of each distinct condition."""
        if not self._conditions:
            return ()
        if self._asks:
            size = action_size(action)
            if not isinstance(size, str):
                return self._quickly(action, size)
        else:
            self._uses += 1
            if self._uses >= WARM_AFTER:  # of several threads, none may see the very number
                self._prepare()
        scope = Scope(action)
        return tuple(condition.evaluate(scope, variables) for condition, variables in self._conditions)

    def _prepare(self) -> None:
        """From now on the plain conditions are answered by `quick`, and the others by one expression."""
        asks = [condition.shortcut(variables) for condition, variables in self._conditions]
        self._left = tuple(number for number, ask in enumerate(asks) if ask is None)
        self._groups = _grouped([self._conditions[number] for number in self._left])
        self._asks = tuple(ask or _ask_cel for ask in asks)

    def _quickly(self, action: Action, size: int) -> tuple[Answer, ...]:
        found: list[Answer | None] = [ask(action) for ask in self._asks]
        if self._groups:
            answers = iter(self._at_once(action, size))
            for number, answer in zip(self._left, answers, strict=False):  # none at all, if one of them has none
                found[number] = answer
        if None in found:
            scope = Scope(action)
            return tuple(
                condition.evaluate(scope, variables) if answer is None else answer
                for answer, (condition, variables) in zip(found, self._conditions, strict=True)
            )
        return tuple(found)  # type: ignore[arg-type]  # there is no None

    def _at_once(self, action: Action, size: int) -> list[bool]:
        found: list[bool] = []
        for one, variables in self._groups:
            more = one.evaluate(action, size, variables)
            if more is None:
                return []
            found += more
        return found

    def looks(self, answers: Sequence[Answer]) -> tuple[Look, ...]:
        """What follows from the answers, rule by rule."""
        return tuple(
            Look(policy, tuple(_looks(rules, numbers, answers)))
            for (policy, rules), numbers in zip(self.asked, self._numbers, strict=True)
        )


def _ask_cel(_: Action) -> None:
    """For conditions that have no shorter way."""


def _looks(
    rules: Sequence[CompiledRule], numbers: Sequence[tuple[_Numbers, _Numbers]], answers: Sequence[Answer]
) -> Iterator[RuleLook]:
    for rule, (when, unless) in zip(rules, numbers, strict=True):
        held = tuple(answers[number] for number in when)
        lifted = tuple(answers[number] for number in unless)
        yield RuleLook(rule, held, lifted, answered(held, lifted))


def _key(condition: Condition, variables: _Vars) -> tuple[int, str]:
    """The same text says the same everywhere, unless it looks at `vars`: these belong to a policy."""
    return (id(variables) if "vars" in condition.names else 0, condition.text)


def _numbered(asked: Sequence[Asked]) -> tuple[tuple[tuple[Condition, _Vars], ...], dict[tuple[int, str], int]]:
    """The distinct conditions, those with the same `vars` beside each other, and the number of each."""
    distinct: dict[tuple[int, str], tuple[Condition, _Vars]] = {}
    for policy, rules in asked:
        for rule in rules:
            for condition in (*rule.when, *rule.unless):
                distinct.setdefault(_key(condition, policy.variables), (condition, policy.variables))
    keys = sorted(distinct, key=lambda key: key[0])  # stable: in a group, in the order of the policies
    return tuple(distinct[key] for key in keys), {key: number for number, key in enumerate(keys)}


def _numbers_of(
    numbers: Mapping[tuple[int, str], int], policy: CompiledPolicy, conditions: Sequence[Condition]
) -> _Numbers:
    return tuple(numbers[_key(condition, policy.variables)] for condition in conditions)


def _grouped(conditions: Sequence[tuple[Condition, _Vars]]) -> tuple[tuple[Together, _Vars], ...]:
    """Runs of conditions that can share one evaluation; empty, if CEL refuses any of them."""
    groups: list[tuple[list[Condition], _Vars | None]] = []
    for condition, variables in conditions:
        bound = variables if "vars" in condition.names else None
        # By identity: to Python `{"x": 1}` and `{"x": True}` are equal, to CEL they are not.
        if groups and len(groups[-1][0]) < MAX_TOGETHER and (groups[-1][1] is None or groups[-1][1] is bound):
            groups[-1] = ([*groups[-1][0], condition], bound)
        else:
            groups.append(([condition], bound))
    made: list[tuple[Together, _Vars]] = []
    for members, bound in groups:
        one = together(members)
        if one is None:
            return ()
        made.append((one, bound or {}))
    return tuple(made)
