"""What must be so of everything that reads a bad file; `Broken` says what was not."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree as ET

from hitl_fsm.errors import Diagnostic
from hitl_fsm.model.action import Action
from hitl_fsm.model.verdict import Approval
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.compiled import CompiledRule
from hitl_fsm.policy.condition import Answer, ConditionProblem, Scope
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.explain import explain
from hitl_fsm.policy.formats import concise, data, github, junit, sarif, text
from hitl_fsm.policy.formats.report import Report
from hitl_fsm.policy.inquiry import WARM_AFTER
from hitl_fsm.policy.lint.all import RULES
from hitl_fsm.policy.subjects import subject_of

CODES = frozenset({code.value for code in Code} | {rule.RULE.code for rule in RULES})
MAX_MESSAGE = 1_000
"""A message is for a person: no finding tells a whole file again."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


class Broken(AssertionError):
    """Something that must hold does not."""


def holds(fact: object, told: str) -> None:
    if not fact:
        raise Broken(told)


def findings_hold(found: Sequence[Diagnostic], files: Mapping[str, bytes]) -> None:
    """Each has a known code, a severity, a place inside its file, and something to say."""
    for one in found:
        place = one.place
        holds(one.code in CODES, f"unknown code {one.code}")
        holds(one.severity in {"error", "warning", "info"}, f"{one.code}: severity {one.severity!r}")
        holds(one.message.strip(), f"{one.code} says nothing")
        holds(len(one.message) <= MAX_MESSAGE, f"{one.code} says {len(one.message)} characters: {one.message[:80]!r}")
        holds(place.file in files, f"{one.code} in the unknown file {place.file!r}")
        lines = lines_of(files[place.file])
        holds(1 <= place.line <= len(lines), f"{one.code} on line {place.line} of {len(lines)}: {one.message[:80]!r}")
        width = len(lines[place.line - 1])
        holds(1 <= place.column <= width + 1, f"{one.code} at {place} in a line of {width}: {one.message[:80]!r}")
        holds(one.width >= 1, f"{one.code} is {one.width} wide")


def lines_of(raw: bytes) -> list[str]:
    return raw.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def texts_hold(found: Sequence[Diagnostic], files: Iterable[str]) -> None:
    """Every format can tell the findings, in characters that can be seen, and machines can read theirs."""
    report = Report(tuple(found), tuple(files))
    for render in (text.render, concise.render, github.render):
        seen_hold(render(report), render.__module__)
    holds(text.render(report).count(" HF") >= len(found), "the text leaves findings out")
    json.loads(data.render(report))
    json.loads(sarif.render(report))
    ET.fromstring(junit.render(report))


def seen_hold(shown: str, what: str) -> None:
    """No control character but tabs and line ends, and nothing that hides or turns text around."""
    found = _UNSEEN.search(shown)
    if found:
        name = unicodedata.name(found[0], hex(ord(found[0])))
        raise Broken(f"{what} shows {name}: {shown[max(0, found.start() - 60) : found.end() + 20]!r}")
    shown.encode()


def verdicts_hold(policies: PolicySet, restored: PolicySet, action: Action) -> None:
    """The fast way, the way of explain, and every condition asked by itself come to the same, and no problem allows.

    `restored` is the set as it comes from the store; it judges few actions, so that it stays with the slow way.
    """
    slow = restored.evaluate(action)
    for _ in range(WARM_AFTER + 1):
        fast = policies.evaluate(action)
        holds(fast == slow, f"warm says {fast.outcome} ({fast.problem}), cold {slow.outcome} ({slow.problem})")
    told = explain(policies, action)
    holds(told.verdict == slow, f"explain says {told.verdict.outcome}, evaluate {slow.outcome}")
    answers = list(_answers(policies, action))
    failed = any(isinstance(answer, ConditionProblem) for answer, _, _ in answers)
    holds(failed == (slow.problem is not None), f"problem: {slow.problem!r}, item by item: {failed}")
    if failed:
        holds(slow.outcome != "allow", f"a condition error allows: {slow.problem}")
    for answer, rule, on_error in answers:
        if rule.denies and answer is True:
            holds(slow.outcome == "deny", "a denial that matches does not deny")
        if isinstance(answer, ConditionProblem) and (rule.denies or on_error is None):
            holds(slow.outcome == "deny", f"a condition error does not deny: {slow.problem}")


def _answers(policies: PolicySet, action: Action) -> Iterable[tuple[Answer, CompiledRule, Approval | None]]:
    """What each rule of an enforced policy says, by its own conditions alone; and who is asked if that is a problem."""
    scope, subject = Scope(action), subject_of(action)
    for policy in policies._policies:
        if policy.covers(subject) and not policy.shadow:
            for rule in policy.rules:
                if rule.selects(subject):
                    yield rule.applies(scope, policy.variables), rule, policy.on_error
