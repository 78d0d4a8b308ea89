"""From an action to a verdict: pure, deterministic, and closed on every failure (law 6).

The policies that cover the action (see `subjects`) are asked in order of name. Within one, all rules that match are
joined; if none does, its `default` holds. The results of all are joined (see `join`), so that adding a policy never
loosens the verdict on an action that a policy covers, and adding a rule never loosens it where a rule of that policy
already matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import Approval, Batch, Confirm, Gate, OnChange, Reason, Severity, Verdict
from hitl_fsm.policy.condition import Condition, ConditionProblem, Scope
from hitl_fsm.policy.join import (
    BATCHES,
    ON_CHANGES,
    SEVERITIES,
    conflict,
    gate_key,
    join,
    join_problems,
    merge_gates,
    strictest,
    unique,
)
from hitl_fsm.policy.patterns import is_glob, matches
from hitl_fsm.policy.subjects import Subject, selects, subject_of

__all__ = ["CompiledPolicy", "CompiledRule", "PolicySet", "gate_key", "join"]

MAX_CACHED_SUBJECTS = 4096
Default = Literal["deny", "confirm", "allow"]


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

    def applies(self, scope: Scope, variables: Mapping[str, Any]) -> bool | ConditionProblem:
        """All of `when`, and none of `unless`. An `unless` that cannot be evaluated lifts nothing, it is a problem."""
        held = _all(self.when, scope, variables)
        if held is not True or not self.unless:
            return held
        lifted = _any(self.unless, scope, variables)
        return lifted if isinstance(lifted, ConditionProblem) else not lifted


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


@dataclass(slots=True)
class _Tally:
    """What has been demanded so far."""

    denied: bool = False
    audit: bool = False
    severity: Severity = "low"
    gates: list[tuple[Gate, ...]] | None = None
    reasons: list[Reason] | None = None
    problems: list[str] | None = None


_Asked = tuple[CompiledPolicy, tuple[CompiledRule, ...]]


class PolicySet:
    """All loaded policies. Immutable; `digest` names exactly this set, `text` holds its sources (`load.restore`)."""

    __slots__ = ("_applicable", "_beside", "_exact", "_globs", "_policies", "digest", "files", "text")

    def __init__(self, policies: Iterable[CompiledPolicy], digest: str, text: str, files: Sequence[str]) -> None:
        self.digest = digest
        self.text = text
        self.files = tuple(files)
        self._policies = tuple(sorted(policies, key=lambda policy: policy.name))
        self._exact: dict[str, list[int]] = {}
        self._globs: list[tuple[str, int]] = []
        self._beside: list[int] = []  # those that tools' names do not lead to
        for index, policy in enumerate(self._policies):
            if policy.steps or not policy.tools:
                self._beside.append(index)
            for pattern in policy.tools:
                if is_glob(pattern):
                    self._globs.append((pattern, index))
                else:
                    self._exact.setdefault(pattern, []).append(index)
        self._applicable: dict[Subject, tuple[_Asked, ...]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The policies' names."""
        return tuple(policy.name for policy in self._policies)

    @property
    def rule_count(self) -> int:
        """How many rules they have together."""
        return sum(len(policy.rules) for policy in self._policies)

    def covers(self, tool: str, *, step: str = "", agent: str = "") -> bool:
        """Whether a policy that is enforced covers a call of the tool, or the step, in the run of this agent."""
        subject = Subject(tool, "" if tool else step, agent)
        return any(not policy.shadow for policy, _ in self._asked(subject))

    def evaluate(self, action: Action, default: Literal["deny", "confirm"] = "deny") -> Verdict:
        """The verdict; `default` is the engine's own word on what no enforced policy covers."""
        subject = subject_of(action)
        asked = self._asked(subject)
        scope = Scope(action)
        tally, shadow = _Tally(), _Tally()
        batch: Batch = BATCHES[0]
        on_change: OnChange = ON_CHANGES[0]
        enforced = False
        for policy, rules in asked:
            if policy.shadow:
                _ask(policy, rules, scope, shadow)
                continue
            enforced = True
            batch = strictest(BATCHES, batch, policy.batch)
            on_change = strictest(ON_CHANGES, on_change, policy.on_change)
            _ask(policy, rules, scope, tally)
        if not enforced:
            batch, on_change = "in_order", "strictest"
            _demand(Reason("engine", "default", default, note=f"no policy covers {_told(subject)}"), tally)
        return self._verdict(tally, batch, on_change, tuple(shadow.reasons or ()))

    def _verdict(self, tally: _Tally, batch: Batch, on_change: OnChange, shadow: tuple[Reason, ...]) -> Verdict:
        reasons = tally.reasons or []
        gates = merge_gates(tally.gates) if tally.gates else ()
        if (clash := conflict(gates)) is not None:
            tally.denied = True
            reasons.append(clash)
        outcome: Literal["allow", "gated", "deny"] = "deny" if tally.denied else "gated" if gates else "allow"
        return Verdict(
            outcome=outcome,
            gates=gates if outcome == "gated" else (),
            audit=tally.audit,
            batch=batch,
            on_change=on_change,
            severity=tally.severity,
            reasons=unique(reasons),
            shadow=shadow,
            policy_digest=self.digest,
            problem=join_problems(tally.problems or ()),
        )

    def _asked(self, subject: Subject) -> tuple[_Asked, ...]:
        """The policies that cover a subject with their rules for it; kept, since a run asks for few tools often."""
        found = self._applicable.get(subject)
        if found is None:
            led_to = {
                *self._beside,
                *self._exact.get(subject.tool, ()),
                *(index for pattern, index in self._globs if matches(pattern, subject.tool)),
            }
            found = tuple(
                (policy, tuple(rule for rule in policy.rules if rule.selects(subject)))
                for policy in (self._policies[index] for index in sorted(led_to))
                if policy.covers(subject)
            )
            if len(self._applicable) >= MAX_CACHED_SUBJECTS:  # a model may ask for any name
                self._applicable.clear()
            self._applicable[subject] = found
        return found


