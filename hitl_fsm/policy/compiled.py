"""Rules and policies, ready to be asked, and how the answers of a rule's conditions make its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hitl_fsm.model.verdict import Approval, Batch, Gate, OnChange, Reason, Severity
from hitl_fsm.policy.condition import Answer, Condition, ConditionProblem, Scope
from hitl_fsm.policy.subjects import Subject, selects


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule, ready to be asked. Without `tools`, `steps` and `agents` it holds for all that its policy covers."""

    reason: Reason
    tools: tuple[str, ...]
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    denies: bool
    audit: bool
    gates: tuple[Gate, ...]
    severity: Severity
    steps: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    def selects(self, subject: Subject) -> bool:
        """Whether the rule is about this, given that its policy is."""
        return selects(self.tools, self.steps, self.agents, subject)

    def applies(self, scope: Scope, variables: Mapping[str, Any]) -> Answer:
        """Whether all of `when` and none of `unless` hold; see `answered`."""
        return answered(
            [condition.evaluate(scope, variables) for condition in self.when],
            [condition.evaluate(scope, variables) for condition in self.unless],
        )


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """One document, ready to be asked."""

    name: str
    tools: tuple[str, ...]
    shadow: bool
    default: Reason
    batch: Batch
    on_change: OnChange
    variables: Mapping[str, Any]
    rules: tuple[CompiledRule, ...]
    steps: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    on_error: Approval | None = None

    def covers(self, subject: Subject) -> bool:
        """Whether the policy is about this."""
        return selects(self.tools, self.steps, self.agents, subject)


def answered(when: Sequence[Answer], unless: Sequence[Answer]) -> Answer:
    """All of `when`, and none of `unless`. An `unless` that cannot be evaluated lifts nothing, it is a problem.

    As CEL's `&&` and `||`: one False under `when`, one True under `unless` decides in any order; else the first problem
    is the answer.
    """
    if False in when:
        return False
    held = next((answer for answer in when if isinstance(answer, ConditionProblem)), True)
    if held is not True or not unless:
        return held
    if True in unless:
        return False
    return next((answer for answer in unless if isinstance(answer, ConditionProblem)), True)
