"""The parts of a policy with their paths, as the rules look at them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from hitl_fsm.policy.document import Rule
from hitl_fsm.policy.document_gates import GATE_NAMES, GateMapping, gate_items
from hitl_fsm.policy.project import Member

RulePath = tuple[str | int, ...]


class PlacedGate(NamedTuple):
    """One gate of a rule. `path` leads to the word, or to the gate's details; `details` is None for a plain word."""

    path: RulePath
    rule: Rule
    kind: str
    details: Any


def rules_of(member: Member) -> Iterator[tuple[RulePath, Rule]]:
    """Each rule with its path."""
    for index, rule in enumerate(member.document.rules):
        yield ("rules", index), rule


def gates_of(member: Member) -> Iterator[PlacedGate]:
    """Each gate of each rule, in order."""
    for path, rule in rules_of(member):
        yield from gates_of_rule(path, rule)


def gates_of_rule(path: RulePath, rule: Rule) -> Iterator[PlacedGate]:
    """Each gate of one rule; a mapping that names none, or several, is left out."""
    for below, item in gate_items(rule.gate):
        here = (*path, "gate", *below)
        if isinstance(item, str):
            yield PlacedGate(here, rule, item, None)
        elif isinstance(item, GateMapping):
            named = [name for name in GATE_NAMES if name in item.model_fields_set]
            details = getattr(item, named[0], None) if len(named) == 1 else None
            if details is not None:
                yield PlacedGate((*here, named[0]), rule, named[0], details)


def stages_of(gate: PlacedGate) -> tuple[PlacedGate, ...]:
    """The stages of an approval, each as a gate; none where it has none."""
    stages = getattr(gate.details, "stages", None) or ()
    return tuple(gate._replace(path=(*gate.path, "stages", index), details=one) for index, one in enumerate(stages))


def asking_gates_of(member: Member) -> Iterator[PlacedGate]:
    """Each gate of each rule, in order, with an approval's stages in its place."""
    for gate in gates_of(member):
        yield from stages_of(gate) or (gate,)


def denies(rule: Rule) -> bool:
    """Whether the rule's gate is a denial."""
    return any(gate.kind == "deny" for gate in gates_of_rule((), rule))


def is_unconditional(rule: Rule) -> bool:
    """Whether it applies to every action of its subjects."""
    return all(text.strip() == "true" for text in rule.when) and not rule.unless


def enforced(members: tuple[Member, ...]) -> Iterator[Member]:
    """The policies that decide; those in shadow only log."""
    return (member for member in members if member.document.mode == "enforce")


def listed(value: object) -> list[str]:
    """The names under `tools`, `steps` or `agents`; empty where there are none."""
    return [str(item) for item in value] if isinstance(value, list) else [value] if isinstance(value, str) else []


def is_narrowed(member: Member, rule: Rule | None = None) -> bool:
    """Whether the policy, or the rule, is for some agents only."""
    return bool(listed(member.document.agents)) or (rule is not None and bool(listed(rule.agents)))


def tools_of(member: Member, rule: Rule) -> list[str]:
    """The tool patterns that a rule is for."""
    return listed(rule.tools) or ([] if listed(rule.steps) else listed(member.document.tools))


def is_grave(rule: Rule) -> bool:
    """Whether much is at stake."""
    return rule.severity in {"high", "critical"}
