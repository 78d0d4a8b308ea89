"""From an action to a verdict: pure, deterministic, and closed on every failure (law 6).

The policies that cover the action (see `subjects`) are asked in order of name. Within one, all rules that match are
joined; if none does, its `default` holds. The results of all are joined (see `join`), so that adding a policy never
loosens the verdict on an action that a policy covers, and adding a rule never loosens it where a rule of that policy
already matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import (
    Approval,
    Batch,
    Confirm,
    Gate,
    Looked,
    OnChange,
    Reason,
    Severity,
    Verdict,
    Would,
)
from hitl_fsm.policy.calendar import NO_CALENDARS, Calendar
from hitl_fsm.policy.compiled import CompiledPolicy, CompiledRule
from hitl_fsm.policy.condition import Answer, ConditionProblem
from hitl_fsm.policy.gate_words import describe
from hitl_fsm.policy.inquiry import Asked, Inquiry, Look, RuleLook
from hitl_fsm.policy.join import (
    BATCHES,
    ON_CHANGES,
    SEVERITIES,
    Outcome,
    conflict,
    gate_key,
    join,
    join_problems,
    merge_gates,
    strictest,
    unique,
)
from hitl_fsm.policy.patterns import is_glob, matches
from hitl_fsm.policy.subjects import Subject, subject_of

__all__ = ["CompiledPolicy", "CompiledRule", "PolicySet", "gate_key", "join"]

MAX_CACHED_SUBJECTS = 4096
MAX_CACHED_VERDICTS = 16_384
Default = Literal["deny", "confirm", "allow"]


@dataclass(slots=True)
class _Tally:
    """What has been demanded so far."""

    denied: bool = False
    audit: bool = False
    severity: Severity = "low"
    gates: list[tuple[Gate, ...]] | None = None
    reasons: list[Reason] | None = None
    problems: list[str] | None = None


class PolicySet:
    """All loaded policies. Immutable; `digest` names exactly this set, `text` holds its sources (`load.restore`).

    `calendars` are those that a gate names, by name.
    """

    __slots__ = (
        *("_beside", "_exact", "_globs", "_inquiries", "_policies", "_remembered"),
        *("calendars", "digest", "files", "text"),
    )

    def __init__(
        self,
        policies: Iterable[CompiledPolicy],
        digest: str,
        text: str,
        files: Sequence[str],
        calendars: Mapping[str, Calendar] = NO_CALENDARS,
    ) -> None:
        self.digest = digest
        self.calendars = calendars
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
        self._inquiries: dict[tuple[str, str, str], Inquiry] = {}
        self._remembered = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The policies' names."""
        return tuple(policy.name for policy in self._policies)

    @property
    def enforced(self) -> tuple[CompiledPolicy, ...]:
        """Those that do not only watch."""
        return tuple(policy for policy in self._policies if not policy.shadow)

    @property
    def rule_count(self) -> int:
        """How many rules they have together."""
        return sum(len(policy.rules) for policy in self._policies)

    def covers(self, tool: str, *, step: str = "", agent: str = "") -> bool:
        """Whether a policy that is enforced covers a call of the tool, or the step, in the run of this agent."""
        subject = Subject(tool, "" if tool else step, agent)
        return any(not policy.shadow for policy, _ in self._inquiry(subject).asked)

    def evaluate(self, action: Action, default: Default = "deny") -> Verdict:
        """The verdict; `default` is the engine's own word on what no enforced policy covers."""
        tool = action.tool
        inquiry = self._inquiries.get((tool, "" if tool else action.step, action.agent))
        if inquiry is None:
            inquiry = self._inquiry(subject_of(action))
        answers = inquiry.answers(action)
        known = inquiry.verdicts.get(answers)
        return known if known is not None else self._judge(inquiry, answers, action, default)

    def asked(self, tool: str, *, agent: str = "") -> tuple[Asked, ...]:
        """Every policy that covers a call of the tool in the run of this agent, with its rules for it."""
        return self._inquiry(Subject(tool, "", agent)).asked

    def look(self, action: Action) -> tuple[Look, ...]:
        """Every policy that covers the action, with each rule that was looked at: what `evaluate` decides by."""
        inquiry = self._inquiry(subject_of(action))
        return inquiry.looks(inquiry.answers(action))

    def _judge(self, inquiry: Inquiry, answers: tuple[Answer, ...], action: Action, default: Default) -> Verdict:
        looks = inquiry.looks(answers)
        verdict = judge_looks(looks, subject_of(action), default, self.digest)
        if any(not look.policy.shadow for look in looks) and ConditionProblem not in map(type, answers):
            self._remembered += 1
            if self._remembered > MAX_CACHED_VERDICTS:
                self._remembered = 1
                for one in tuple(self._inquiries.values()):
                    one.verdicts.clear()
            inquiry.verdicts[answers] = verdict
        return verdict

    def _inquiry(self, subject: Subject) -> Inquiry:
        """The policies that cover a subject with their rules for it; kept, since a run asks for few tools often."""
        found = self._inquiries.get(subject)
        if found is None:
            led_to = {
                *self._beside,
                *self._exact.get(subject.tool, ()),
                *(index for pattern, index in self._globs if matches(pattern, subject.tool)),
            }
            found = Inquiry(
                [
                    (policy, tuple(rule for rule in policy.rules if rule.selects(subject)))
                    for policy in (self._policies[index] for index in sorted(led_to))
                    if policy.covers(subject)
                ]
            )
            if len(self._inquiries) >= MAX_CACHED_SUBJECTS:  # a model may ask for any name
                self._inquiries.clear()
            self._inquiries[subject] = found
        return found


