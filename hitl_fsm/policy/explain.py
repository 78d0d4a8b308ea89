"""Why a verdict is what it is: every rule that was looked at, what each condition said, and who demanded what.

The same answers that `PolicySet.evaluate` decides by, spelled out; nothing is evaluated in another way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import Gate, Verdict
from hitl_fsm.policy.compiled import CompiledRule
from hitl_fsm.policy.condition import Answer, Condition, ConditionProblem
from hitl_fsm.policy.evaluate import Default, PolicySet, judge_looks
from hitl_fsm.policy.gates import describe
from hitl_fsm.policy.inquiry import Look, RuleLook
from hitl_fsm.policy.join import gate_key
from hitl_fsm.policy.subjects import subject_of

ENGINE = "engine/default"
"""Who contributed what no policy did."""

_MAX_SHOWN = 80

Matched = Literal["yes", "no", "unknown"]


class Item(msgspec.Struct, frozen=True):
    """One condition: its text, where it stands, and its value; None with a `problem` where it has none."""

    text: str
    value: bool | None
    problem: str | None
    line: int
    column: int


class RuleExplained(msgspec.Struct, frozen=True):
    """One rule: whether it matched (`unknown`: that could not be evaluated), why, and what it then demands."""

    rule: str
    matched: Matched
    why: str
    effect: str
    severity: str
    note: str | None
    file: str
    line: int
    when: tuple[Item, ...]
    unless: tuple[Item, ...]


class PolicyExplained(msgspec.Struct, frozen=True):
    """One policy that covers the action. `elsewhere` has the ids of its rules that are for something else."""

    policy: str
    mode: Literal["enforce", "shadow"]
    file: str
    rules: tuple[RuleExplained, ...]
    elsewhere: tuple[str, ...]
    default: str
    default_line: int
    default_used: bool


class Share(msgspec.Struct, frozen=True):
    """One part of the verdict, and the rules (`policy/rule`), defaults or policies that it comes from."""

    part: Literal["deny", "gate", "audit", "severity", "batch", "on_change", "allow"]
    value: str
    by: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    """The verdict on one action, and how it came about. `shadow` has the policies that only log."""

    action: Action
    verdict: Verdict
    join: tuple[Share, ...]
    policies: tuple[PolicyExplained, ...]
    shadow: tuple[PolicyExplained, ...]

    def as_json(self) -> dict[str, Any]:
        """The same in JSON's types; `verdict.looked` is left out, since `policies` say it in full."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        told["verdict"].pop("looked", None)
        told["verdict"].get("would", {}).pop("looked", None)
        return told


def explain(policies: PolicySet, action: Action, default: Default = "deny") -> Explanation:
    """How `policies` come to their verdict on an action; `default` as in `PolicySet.evaluate`."""
    looks = policies.look(action)
    verdict = judge_looks(looks, subject_of(action), default, policies.digest)
    enforced = [look for look in looks if not look.policy.shadow]
    return Explanation(
        action=action,
        verdict=verdict,
        join=tuple(_shares(verdict, enforced)),
        policies=tuple(_policy(look) for look in enforced),
        shadow=tuple(_policy(look) for look in looks if look.policy.shadow),
    )


def _policy(look: Look) -> PolicyExplained:
    policy, asked = look.policy, {id(found.rule) for found in look.rules}
    return PolicyExplained(
        policy=policy.name,
        mode="shadow" if policy.shadow else "enforce",
        file=policy.default.file,
        rules=tuple(_rule(found) for found in look.rules),
        elsewhere=tuple(rule.reason.rule for rule in policy.rules if id(rule) not in asked),
        default=policy.default.effect,
        default_line=policy.default.line,
        default_used=_uses_default(look),
    )


def _uses_default(look: Look) -> bool:
    return all(found.answer is False for found in look.rules)


