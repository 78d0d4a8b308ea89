"""Cases -> results: each action judged by the policies, and held against what its case expects. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import Reason, Verdict
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.project import Member, Project
from hitl_fsm.policy.source import Node, Source
from hitl_fsm.policy.testing.case import Case, Check, PolicyTest
from hitl_fsm.policy.testing.compare import Mismatch, mismatches
from hitl_fsm.policy.testing.document import WouldBe
from hitl_fsm.policy.testing.words import deciding, rule_name

MAX_TOLD_CHARS = 500
MAX_DECIDING = 20
_SHOWN = 8
_DEFAULT = "default"


class Result(NamedTuple):
    """What came of one case. `findings` has what differs, at its place in the test file, then what decided."""

    file: str
    case: Case
    verdict: Verdict
    differs: tuple[Mismatch, ...]
    findings: tuple[Diagnostic, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that the case expects is so."""
        return not self.differs


def run(project: Project, test: PolicyTest) -> list[Result]:
    """A result for each case. The project's policies must have loaded: ValueError otherwise."""
    if project.policies is None:
        msg = "the policies do not load"
        raise ValueError(msg)
    shadows = _shadows(project)
    members = {member.source.file: member for member in project.members}
    results: list[Result] = []
    for case in test.cases:
        verdict = project.policies.evaluate(case.action)
        shadow = _would_be(shadows, case.action) if any(check.what == "shadow" for check in case.checks) else None
        differs = tuple(mismatches(case.checks, verdict, shadow))
        findings: list[Diagnostic] = []
        if differs:
            findings += [_told(test.source, case, one) for one in differs]
            blamed = [reason for one in differs for reason in _blamed(one, verdict, shadow)]
            findings += [
                _place(members, reason, (test.source, case)) for reason in list(dict.fromkeys(blamed))[:MAX_DECIDING]
            ]
        results.append(Result(test.source.file, case, verdict, differs, tuple(findings)))
    return results


def _shadows(project: Project) -> PolicySet:
    """The shadow policies, as if they were enforced."""
    asked = [replace(member.policy, shadow=False) for member in project.members if member.policy.shadow]
    return PolicySet(asked, "", "", ())


def _would_be(shadows: PolicySet, action: Action) -> Verdict | None:
    covered = shadows.covers(action.tool, step=action.step, agent=action.agent)
    return shadows.evaluate(action) if covered else None


def _told(source: Source, case: Case, one: Mismatch) -> Diagnostic:
    subject = "" if one.what == "outcome" else f" {one.what}"
    message = f"`{case.name}`: expected{subject} {_cut(one.expected)}, got {_cut(one.got)}"
    return source.diagnostic(Code.TEST_FAILED, message, one.node)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TOLD_CHARS else f"{text[: MAX_TOLD_CHARS - 1]}…"


def _blamed(one: Mismatch, verdict: Verdict, shadow: Verdict | None) -> Sequence[Reason]:
    if one.what.startswith("shadow"):
        return () if shadow is None else deciding(shadow)
    return verdict.reasons if one.what in {"rule", "rules", "severity", "batch", "audit"} else deciding(verdict)


def _place(members: Mapping[str, Member], reason: Reason, asked: tuple[Source, Case]) -> Diagnostic:
    """Where what decided is written; at the case that asked, if it is in no file: the engine's own word."""
    message = f"`{rule_name(reason)}` decided: {_cut(reason.effect)}"
    if reason.note:
        message += f" ({_cut(reason.note)})"
    member = members.get(reason.file)
    if member is None:
        source, case = asked
        return replace(source.diagnostic(Code.TEST_FAILED, message, case.node), severity="info")
    rules = {rule.reason: index for index, rule in enumerate(member.policy.rules)}
    index = next((at for one, at in rules.items() if one.line == reason.line and one.rule == reason.rule), None)
    path = ("default",) if index is None else ("rules", index, "id")
    node = member.source.node(path, key=index is None)
    if node is member.source.root:  # a default that is not written
        node = member.source.node(("name",))
    return replace(member.source.diagnostic(Code.TEST_FAILED, message, node), severity="info")


def rule_findings(project: Project, test: PolicyTest) -> Iterator[Diagnostic]:
    """Rules that cases expect and the policies do not have."""
    enforced = _names(member for member in project.members if not member.policy.shadow)
    shadowed = _names(member for member in project.members if member.policy.shadow)
    seen: set[tuple[str, int, int]] = set()
    for case in test.cases:
        for name, node, in_shadow in _expected_rules(case.checks):
            known, others = (shadowed, enforced) if in_shadow else (enforced, shadowed)
            if name in known or (name, node.line, node.column) in seen:
                continue
            seen.add((name, node.line, node.column))
            what = "the shadow policies have" if in_shadow else "the policies have"
            help_text = did_you_mean(name, known) or f"there are: {', '.join(sorted(known)[:_SHOWN])}"
            if name in others:
                help_text = "it is enforced" if in_shadow else "it is in `mode: shadow`: expect it under `shadow`"
            yield test.source.diagnostic(Code.TEST_RULE, f"{what} no rule `{name}`", node, help_text)


def _names(members: Iterable[Member]) -> set[str]:
    names = {_DEFAULT, f"engine/{_DEFAULT}", "engine/one-route", "one-route"}
    for member in members:
        policy = member.policy
        names |= {rule.reason.rule for rule in policy.rules} | {rule_name(rule.reason) for rule in policy.rules}
        names.add(rule_name(policy.default))
    return names


def _expected_rules(checks: Sequence[Check]) -> Iterator[tuple[str, Node, bool]]:
    for check in checks:
        if check.what == "rule":
            yield check.value, check.node, False
        elif check.what == "rules":
            yield from (
                (name, check.node.children.get(index, check.node), False) for index, name in enumerate(check.value)
            )
        elif check.what == "shadow" and isinstance(check.value, WouldBe) and check.value.rule is not None:
            yield check.value.rule, check.node.children.get("rule", check.node), True