def _told(subject: Subject) -> str:
    """A subject in a reason's note."""
    if subject.tool:
        return subject.tool
    return f"the step {subject.step}" if subject.step else f"the start of {subject.agent or 'a run'}"


def _ask(policy: CompiledPolicy, rules: tuple[CompiledRule, ...], scope: Scope, tally: _Tally) -> None:
    matched = False
    for rule in rules:
        answer = rule.applies(scope, policy.variables)
        if answer is False:
            continue
        matched = True
        tally.severity = strictest(SEVERITIES, tally.severity, rule.severity)
        tally.audit = tally.audit or rule.audit
        if isinstance(answer, ConditionProblem):
            _fail(rule, answer, policy.on_error, tally)
        else:
            _demand(rule.reason, tally, denies=rule.denies, gates=rule.gates)
    if not matched:
        _demand(policy.default, tally)


def _fail(rule: CompiledRule, problem: ConditionProblem, ask: Approval | None, tally: _Tally) -> None:
    """A condition without an answer never allows, whatever the rule's gate is (law 6).

    The action is denied; or, where the policy's `on_error` names who is asked, `ask` comes on top of all that the rule
    demands when it matches: arguments that break a condition get around nothing.
    """
    reason = rule.reason
    text = f"{reason.policy}/{reason.rule} at {reason.file}:{reason.line} cannot be evaluated: {problem.text}"
    tally.problems = [*(tally.problems or ()), text]
    note = f"cannot be evaluated: {problem.text}"
    if ask is None or rule.denies:
        _demand(Reason(reason.policy, reason.rule, "deny", reason.file, reason.line, note), tally, denies=True)
        return
    effect = ", ".join([f"approval of {' or '.join(ask.of)}", *([reason.effect] if rule.gates else [])])
    failed = Reason(reason.policy, reason.rule, effect, reason.file, reason.line, note)
    _demand(failed, tally, denies=False, gates=rule.gates)
    tally.gates = [*(tally.gates or ()), (ask,)]


def _demand(reason: Reason, tally: _Tally, *, denies: bool | None = None, gates: tuple[Gate, ...] = ()) -> None:
    """A rule that matched, or a default: its effect is then its word."""
    if denies is None:
        denies = reason.effect not in {"allow", "confirm"}
        gates = (Confirm(),) if reason.effect == "confirm" else ()
    tally.denied = tally.denied or denies
    if gates:
        tally.gates = [*(tally.gates or ()), gates]
    tally.reasons = [*(tally.reasons or ()), reason]


def _answers(
    conditions: tuple[Condition, ...], scope: Scope, variables: Mapping[str, Any]
) -> Iterator[bool | ConditionProblem]:
    for condition in conditions:
        yield condition.evaluate(scope, variables)


def _all(conditions: tuple[Condition, ...], scope: Scope, variables: Mapping[str, Any]) -> bool | ConditionProblem:
    """As CEL's `&&`: one False decides, in any order; else one problem is the answer."""
    problem: ConditionProblem | None = None
    for answer in _answers(conditions, scope, variables):
        if answer is False:
            return False
        if isinstance(answer, ConditionProblem):
            problem = problem or answer
    return problem or True


def _any(conditions: tuple[Condition, ...], scope: Scope, variables: Mapping[str, Any]) -> bool | ConditionProblem:
    """As CEL's `||`: one True decides, in any order; else one problem is the answer."""
    problem: ConditionProblem | None = None
    for answer in _answers(conditions, scope, variables):
        if answer is True:
            return True
        if isinstance(answer, ConditionProblem):
            problem = problem or answer
    return problem or False