def _rule(found: RuleLook) -> RuleExplained:
    reason = found.rule.reason
    matched: Matched = "unknown" if isinstance(found.answer, ConditionProblem) else "yes" if found.answer else "no"
    when = tuple(map(_item, found.rule.when, found.when))
    unless = tuple(map(_item, found.rule.unless, found.unless))
    return RuleExplained(
        rule=reason.rule,
        matched=matched,
        why=_why(matched, when, unless),
        effect=reason.effect,
        severity=found.rule.severity,
        note=reason.note,
        file=reason.file,
        line=reason.line,
        when=when,
        unless=unless,
    )


def _item(condition: Condition, answer: Answer) -> Item:
    problem = answer.text if isinstance(answer, ConditionProblem) else None
    value = answer if isinstance(answer, bool) else None
    return Item(condition.text, value, problem, condition.line, condition.column)


def _why(matched: Matched, when: Sequence[Item], unless: Sequence[Item]) -> str:
    """In a few words, the items that decided."""
    if matched == "yes":
        if not when and not unless:
            return "it has no condition"
        held = "its condition holds" if len(when) == 1 else f"all {len(when)} conditions hold" if when else ""
        free = "no exception does" if held else "no exception holds"
        return ", ".join(part for part in (held, free if unless else "") if part)
    if matched == "no":
        false = [item for item in when if item.value is False]
        if false:
            return f"{_shown(false[0])} is false"
        return f"the exception {_shown(next(item for item in unless if item.value))} holds"
    broken = next(item for item in (*when, *unless) if item.problem is not None)
    return f"{_shown(broken)} has no answer: {broken.problem}"


def _shown(item: Item) -> str:
    text = " ".join(item.text.split())
    return f"`{text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + '…'}`"


def _shares(verdict: Verdict, looks: Sequence[Look]) -> Iterable[Share]:
    """Who contributed which part of the verdict."""
    denied = tuple(
        f"{one.policy}/{one.rule}" for one in verdict.reasons if one.effect == "deny" and verdict.outcome == "deny"
    )
    if denied:
        yield Share("deny", "the action does not happen", denied)
    for gate in verdict.gates:
        yield Share("gate", describe(gate), tuple(_askers(gate, looks)) or (ENGINE,))
    matched = [(look, found.rule) for look in looks for found in look.rules if found.answer is not False]
    if verdict.outcome == "allow":
        allowed = [_name(look, rule) for look, rule in matched] + _defaults(
            look for look in looks if _uses_default(look)
        )
        yield Share("allow", "nobody is asked", tuple(allowed))
    if verdict.audit:
        yield Share("audit", "recorded", tuple(_name(look, rule) for look, rule in matched if rule.audit))
    if verdict.severity != "low":
        raisers = tuple(_name(look, rule) for look, rule in matched if rule.severity == verdict.severity)
        yield Share("severity", verdict.severity, raisers)
    if verdict.outcome == "gated" and looks:
        yield Share("batch", verdict.batch, tuple(o.policy.name for o in looks if o.policy.batch == verdict.batch))
        changes = tuple(look.policy.name for look in looks if look.policy.on_change == verdict.on_change)
        yield Share("on_change", verdict.on_change, changes)


def _askers(gate: Gate, looks: Sequence[Look]) -> Iterable[str]:
    key = gate_key(gate)
    for look in looks:
        for _, rule, answer in ((look, found.rule, found.answer) for found in look.rules):
            gates = () if answer is False else rule.gates
            if isinstance(answer, ConditionProblem) and look.policy.on_error is not None:
                gates = (*gates, look.policy.on_error)
            if key in map(gate_key, gates):
                yield _name(look, rule)
        if _uses_default(look) and look.policy.default.effect == "confirm" and type(gate).__name__ == "Confirm":
            yield from _defaults([look])


def _defaults(looks: Iterable[Look]) -> list[str]:
    return [f"{look.policy.name}/default" for look in looks]


def _name(look: Look, rule: CompiledRule) -> str:
    return f"{look.policy.name}/{rule.reason.rule}"