def judge_looks(looks: Sequence[Look], subject: Subject, default: Default, digest: str) -> Verdict:
    """The verdict that follows from what the rules said; `default` where no policy that is enforced covers it."""
    tally, shadow = _Tally(), _Tally()
    batch: Batch = BATCHES[0]
    on_change: OnChange = ON_CHANGES[0]
    enforced = [look for look in looks if not look.policy.shadow]
    for look in enforced:
        batch = strictest(BATCHES, batch, look.policy.batch)
        on_change = strictest(ON_CHANGES, on_change, look.policy.on_change)
        _ask(look, tally)
    if not enforced:
        batch, on_change = "in_order", "strictest"
        _demand(Reason("engine", "default", default, note=f"no policy covers {_told(subject)}"), tally)
    beside = [look for look in looks if look.policy.shadow]
    for look in beside:
        _ask(look, shadow)
    would = None
    if beside:
        outcome, gates = _outcome(shadow)
        problem = join_problems(shadow.problems or ())
        would = Would(outcome, gates, shadow.audit, shadow.severity, looked_at(beside), problem)
    outcome, gates = _outcome(tally)
    return Verdict(
        outcome=outcome,
        gates=gates,
        audit=tally.audit,
        batch=batch,
        on_change=on_change,
        severity=tally.severity,
        reasons=unique(tally.reasons or ()),
        shadow=tuple(shadow.reasons or ()),
        policy_digest=digest,
        problem=join_problems(tally.problems or ()),
        looked=looked_at(enforced),
        would=would,
    )


def looked_at(looks: Sequence[Look]) -> tuple[Looked, ...]:
    """What the rules said, as a verdict keeps it."""
    return tuple(_looked(look.policy, rule) for look in looks for rule in look.rules)


def _looked(policy: CompiledPolicy, look: RuleLook) -> Looked:
    when, unless = "".join(map(_letter, look.when)), "".join(map(_letter, look.unless))
    return Looked(policy.name, look.rule.reason.rule, look.rule.reason.line, _letter(look.answer), when, unless)


def _letter(answer: Answer) -> Literal["T", "F", "!"]:
    return "!" if isinstance(answer, ConditionProblem) else "T" if answer else "F"


def _outcome(tally: _Tally) -> tuple[Outcome, tuple[Gate, ...]]:
    """What all demands together come to; the gates only where they are to be passed."""
    gates = merge_gates(tally.gates) if tally.gates else ()
    if (clash := conflict(gates)) is not None:
        tally.denied = True
        tally.reasons = [*(tally.reasons or ()), clash]
    if tally.denied:
        return "deny", ()
    return ("gated", gates) if gates else ("allow", ())


def _told(subject: Subject) -> str:
    """A subject in a reason's note."""
    if subject.tool:
        return subject.tool
    return f"the step {subject.step}" if subject.step else f"the start of {subject.agent or 'a run'}"


def _ask(look: Look, tally: _Tally) -> None:
    matched = False
    for rule, _, _, answer in look.rules:
        if answer is False:
            continue
        matched = True
        tally.severity = strictest(SEVERITIES, tally.severity, rule.severity)
        tally.audit = tally.audit or rule.audit
        if isinstance(answer, ConditionProblem):
            _fail(rule, answer, look.policy.on_error, tally)
        else:
            _demand(rule.reason, tally, denies=rule.denies, gates=rule.gates)
    if not matched:
        _demand(look.policy.default, tally)


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
        _demand(replace(reason, effect="deny", note=note), tally, denies=True)
        return
    effect = ", ".join([describe(ask), *([reason.effect] if rule.gates else [])])
    _demand(replace(reason, effect=effect, note=note), tally, denies=False, gates=rule.gates)
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
